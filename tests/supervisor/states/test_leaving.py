"""Starting that is left before the job runs: on request, with its spec, with its cluster."""

from __future__ import annotations

import pytest

from core.states import Phase, StoppedBy
from supervisor.states.starting import decide

GOES_FOR_GOOD = ["being stopped", "stopped", "deleting", "terminated"]


@pytest.mark.parametrize("flink", ["silent", "missing", "waits", "runs"])
@pytest.mark.parametrize(
    ("job", "next", "by"),
    [
        ({"action": "STOP"}, Phase.STOPPED, StoppedBy.PERSON),
        ({"jobParallelism": 0}, Phase.STOPPED, StoppedBy.SPEC),
        ({"suspend": True}, Phase.STOPPED, StoppedBy.SPEC),
        ({"deleting": True}, Phase.TERMINATED, StoppedBy.NOBODY),
    ],
    ids=["stop", "parallelism 0", "suspend", "delete"],
)
def test_leaving_after_the_submission_stops_what_may_run(world, flink, job, next, by):
    decision = decide(world("submitted", flink=flink, job=job))
    status = decision.status
    if flink == "missing":
        assert (status.supervisor_status, status.job_id) == (next, "")
        return
    if flink == "silent":
        assert (status.supervisor_status, decision.handled) == (Phase.STARTING, False)
        return
    assert status.supervisor_status == Phase.STOPPING
    assert (status.stop.next, status.stop.stopped_by) == (next, by)
    # What its tasks did is saved; a job without tasks has nothing to save.
    assert status.stop.savepoint == (flink == "runs" and next == Phase.STOPPED)
    assert status.holds_cluster


@pytest.mark.parametrize("status", ["fresh", "ordered", "carried"])
@pytest.mark.parametrize("cluster", ["up", "starting", "mute", "lost", "stopping"])
@pytest.mark.parametrize(
    ("job", "phase", "by"),
    [
        ({"action": "STOP"}, Phase.STOPPED, StoppedBy.PERSON),
        ({"jobParallelism": 0}, Phase.STOPPED, StoppedBy.SPEC),
        ({"deleting": True}, Phase.TERMINATED, StoppedBy.NOBODY),
    ],
    ids=["stop", "parallelism 0", "delete"],
)
def test_leaving_before_the_submission_is_immediate(world, status, cluster, job, phase, by):
    decision = decide(world(status, cluster=cluster, job=job))
    assert (decision.status.supervisor_status, decision.status.stopped_by) == (phase, by)
    assert decision.handled == ("action" in job)


@pytest.mark.parametrize("job", [{"action": "STOP"}, {"deleting": True}])
@pytest.mark.parametrize("cluster", ["lost", "renewed"])
def test_leaving_when_the_jobmanager_is_dead_is_immediate(world, cluster, job):
    status = decide(world("submitted", cluster=cluster, flink="silent", job=job)).status
    assert status.supervisor_status in (Phase.STOPPED, Phase.TERMINATED)
    assert not status.holds_cluster


@pytest.mark.parametrize("cluster", GOES_FOR_GOOD)
def test_a_cluster_that_goes_for_good_stops_the_job(world, cluster):
    status = decide(world("carried", cluster=cluster)).status
    assert (status.supervisor_status, status.stopped_by) == (Phase.STOPPED, StoppedBy.CLUSTER)


@pytest.mark.parametrize("flink", ["waits", "restarting"])
@pytest.mark.parametrize(
    ("cluster", "next"),
    [("stopping", "Starting"), ("suspending", "Starting"), ("being stopped", "Stopped"), ("deleting", "Stopped")],
)
def test_a_submitted_job_whose_tasks_cannot_run_does_not_hold_up_its_cluster(world, cluster, next, flink):
    """The first image of the TaskManagers was wrong: the corrected one must not wait for the start to time out."""
    status = decide(world("submitted", cluster=cluster, flink=flink)).status
    assert (status.supervisor_status, status.stop.next, status.stop.savepoint) == (Phase.STOPPING, next, False)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_deletion_takes_the_savepoint_that_its_spec_asks_for(world, wanted):
    spec = {"deleting": True, "savepoint.savepointOnDelete": wanted}
    assert decide(world("submitted", flink="runs", job=spec)).status.stop.savepoint == wanted


def test_what_was_written_down_and_not_submitted_lets_the_cluster_go(world):
    decision = decide(world("submitted", cluster="stopping", flink="missing"))
    assert decision.action is None
    assert not decision.status.holds_cluster
    assert decision.status.supervisor_status == Phase.STARTING
