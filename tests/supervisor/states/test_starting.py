"""Starting: the JAR, the slots, the submission, and what became of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.flink import Checkpoints, Restored
from core import job as jobs
from core.job_status import SAVEPOINT, Delivery, StableSpec
from core.states import Phase, StoppedBy
from supervisor import steps
from supervisor.decision import Run
from supervisor.states.starting import decide
from supervisor.world import Bootstrap
from tests.supervisor.conftest import UID

GOES_FOR_GOOD = ["being stopped", "stopped", "deleting", "terminated"]
GOES_AND_COMES_BACK = ["stopping", "suspending", "suspended"]


# ---- the JAR -------------------------------------------------------------------------------------------------------


def test_a_delivery_is_ordered_before_the_jobmanager_answers(world, moment):
    decision = decide(world("fresh", cluster="starting", jar_id="old", started_at=moment(-999)))
    ordered = decision.status.delivery
    assert (ordered.number, ordered.incarnation, ordered.image) == (1, 1, "ours:1")
    assert ordered.bootstrap["jarPath"] == "/app.jar"
    assert (decision.status.jar_id, decision.status.started_at) == ("", "")
    assert decision.action is None


@pytest.mark.parametrize(
    "changes",
    [
        {"cluster": "renewed"},
        {"cluster": "made again"},
        {"job": {"bootstrap.arguments": ["x"]}},
        {"job": {"flinkConfiguration": {"a": 1}}},
    ],
    ids=["a new JobManager", "a new cluster of that name", "an edited bootstrap", "an edited configuration"],
)
def test_another_jobmanager_or_another_spec_needs_another_delivery(world, changes):
    assert decide(world("carried", **changes)).status.delivery.number == 2


def test_the_jar_that_is_there_is_used_again(world):
    assert decide(world("carried", cluster="full")).status.delivery.number == 1


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        ("starting", "waiting for the JobManager, to which the bootstrap Job carries the JAR"),
        ("answers", "waiting for the JAR: the bootstrap Job carries it"),
    ],
)
@pytest.mark.parametrize("delivery", [{"delivery": Delivery()}, {}], ids=["to be ordered", "ordered"])
def test_while_the_jar_is_awaited_it_says_for_what(world, delivery, cluster, why):
    assert decide(world("ordered", cluster=cluster, **delivery)).status.message == why


def test_the_jar_arrives_and_the_job_is_submitted_in_the_same_step(world):
    decision = decide(world("ordered", bootstrap=Bootstrap(jar_id="9_app.jar")))
    assert decision.status.jar_id == decision.action.jar_id == "9_app.jar"
    assert decision.status.job_id == decision.action.job_id != ""


def test_a_jar_that_arrives_before_the_slots_is_remembered(world):
    decision = decide(world("ordered", cluster="full", bootstrap=Bootstrap(jar_id="9_app.jar")))
    assert decision.status.jar_id == "9_app.jar"
    assert decision.status.message == "waiting for slots: 0 are free, 1 are needed"
    assert decision.action is None


def test_a_failed_delivery_says_why_and_the_next_one_has_a_new_number(world):
    decision = decide(world("ordered", bootstrap=Bootstrap(failure="cp: no such file")))
    status = decision.status
    assert (status.supervisor_status, status.stopped_by, status.job_status) == ("Stopped", "Flink", "FAILED")
    assert status.failure == "BootstrapFailed: cp: no such file"
    assert status.delivery == Delivery(number=1)


def test_the_carrier_has_time_from_when_the_jobmanager_answers(world, moment):
    """However long the image of the JobManager took to come."""
    late = world("ordered", delivery=replace(world("ordered").status.delivery, requested_at=moment(-3600)))
    assert decide(replace(late, cluster=world("ordered", cluster="starting").cluster)).status.started_at == ""
    counting = decide(late)
    assert counting.status.supervisor_status == Phase.STARTING
    assert counting.status.started_at == moment(0)
    assert decide(replace(late, status=counting.status)).status == counting.status
    over = decide(replace(late, status=counting.status.but(started_at=moment(-181))))
    assert over.status.supervisor_status == Phase.STOPPED


def test_the_kubelets_reason_is_the_reason(world, moment):
    waiting = Bootstrap(waiting="ErrImagePull: no such image")
    assert "no such image" in decide(world("ordered", bootstrap=waiting)).status.message
    status = decide(world("ordered", bootstrap=waiting, started_at=moment(-181))).status
    assert status.failure == "BootstrapFailed: ErrImagePull: no such image"


# ---- before the submission -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        ("starting", "waiting for the JobManager"),
        ("mute", "waiting for the JobManager"),
        ("unfenced", "waiting for the last pod"),
        ("full", "waiting for slots: 0 are free, 1 are needed"),
        *((cluster, "waiting for the cluster") for cluster in GOES_AND_COMES_BACK),
    ],
)
def test_what_it_waits_for(world, cluster, why):
    decision = decide(world("carried", cluster=cluster))
    assert decision.status.message.startswith(why)
    assert decision.status.supervisor_status == Phase.STARTING
    assert decision.action is None
    assert not decision.status.holds_cluster


def test_it_waits_for_an_earlier_run_to_end(world):
    decision = decide(replace(world("carried"), strays=("f" * 32,)))
    assert decision.action is None
    assert not decision.status.job_id


@pytest.mark.parametrize("cluster", ["up", "answers"])
def test_a_submission_is_written_down_whole(world, moment, known, cluster):
    points = (known("s3://s/sp-2", type=SAVEPOINT), known("s3://ckp/4f7a/chk-7", at=-60))
    start = world(
        "carried", cluster=cluster, recovery_points=points, had_state=True, attempt=4, job={"jobParallelism": 2}
    )
    decision = decide(start)
    status = decision.status
    assert (status.attempt, status.job_id) == (5, jobs.flink_job_id("6f1c", 5))
    assert (status.cluster_revision, status.incarnation) == ("r1", 1)
    assert (status.restore_path, status.job_parallelism) == ("s3://s/sp-2", 2)
    assert status.started_at == moment(0)
    assert status.digest["bootstrap"] == start.job.bootstrap_digest
    assert decision.action == Run(
        job_id=status.job_id,
        jar_id="1_app.jar",
        entry_class="com.example.Main",
        arguments=("--a", "b c"),
        parallelism=2,
        savepoint_path="s3://s/sp-2",
        claim_mode="",
        allow_non_restored_state=False,
        flink_configuration={"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION"},
        timeout=180.0,
    )


def test_a_claimed_savepoint_is_not_ours_any_more(world, known):
    points = tuple(replace(known(path, type=SAVEPOINT), ours=True) for path in ("s3://s/sp-2", "s3://s/sp-1"))
    job = {"savepoint.claimMode": "CLAIM"}
    decision = decide(world("carried", recovery_points=points, had_state=True, job=job))
    assert decision.action.claim_mode == decision.status.claim_mode == "CLAIM"
    assert [point.ours for point in decision.status.recovery_points] == [False, True]


def test_an_update_that_may_be_taken_back_claims_nothing(world, known):
    """It would go back to the savepoint that Flink may have deleted meanwhile."""
    points, before = (known("s3://s/sp-2", type=SAVEPOINT),), StableSpec(digest="the one before", attempt=1)
    job = {"savepoint.claimMode": "CLAIM"}
    decision = decide(world("carried", recovery_points=points, had_state=True, stable=before, job=job))
    assert (decision.action.savepoint_path, decision.action.claim_mode) == ("s3://s/sp-2", "")


@pytest.mark.parametrize(("edited", "written"), [("CLAIM", ""), ("NO_CLAIM", "CLAIM")])
def test_a_repeated_submission_claims_as_it_was_written_down(world, edited, written):
    job = {"savepoint.claimMode": edited}
    decision = decide(world("submitted", flink="missing", restore_path="s3://s/sp-2", claim_mode=written, job=job))
    assert decision.action.claim_mode == written


def test_a_job_that_never_had_state_starts_empty(world):
    decision = decide(world("carried"))
    assert isinstance(decision.action, Run)
    assert decision.action.savepoint_path == ""


def test_a_job_that_had_state_never_starts_empty_by_itself(world):
    decision = decide(world("carried", had_state=True))
    assert decision.action is None
    assert decision.status.failure.startswith("StateUnknown")


@pytest.mark.parametrize("job", [{"action": "FORGET_SAVEPOINT"}, {"action": "START", "without": "true"}])
def test_a_person_lets_it_start_empty(world, job):
    """The way out of StateUnknown that its message names."""
    decision = decide(world("carried", had_state=True, failure="StateUnknown: ...", job=job))
    assert decision.handled
    assert (decision.status.had_state, decision.status.failure) == (False, "")
    assert isinstance(decide(world("carried", had_state=False)).action, Run)


def test_a_start_of_the_cluster_without_savepoint_lets_its_jobs_start_empty(world, known):
    """Toolbox S10, its last part."""
    points = {"recovery_points": (known("s3://c/chk-1"),), "had_state": True, "savepoint_path": "s3://s/1"}
    status = decide(world("carried", cluster=("up", {"forgets": 3}), forgets=2, **points)).status
    assert (status.recovery_points, status.had_state, status.savepoint_path, status.forgets) == ((), False, "", 3)


def test_a_counter_that_is_behind_changes_nothing(world, known):
    seen = world("carried", cluster=("full", {"forgets": 1}), forgets=2, recovery_points=(known("s3://c/chk-1"),))
    status = decide(seen).status
    assert (len(status.recovery_points), status.forgets) == (1, 2)


@pytest.mark.parametrize("counted", [1, 3])
def test_what_was_asked_of_another_cluster_before_the_job_came_to_it_does_not_count(world, known, counted):
    cluster = ("made again", {"forgets": counted})
    status = decide(world("carried", cluster=cluster, forgets=2, recovery_points=(known("s3://c/chk-1"),))).status
    assert (len(status.recovery_points), status.forgets) == (1, counted)


def test_a_plain_start_is_not_a_permission_to_start_empty(world):
    decision = decide(world("carried", had_state=True, job={"action": "START"}))
    assert decision.status.had_state
    assert not decision.handled


# ---- after the submission ------------------------------------------------------------------------------------------


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


# ---- leaving -------------------------------------------------------------------------------------------------------


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
