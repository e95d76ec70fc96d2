"""Starting, after the submission: what became of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.flink import Checkpoints, Restored
from core import job as jobs
from core.job_status import SAVEPOINT
from core.states import Phase, StoppedBy
from supervisor import steps
from supervisor.decision import Run
from supervisor.states.starting import decide
from tests.supervisor.conftest import UID


@pytest.mark.defect(8)
def test_a_submission_that_flink_has_not_got_is_made_again_under_the_same_id(world):
    before = world("submitted", flink="missing", restore_path="s3://s/sp-2")
    decision = decide(before)
    assert decision.status.but(message="") == before.status.but(message="")
    assert isinstance(decision.action, Run)
    assert (decision.action.job_id, decision.action.savepoint_path) == (before.status.job_id, "s3://s/sp-2")


def test_a_submission_is_asked_for_again_for_as_long_as_its_jobmanager_lives(world, moment):
    """main() may take longer than any deadline and end in a job: under another id it would be a second one."""
    decision = decide(world("submitted", flink="missing", started_at=moment(-999)))
    assert (decision.status.supervisor_status, decision.action.job_id) == (Phase.STARTING, decision.status.job_id)
    assert decision.status.failure.startswith("SubmissionUnanswered")


OWN = f"s3://ckp/{jobs.flink_job_id(UID, 1)}/chk-3"
RESTORED = [
    (None, 5, 0, Phase.STARTING),  # what Flink tells may be some seconds old
    (None, 60, 0, Phase.STOPPING),
    ("s3://s/other", 5, 1, Phase.STOPPING),
    ("s3://s/sp-2", 5, 1, Phase.STARTED),
    # Told is the last time: by now Flink has restarted its tasks.
    (OWN, 60, 2, Phase.STARTED),
    ("s3://flat/chk-3", 60, 2, Phase.STARTED),
]


@pytest.mark.parametrize(("path", "age", "times", "phase"), RESTORED)
def test_a_job_that_did_not_start_from_where_it_was_told_to_is_stopped(world, moment, path, age, times, phase):
    """Its age counts, not that of the submission: main() may take long."""
    seen = Checkpoints(restored=Restored(3, path, True, 0) if path else None, restores=times)
    flink = ("runs", {"checkpoints": seen, "age": age})
    before = world("submitted", flink=flink, restore_path="s3://s/sp-2", started_at=moment(-60), recovery_points=())
    status = decide(before).status
    assert status.supervisor_status == phase
    learnt = (path,) if times > 1 else ()
    assert tuple(point.path for point in status.recovery_points) == learnt
    if phase == Phase.STOPPING:
        assert status.failure.startswith("RestoreMismatch")
        assert not status.stop.savepoint


@pytest.mark.parametrize("now", ["runs", "restarting", "failed"])
def test_nor_does_it_count_what_it_wrote_before_anybody_looked(world, taken, now):
    """The start is repeated from where it was to begin."""
    restored = Restored(3, "s3://s/sp-1", True, 0)
    seen = Checkpoints(completed=3, latest_completed=taken("s3://ckp/chk-3"), restored=restored)
    flink = (now, {"checkpoints": seen})
    status = decide(world("submitted", flink=flink, restore_path="s3://s/sp-2", recovery_points=())).status
    assert (status.supervisor_status, status.recovery_points) == (Phase.STOPPING, ())
    assert status.failure.startswith("RestoreMismatch")


def test_it_runs(world):
    seen = Checkpoints(restored=Restored(3, "s3://s/sp-2", True, 0))
    decision = decide(world("submitted", flink=("runs", {"checkpoints": seen}), restore_path="s3://s/sp-2"))
    assert decision.status.supervisor_status == Phase.STARTED
    assert decision.status.restored_path == "s3://s/sp-2"
    assert [event.reason for event in decision.events] == ["JobStarted"]


@pytest.mark.parametrize(("job", "ready"), [({}, True), ({"jobParallelism": 2}, False)])
def test_it_is_ready_in_the_same_step_if_it_runs_as_the_spec_says(world, job, ready):
    """Ready is said of the generation that the spec has: a wait for an edit during the start would be over."""
    status = decide(world("submitted", flink="runs", job=job)).status
    assert status.supervisor_status == Phase.STARTED
    assert bool(status.ready_at) == ready


@pytest.mark.parametrize("age", [5, 500])
@pytest.mark.parametrize("flink", ["silent", "not asked"])
def test_no_answer_is_no_news_however_long(world, moment, flink, age):
    decision = decide(world("submitted", cluster="mute", flink=flink, started_at=moment(-age)))
    assert decision.status.supervisor_status == Phase.STARTING
    assert decision.status.job_id
    assert decision.action is None


@pytest.mark.parametrize(("age", "delay"), [(0.0, steps.QUICK), (3.0, 0.3), (60.0, steps.SOON)])
def test_a_run_is_looked_at_often_at_first(world, age, delay):
    decision = decide(world("submitted", flink=("waits", {"age": age})))
    assert decision.delay == delay
    assert decision.status.message == "attempt 1, with empty state: waiting for its tasks to run"


def test_a_run_that_flink_brought_back_is_not_said_to_be_empty(world):
    """It begins with its newest checkpoint, which Flink alone knows."""
    status = decide(world("submitted", flink="waits", had_state=True)).status
    assert status.message == "attempt 1: waiting for its tasks to run"


def test_running_without_its_tasks_is_not_started(world):
    decision = decide(world("submitted", flink="waits"))
    assert decision.status.supervisor_status == Phase.STARTING
    assert decision.action is None


@pytest.mark.parametrize(("flink", "why"), [("waits", "its tasks do not run 180 s"), ("restarting", "disk full")])
def test_a_start_has_a_deadline(world, moment, flink, why):
    decision = decide(world("submitted", flink=flink, started_at=moment(-181)))
    stop = decision.status.stop
    assert decision.status.supervisor_status == Phase.STOPPING
    assert (stop.next, stop.stopped_by, stop.savepoint) == (Phase.STOPPED, StoppedBy.FLINK, False)
    assert decision.status.failure.startswith("StartTimedOut: ")
    assert why in decision.status.failure


@pytest.mark.parametrize("cluster", ["lost", "renewed", "stopping, lost"])
@pytest.mark.parametrize("flink", ["not asked", "silent"])
def test_lost_with_its_jobmanager(world, cluster, flink):
    status = decide(world("submitted", cluster=cluster, flink=flink)).status
    assert status.supervisor_status == Phase.STARTING
    assert (status.job_id, status.holds_cluster) == ("", False)
    assert status.failure.startswith("JobLost")


def test_a_short_job_may_finish_before_it_is_seen_running(world):
    status = decide(world("submitted", flink="finished")).status
    assert (status.supervisor_status, status.stopped_by, status.job_status) == ("Stopped", "Flink", "FINISHED")


def test_it_fails(world, moment):
    status = decide(world("submitted", flink="failed", failures=1)).status
    assert (status.supervisor_status, status.job_status, status.failures) == ("Stopped", "FAILED", 2)
    assert status.failure == "JobFailed: IOException: disk full"
    assert status.retry_at == moment(120)


GONE = "FileNotFoundException: Cannot find checkpoint or savepoint file/directory '{}' on file system 's3'."
CHK_6, SP_2 = "s3://ckp/4f7a/chk-6", "s3://s/savepoint-2"


@pytest.fixture
def restoring(world, known):
    """A start from a checkpoint, with a savepoint before it, and what Flink says about it."""

    def make(text, **changes):
        points = (known(CHK_6, at=-60), known(SP_2, type=SAVEPOINT, at=-600))
        changes = {"recovery_points": points, "restore_path": CHK_6, "had_state": True, **changes}
        return world("submitted", flink=("failed", {"exception": text, "checkpoints": None}), **changes)

    return make


@pytest.mark.parametrize(
    "text",
    [
        GONE.format(CHK_6),
        "FileNotFoundException: /ckp/4f7a/chk-6/_metadata (No such file)",
        "/ckp/4f7a/shared/9 does not exist",
    ],
    ids=["gone", "its metadata", "what it shares"],
)
def test_a_recovery_point_that_is_gone_falls_to_the_one_before(restoring, text):
    status = decide(restoring(text)).status
    assert (status.supervisor_status, status.unreadable, status.job_id) == (Phase.STARTING, (CHK_6,), "")
    assert status.failures == 0
    after = decide(replace(restoring(text), status=status))
    assert after.status.restore_path == SP_2


@pytest.mark.parametrize(
    "text",
    [
        "FileNotFoundException: /data/input.csv (No such file or directory)",
        "RestHandlerException: Jar file /up/1_app.jar does not exist",
        "UnknownTopicOrPartitionException: topic orders does not exist",
        "StateMigrationException: the new serializer must not be incompatible",
    ],
)
def test_any_other_failure_does_not_cost_state(restoring, text):
    """An input, a JAR or a topic that is missing is not repaired by an older state."""
    status = decide(restoring(text)).status
    assert status.supervisor_status == Phase.STOPPED
    assert status.recovery_points[0].path == CHK_6
    assert status.unreadable == ()


def test_the_last_recovery_point_is_never_passed_over(restoring, known):
    status = decide(restoring(GONE.format(CHK_6), recovery_points=(known(CHK_6),))).status
    assert status.supervisor_status == Phase.STOPPED
    assert status.recovery_points


def test_an_edit_during_a_start_that_fails_is_noticed(world):
    """What is remembered as failed is what was submitted."""
    edited = world("submitted", flink="failed", job={"bootstrap.arguments": ["new"]})
    assert decide(edited).status.digest["bootstrap"] == world("submitted").job.bootstrap_digest
