"""Starting, up to the submission: the JAR, the slots, the recovery point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import job as jobs
from core.job_status import SAVEPOINT, Delivery, StableSpec
from core.states import Phase
from supervisor.decision import Run
from supervisor.states.starting import decide
from supervisor.world import Bootstrap

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
    failure = "BootstrapFailed: cp: no such file"
    decision = decide(world("ordered", cluster="full", bootstrap=Bootstrap(jar_id="9_app.jar"), failure=failure))
    assert (decision.status.jar_id, decision.status.failure) == ("9_app.jar", "")
    assert decision.status.message == "waiting for slots: 0 free, 1 needed"
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
        ("full", "waiting for slots: 0 free, 1 needed"),
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
