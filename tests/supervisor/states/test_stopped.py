"""Stopped: who stopped the job decides what may start it again."""

from __future__ import annotations

import pytest

from core.states import Phase, StoppedBy
from supervisor.states.stopped import decide

BY_PERSON = {"stopped_by": StoppedBy.PERSON}
BY_SPEC = {"stopped_by": StoppedBy.SPEC}
BY_CLUSTER = {"stopped_by": StoppedBy.CLUSTER}
FAILED = {"stopped_by": StoppedBy.FLINK, "job_status": "FAILED"}
CANCELED = {"stopped_by": StoppedBy.FLINK, "job_status": "CANCELED"}
FINISHED = {"stopped_by": StoppedBy.FLINK, "job_status": "FINISHED"}

POLICIES = ["Always", "OnlyIfFailed", "Never"]
STARTS_AGAIN = [
    (BY_PERSON, []),
    (BY_SPEC, POLICIES),  # the spec says that it shall run
    (BY_CLUSTER, ["Always"]),
    (FAILED, ["Always", "OnlyIfFailed"]),
    (CANCELED, ["Always"]),
    (FINISHED, []),
]


@pytest.mark.defect(7)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("why", "policies"), STARTS_AGAIN)
def test_who_stopped_it_and_the_policy_decide(world, why, policies, policy):
    decision = decide(world("stopped", job={"restart.restartPolicy": policy}, **why))
    expected = Phase.STARTING if policy in policies else Phase.STOPPED
    assert decision.status.supervisor_status == expected


@pytest.mark.parametrize("why", [BY_SPEC, BY_CLUSTER, FAILED, CANCELED, FINISHED])
def test_parallelism_0_keeps_every_job_stopped(world, why):
    job = {"jobParallelism": 0, "restart.restartPolicy": "Always"}
    assert decide(world("stopped", job=job, **why)).status.supervisor_status == Phase.STOPPED


@pytest.mark.parametrize("cluster", ["being stopped", "stopped", "suspended", "deleting", "terminated"])
@pytest.mark.parametrize("why", [BY_CLUSTER, FAILED, CANCELED])
def test_no_policy_starts_a_job_on_a_cluster_that_goes_down(world, why, cluster):
    decision = decide(world("stopped", cluster=cluster, job={"restart.restartPolicy": "Always"}, **why))
    assert decision.status.supervisor_status == Phase.STOPPED


def test_a_job_that_the_cluster_stopped_comes_back_with_it(world):
    job = {"restart.restartPolicy": "Always"}
    assert decide(world("stopped", cluster="starting", job=job, **BY_CLUSTER)).status.supervisor_status == "Starting"
    assert decide(world("stopped", cluster="stopping", job=job, **BY_CLUSTER)).status.supervisor_status == "Stopped"


@pytest.mark.parametrize(("retry", "phase"), [(30, Phase.STOPPED), (0, Phase.STARTING), (-1, Phase.STARTING)])
def test_a_failure_is_followed_by_a_pause(world, moment, retry, phase):
    job = {"restart.restartPolicy": "OnlyIfFailed"}
    decision = decide(world("stopped", job=job, retry_at=moment(retry), failure="JobFailed: x", **FAILED))
    assert decision.status.supervisor_status == phase
    if phase == Phase.STOPPED:
        assert decision.delay == retry
        assert decision.status.message == f"JobFailed: x; next try at {moment(retry)}"


@pytest.mark.parametrize("why", [BY_PERSON, BY_SPEC, BY_CLUSTER, FAILED, CANCELED, FINISHED])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_person_starts_any_job_at_once_with_a_fresh_delivery(world, moment, why, policy):
    job = {"action": "START", "restart.restartPolicy": policy}
    decision = decide(world("stopped", job=job, failures=3, retry_at=moment(99), **why))
    status = decision.status
    assert (status.supervisor_status, decision.handled) == (Phase.STARTING, True)
    assert (status.failures, status.retry_at, status.jar_id, status.delivery.digest) == (0, "", "", "")
    assert status.delivery.number == 1
    assert status.recovery_points


def test_only_without_savepoint_starts_it_empty(world):
    status = decide(world("stopped", job={"action": "START", "without": "true"}, **BY_PERSON)).status
    assert status.supervisor_status == Phase.STARTING
    assert not status.recovery_points
    assert not status.had_state


def test_a_start_of_a_suspended_job_is_answered(world):
    decision = decide(world("stopped", job={"action": "START", "jobParallelism": 0}, **BY_SPEC))
    assert (decision.status.supervisor_status, decision.handled) == (Phase.STOPPED, True)
    assert "suspends" in decision.status.message


def test_a_stop_of_a_stopped_job_ends_every_restart(world):
    job = {"action": "STOP", "restart.restartPolicy": "Always"}
    decision = decide(world("stopped", job=job, **FAILED))
    assert (decision.status.stopped_by, decision.handled) == (StoppedBy.PERSON, True)


def test_forget_savepoint(world):
    decision = decide(world("stopped", job={"action": "FORGET_SAVEPOINT"}, savepoint_path="s3://s/1", **BY_PERSON))
    assert decision.handled
    assert decision.status.supervisor_status == Phase.STOPPED
    assert not decision.status.recovery_points
    assert decision.status.savepoint_path == ""


BY_CLUSTER = {"stopped_by": StoppedBy.CLUSTER}
FOLLOWS = [
    (BY_CLUSTER, "Always", {}, {}, False),  # it starts with its cluster: the start itself follows
    (BY_CLUSTER, "Always", {}, {"stopped": True}, True),  # the start was taken back
    (BY_CLUSTER, "Always", {"jobParallelism": 0}, {}, True),
    (BY_CLUSTER, "Never", {}, {}, True),
    (BY_PERSON, "Always", {}, {}, True),
    (FAILED, "Always", {}, {}, True),
]


@pytest.mark.parametrize(("why", "policy", "spec", "cluster", "follows"), FOLLOWS)
def test_a_start_of_the_cluster_without_savepoint_is_about_the_jobs_that_it_starts(
    world, known, why, policy, spec, cluster, follows
):
    """Another one keeps its state for when it is started itself."""
    job = {"restart.restartPolicy": policy, **spec}
    seen = world("stopped", cluster=("up", {"forgets": 1, **cluster}), job=job, **why)
    status = decide(seen).status
    assert (status.forgets == 1) == follows
    assert status.recovery_points


EDITED = {"bootstrap.arguments": ["--other"]}
TRIED_AGAIN = [
    (FAILED, "Never", True),
    (FAILED, "Always", True),
    (FINISHED, "Always", True),
    (FINISHED, "Never", False),
    (FINISHED, "OnlyIfFailed", False),
    (BY_PERSON, "Always", False),
]


@pytest.mark.parametrize(("why", "policy", "tried"), TRIED_AGAIN)
def test_an_edit_of_the_spec_is_tried_at_once(world, moment, why, policy, tried):
    job = {**EDITED, "restart.restartPolicy": policy}
    status = decide(world("stopped", job=job, retry_at=moment(500), failures=4, **why)).status
    assert (status.supervisor_status == Phase.STARTING) == tried
    assert not tried or status.failures == 0


@pytest.mark.parametrize("why", [BY_PERSON, FAILED, FINISHED, {}])
def test_deleted(world, why):
    assert decide(world("stopped", job={"deleting": True, "action": "START"}, **why)).status.supervisor_status == (
        Phase.TERMINATED
    )
