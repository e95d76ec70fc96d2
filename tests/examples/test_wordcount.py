"""The committed example JAR is what its source makes."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WORDCOUNT = Path(__file__).parents[2] / "examples" / "wordcount"


def contents(jar):
    with zipfile.ZipFile(jar) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def build(*arguments, **environment):
    command = [sys.executable, str(WORDCOUNT / "build.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, **environment})


def test_the_jar_starts_at_its_main_class():
    assert b"Main-Class: WordCount\r\n" in contents(WORDCOUNT / "wordcount.jar")["META-INF/MANIFEST.MF"]


def test_a_rebuild_gives_the_same_jar(tmp_path):
    """Sources that were edited and not rebuilt show here."""
    if not (shutil.which("javac") or os.environ.get("JAVA_HOME")):
        pytest.skip("no javac: the JAR cannot be rebuilt here")
    done = build("--output", tmp_path / "rebuilt.jar")
    assert done.returncode == 0, done.stderr
    committed, rebuilt = contents(WORDCOUNT / "wordcount.jar"), contents(tmp_path / "rebuilt.jar")
    assert committed.keys() == rebuilt.keys()
    made_by, here = (
        re.search(rb"Build-Jdk-Spec: (\w+)", jar["META-INF/MANIFEST.MF"])[1] for jar in (committed, rebuilt)
    )
    if made_by != here:
        pytest.skip(f"built with javac {made_by.decode()}, here is {here.decode()}: their bytes may differ")
    assert committed == rebuilt
    assert (WORDCOUNT / "wordcount.jar").read_bytes() == (tmp_path / "rebuilt.jar").read_bytes()


def test_without_a_compiler_it_says_so_in_one_line(tmp_path):
    done = build("--output", tmp_path / "x.jar", PATH=str(tmp_path), JAVA_HOME="")
    assert done.returncode == 1
    assert done.stderr == "wordcount: no javac found; install a JDK (11 or newer) or set JAVA_HOME\n"
    assert not (tmp_path / "x.jar").exists()
