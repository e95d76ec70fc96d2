"""What one look makes of a FlinkJob's status and of Flink's list."""

import pytest

from core import job as jobs

from .looking import Watcher, named, runs

UID = "uid-of-one"


def flink_job(attempt=3, points=()):
    status = {
        "attempt": attempt,
        "recoveryPoints": [dict(zip(("jobId", "checkpointId"), p, strict=True)) for p in points],
    }
    return {"kind": "FlinkJob", "metadata": {"name": "one", "uid": UID}, "status": status}


def test_the_newest_recovery_point_of_each_run():
    assert named(flink_job(points=[("b", 9), ("a", 7), ("b", 10), ("a", 6)])) == {"a": 7, "b": 10}
    assert named({}) == {}


def test_runs_of_the_past_and_the_next_ones():
    assert {jobs.flink_job_id(UID, attempt) for attempt in (1, 3, 4)} <= runs(flink_job())


@pytest.fixture
def watcher():
    return Watcher(None, "ns", "c", ("one",))


def test_a_run_of_nobody_is_told_once_as_doubled(watcher):
    for strangers in (frozenset(), frozenset({"x"}), frozenset(), frozenset({"x"})):
        watcher._judge({}, strangers)
    assert [(found.kind, found.job) for found in watcher.findings] == [("doubled", "nobody")]
    assert "x" in watcher.findings[0].what
