"""What make says when it cannot set itself up."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project() -> Iterator[Path]:
    """Not in pytest's own folder, which is closed to other users."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / file, folder)
        yield folder


def make(project: Path, python: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code and stderr, with another program in place of Python; as somebody who is not root."""
    command = ["make", "--no-print-directory", ".venv/ready", f"PYTHON={python}"]
    nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = os.environ | variables
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, **nobody)
    return done.returncode, done.stderr.splitlines()


def test_a_registry_that_does_not_answer(project: Path) -> None:
    pip = project / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text("#!/bin/sh\nexit 1\n")
    pip.chmod(0o755)
    project.chmod(0o777)
    code, (told, *_) = make(project, "true", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert code == 2
    assert told.startswith(
        "pip could not install what setup.cfg lists, from http://127.0.0.1:9/simple: is it reachable?"
    )
    assert not (project / ".venv" / "ready").exists()


def test_a_folder_that_is_not_writable(project: Path) -> None:
    project.chmod(0o555)
    code, (told, *_) = make(project, "true")
    project.chmod(0o755)
    assert (code, told) == (2, f"{project} is not writable; copy it to a folder of yours")


def test_a_python_that_is_too_old(project: Path) -> None:
    project.chmod(0o755)
    code, (told, *_) = make(project, "false")
    assert (code, told) == (2, "needs Python >= 3.11; set PYTHON=python3.x")
