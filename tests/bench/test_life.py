"""The measurement of a job's life still measures. What it finds of times is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_figure_is_there_and_no_run_came_back_behind_a_checkpoint() -> None:
    command = [sys.executable, "-m", "bench.life", "--rounds", "1", "--idle", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1100)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert len(re.findall(r" limit .* (?:ok|over)$", done.stdout, re.MULTILINE)) == 11, done.stdout
    assert re.search(r"runs behind a completed checkpoint +0 .* ok$", done.stdout, re.MULTILINE), done.stdout
