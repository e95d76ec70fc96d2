"""The committed JARs are what their sources make."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JARS = {
    ROOT / "examples/wordcount/wordcount.jar": ROOT / "examples/wordcount/src/WordCount.java",
    ROOT / "supervisor/finder/finder.jar": ROOT / "supervisor/finder/FindState.java",
}
each_jar = pytest.mark.parametrize(("jar", "source"), JARS.items(), ids=[jar.stem for jar in JARS])


def contents(jar):
    with zipfile.ZipFile(jar) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def build(source, output, **environment):
    command = [sys.executable, "-m", "local.jar", str(source), str(output)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=settings)


@each_jar
def test_the_jar_starts_at_its_main_class(jar, source):
    assert f"Main-Class: {source.stem}\r\n".encode() in contents(jar)["META-INF/MANIFEST.MF"]


@each_jar
def test_a_rebuild_gives_the_same_jar(jar, source, tmp_path):
    """Sources that were edited and not rebuilt show here."""
    if not (shutil.which("javac") or os.environ.get("JAVA_HOME")):
        pytest.skip("no javac: the JAR cannot be rebuilt here")
    done = build(source, tmp_path / "rebuilt.jar")
    assert done.returncode == 0, done.stderr
    committed, rebuilt = contents(jar), contents(tmp_path / "rebuilt.jar")
    assert committed.keys() == rebuilt.keys()
    made_by, here = (
        re.search(rb"Build-Jdk-Spec: (\w+)", each["META-INF/MANIFEST.MF"])[1] for each in (committed, rebuilt)
    )
    if made_by != here:
        pytest.skip(f"built with javac {made_by.decode()}, here is {here.decode()}: their bytes may differ")
    assert jar.read_bytes() == (tmp_path / "rebuilt.jar").read_bytes()


def test_without_a_compiler_it_says_so_in_one_line(tmp_path):
    done = build(ROOT / "x.java", tmp_path / "x.jar", PATH=str(tmp_path), JAVA_HOME="")
    assert done.returncode == 1
    assert done.stderr == "no javac found; install a JDK (11 or newer) or set JAVA_HOME\n"
    assert not (tmp_path / "x.jar").exists()
