"""A few faults, for real."""

from pathlib import Path

import pytest

from . import __main__ as chaos
from .report import Report

KINDS = "jobmanager-killed,supervisor-killed,api-lost,rest-lost,watches-cut,metacontroller-restarted"


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_run(tmp_path: Path) -> None:
    report = Report(3, "local runtime")
    chaos.run(chaos.options(["--seed=3", "--faults=6", "--minutes=0.4", f"--kinds={KINDS}"]), tmp_path, report)
    assert report.good, report.details()
    assert report.faults >= 2
