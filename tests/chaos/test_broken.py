"""A supervisor that is broken on purpose: a run must find that, or it proves nothing."""

from pathlib import Path

import pytest

from local.kubelet import ours

from . import __main__ as chaos
from .report import Report

# Python imports a module of that name as it starts.
SECOND_NEWEST = """
from dataclasses import replace
from supervisor import recovery

newest = recovery.start_point

def second_newest(status):
    points = status.recovery_points
    return newest(replace(status, recovery_points=points[1:] or points))

recovery.start_point = second_newest
"""


@pytest.fixture
def second_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(SECOND_NEWEST)
    launch = ours.launch

    def broken(request):
        made = launch(request)
        return made._replace(env={**made.env, "PYTHONPATH": str(tmp_path)})

    monkeypatch.setattr(ours, "launch", broken)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("second_newest")
def test_jobs_that_come_back_from_their_second_newest_checkpoint(tmp_path: Path) -> None:
    report = Report(17, "local runtime")
    chaos.run(chaos.options(["--seed=17", "--faults=1", "--kinds=jobmanager-killed"]), tmp_path / "run", report)
    assert report.faults == 1
    assert report.total("regression") == 2, report.details()
    assert (report.total("doubled"), report.stuck) == (0, 0), report.details()
