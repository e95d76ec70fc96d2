"""Which savepoints fall out of the history, and how one of ours is disposed of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.flink import Operation
from core.job_status import SAVEPOINT, Disposal
from supervisor import history
from supervisor.decision import DisposeSavepoint

DISPOSE = {"savepoint.cleanup": "Dispose", "savepoint.historyLimit": 1}
PATHS = ("sp-3", "sp-2", "sp-1")


@pytest.fixture
def points(known):
    """Three savepoints of ours behind a checkpoint, newest first; `but` says which are another's."""

    def make(but: str = ""):
        taken = [
            replace(known(path, type=SAVEPOINT, at=-100 * age), ours=path != but) for age, path in enumerate(PATHS)
        ]
        return (known("chk-9", id=9), *taken)

    return make


LIMITS = [
    ({"savepoint.historyLimit": 3}, ["sp-3", "sp-2", "sp-1"]),
    ({"savepoint.historyLimit": 2}, ["sp-3", "sp-2"]),
    ({"savepoint.historyLimit": 1}, ["sp-3"]),
    ({"savepoint.historyMaxAge": 150}, ["sp-3", "sp-2"]),
    ({"savepoint.historyMaxAge": 1}, ["sp-3"]),
]


@pytest.mark.parametrize(("job", "left"), LIMITS)
def test_by_count_and_by_age(world, points, job, left):
    view = world("ready", flink="runs", job=job, recovery_points=points())
    outdated = [point.path for point in history.superfluous(view)]
    assert [path for path in PATHS if path not in outdated] == left


@pytest.mark.parametrize(
    "use", [{"restore_path": "sp-1"}, {"restored_path": "sp-1"}, {"savepoint_path": "sp-1"}, {"unreadable": ("sp-1",)}]
)
def test_what_a_start_may_need_stays(world, points, use):
    view = world("ready", flink="runs", job=DISPOSE, recovery_points=points(), **use)
    assert [point.path for point in history.superfluous(view)] == ["sp-2"]


def test_the_initial_path_stays(world, points):
    view = world("ready", flink="runs", job={**DISPOSE, "savepoint.savepointPath": "sp-1"}, recovery_points=points())
    assert [point.path for point in history.superfluous(view)] == ["sp-2"]


def test_the_newest_of_ours_stays_behind_anothers(world, points):
    view = world("ready", flink="runs", job=DISPOSE, recovery_points=points(but="sp-3"))
    assert [point.path for point in history.superfluous(view)] == ["sp-1"]


def test_the_oldest_leaves_the_history_before_it_is_disposed_of(world, points, moment):
    decision = history.tidied(world("ready", flink="runs", job=DISPOSE, recovery_points=points()))
    assert decision.action == DisposeSavepoint("sp-1")
    assert decision.status.disposing == Disposal("sp-1", "", moment(0))
    assert [point.path for point in decision.status.recovery_points] == ["chk-9", "sp-3", "sp-2"]


@pytest.mark.parametrize("job", [{"savepoint.historyLimit": 1}, DISPOSE])
def test_anothers_is_only_forgotten(world, points, job):
    decision = history.tidied(world("ready", flink="runs", job=job, recovery_points=points(but="sp-1")))
    assert decision.action is None
    assert "sp-1" not in [point.path for point in decision.status.recovery_points]


@pytest.mark.parametrize(("status", "flink"), [("started", "runs"), ("ready", "waits"), ("ready", "restarting")])
def test_not_before_the_job_is_ready(world, points, status, flink):
    assert history.tidied(world(status, flink=flink, job=DISPOSE, recovery_points=points())) is None


ASKED, GONE = Disposal("sp-1", "r-1"), "FileNotFoundException: Cannot find checkpoint or savepoint 'sp-1'"


@pytest.mark.parametrize(
    ("operation", "age", "event", "again"),
    [
        (("COMPLETED",), -1, "SavepointDisposed", False),
        (("FAILED", None, GONE), -1, "SavepointDisposed", False),
        (("FAILED", None, "AccessDenied: sp-1"), -1, "SavepointNotDisposed", False),
        (("IN_PROGRESS",), -1, None, False),
        (None, -1, None, True),
        (None, -301, "SavepointNotDisposed", False),
        (("IN_PROGRESS",), -301, "SavepointNotDisposed", False),
    ],
)
def test_a_disposal_on_its_way(world, points, moment, operation, age, event, again):
    seen = Operation(*operation) if operation else None
    asked = ASKED.but(requested_at=moment(age))
    decision = history.tidied(world("ready", flink=("runs", {"disposal": seen}), job=DISPOSE, disposing=asked))
    events = [each.reason for each in decision.events] if decision else []
    assert events == ([event] if event else [])
    assert bool(decision and decision.action == DisposeSavepoint("sp-1")) == again
    if event:
        assert decision.status.disposing == Disposal()
