"""Builds a JAR from one source file: `python -m local.jar SOURCE.java OUTPUT.jar [--flink-lib DIR]`.

The same compiler gives the same bytes again: entries are sorted, stored without compression and carry no time.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RELEASE = "11"  # the oldest Java that Flink 2 runs on


def find_javac() -> str:
    """The compiler of JAVA_HOME, else the one on the PATH. The Java of the local runtime has none."""
    homes = [Path(os.environ["JAVA_HOME"], "bin", "javac")] if os.environ.get("JAVA_HOME") else []
    found = next((str(javac) for javac in homes if javac.is_file()), None) or shutil.which("javac")
    if found is None:
        sys.exit("no javac found; install a JDK (11 or newer) or set JAVA_HOME")
    return found


def find_flink_lib() -> Path:
    """The lib folder of the installed PyPI package apache-flink-libraries."""
    spec = importlib.util.find_spec("pyflink")
    for place in spec.submodule_search_locations or () if spec else ():
        if any(Path(place, "lib").glob("flink-dist-*.jar")):
            return Path(place, "lib")
    sys.exit("no Flink found; install apache-flink-libraries or give --flink-lib")


def java_version(javac: str) -> str:
    """Feature release of the compiler, "17": another one may write other bytes."""
    printed = subprocess.run([javac, "-version"], capture_output=True, text=True, check=True)
    match = re.search(r"javac (?:1\.)?(\d+)", printed.stdout + printed.stderr)
    return match.group(1) if match else "unknown"


def compile_classes(javac: str, flink_lib: Path, source: Path, folder: Path) -> dict[str, bytes]:
    jars = sorted(flink_lib.glob("flink-dist-*.jar"))
    if not jars:
        sys.exit(f"no flink-dist-*.jar in {flink_lib}")
    command = [javac, "--release", RELEASE, "-encoding", "UTF-8", "-Xlint:all,-classfile", "-Werror"]
    done = subprocess.run([*command, "-cp", str(jars[0]), "-d", str(folder), str(source)], check=False)
    if done.returncode:
        sys.exit(f"javac failed ({done.returncode})")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")}


def write_jar(output: Path, entries: dict[str, bytes], main_class: str, jdk: str) -> None:
    manifest = f"Manifest-Version: 1.0\r\nMain-Class: {main_class}\r\nBuild-Jdk-Spec: {jdk}\r\n\r\n".encode()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as jar:
        for name, content in [("META-INF/MANIFEST.MF", manifest), *sorted(entries.items())]:
            jar.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.jar", description="Builds a JAR from one source file.")
    parser.add_argument("source", type=Path, help="the class of this name is the JAR's main class")
    parser.add_argument("output", type=Path)
    parser.add_argument("--flink-lib", type=Path, help="folder with flink-dist-*.jar; default: the installed one")
    options = parser.parse_args()
    javac = find_javac()
    with tempfile.TemporaryDirectory() as folder:
        classes = compile_classes(javac, options.flink_lib or find_flink_lib(), options.source, Path(folder))
    write_jar(options.output, classes, options.source.stem, java_version(javac))


if __name__ == "__main__":
    main()
