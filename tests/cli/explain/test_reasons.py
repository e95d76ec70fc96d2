"""Which reasons are found, and what is advised."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.explain import advice
from cli.explain.page import page
from cli.explain.reasons import reasons
from cli.explain.scene import Scene
from core import names
from supervisor.decision import NORMAL, REASONS
from tests.cli.conftest import CLUSTER_SPEC, JOB_SPEC, conditions, manifest

Object = dict[str, Any]
LABELS = {"clusterName": "demo"}


def cluster(phase: str = "Started", *, ready: bool = True, told: str = "", **status: Any) -> Object:
    made = manifest("FlinkCluster", "demo", {**CLUSTER_SPEC, **status.pop("spec", {})}, namespace="ns", generation=1)
    made["metadata"]["annotations"] = {names.REPORT: '{"answering": true}'}
    down = phase in ("Stopped", "Terminated")
    told_by = conditions(1, Ready=(ready and not down, told), Suspended=(down, told))
    return {**made, "status": {"observedGeneration": 1, "supervisorStatus": phase, "conditions": told_by, **status}}


def job(phase: str = "Started", *, told: str = "", trouble: str = "", **status: Any) -> Object:
    spec = {**JOB_SPEC, **status.pop("spec", {})}
    made = manifest("FlinkJob", "demo-one", spec, namespace="ns", generation=1, labels=LABELS, uid="u")
    ready = phase == "Started" and not told
    told_by = conditions(1, Ready=(ready, told), Degraded=(bool(trouble), trouble))
    body = {"observedGeneration": 1, "supervisorStatus": phase, "message": told, "clusterName": "demo"}
    body["jobParallelism"] = 1
    return {**made, "status": {**body, "conditions": told_by, **status}}


def pod(role: str, waiting: str = "", message: str = "", *, ready: bool = False) -> Object:
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    labels = {**LABELS, names.LABEL_ROLE: role, names.LABEL_JOB_UID: "u"}
    status = {"containerStatuses": [{"name": role, "state": state}]}
    if ready:
        status["conditions"] = [{"type": "Ready", "status": "True"}]
    return {"kind": "Pod", "metadata": {"name": f"{role}-1", "namespace": "ns", "labels": labels}, "status": status}


def texts(scene: Scene) -> list[str]:
    return [reason.text for reason in reasons(scene)]


def test_what_is_as_declared_has_no_reason() -> None:
    scene = Scene(job(), cluster=cluster(), pods=(pod("supervisor", ready=True),))
    assert reasons(scene) == []
    assert page(scene, [], datetime.now(UTC)).splitlines()[1] == "  It is as its spec wants it."


@pytest.mark.parametrize("points", [[], [{"path": "s3://s/savepoint-1"}]])
def test_a_state_that_goes_with_its_pods_is_told_while_the_job_is_well(points: list[Object]) -> None:
    found = reasons(Scene(job(hadState=True, recoveryPoints=points), cluster=cluster()))
    assert [one.next.partition(";")[0] for one in found] == ([] if points else ["set execution.checkpointing.dir"])


def test_what_a_longer_reason_says_too_is_said_once() -> None:
    refused = "UpdateRefused: no class X"
    item = job(told=refused, trouble=refused, failure=refused)
    stalled = conditions(1, Stalled=(True, f"the spec from before runs: {refused}"))
    item["status"]["conditions"].append({**stalled[0], "reason": "UpdateRefused"})
    found = texts(Scene(item, cluster=cluster(), pods=(pod("supervisor", ready=True),)))
    assert [text for text in found if refused in text] == [f"the spec from before runs: {refused}"]


def test_a_job_without_its_cluster() -> None:
    (reason,) = reasons(Scene(job("Starting", told="its first start")))
    assert reason.text == "its cluster demo is not there"
    assert "spec.clusterName" in reason.next


def test_a_jar_whose_image_is_not_there() -> None:
    troubled = pod("bootstrap", "ImagePullBackOff", "no such image: nope:1")
    scene = Scene(job("Starting", told="waiting for the JAR"), cluster=cluster(), pods=(troubled,))
    (reason,) = reasons(scene)
    assert reason.text == "pod bootstrap-1 cannot bring the JAR: ImagePullBackOff: no such image: nope:1"
    assert "correct the image" in reason.next


@pytest.mark.parametrize(
    ("told", "advised"),
    [
        ('secret "keys" not found', "a ConfigMap or Secret"),
        ("container has runAsNonRoot and image will run as root", "runAsUser"),
        ("container's runAsUser breaks non-root policy (pod: x, container: y)", "runAsUser"),
    ],
)
def test_a_container_that_cannot_be_made(told: str, advised: str) -> None:
    assert advised in advice.of_pod(f"CreateContainerConfigError: {told}")


def test_more_slots_than_the_cluster_may_have() -> None:
    small = cluster(spec={"maxTaskManagers": 2, "taskManager": {"taskSlots": 2}})
    wide = job("Starting", told="waiting for slots: 4 free, 6 needed", spec={"jobParallelism": 6})
    (reason,) = reasons(Scene(wide, cluster=small))
    assert reason.text == "it needs 6 slots; demo may have 2 TaskManagers of 2 slots"
    assert "maxTaskManagers" in reason.next


def test_a_job_that_runs_and_can_never_have_its_slots_is_told_everywhere() -> None:
    small = cluster(spec={"maxTaskManagers": 2, "taskManager": {"taskSlots": 2}})
    wide = job(spec={"jobParallelism": 6}, message="waiting for slots, 4 of 6 are there")
    parent = manifest("FlinkDeployment", "demo", {}, namespace="ns", generation=1)
    parent["status"] = {"observedGeneration": 1, "conditions": conditions(1, Ready=(True, ""))}
    needs = "it needs 6 slots; demo may have 2 TaskManagers of 2 slots"
    assert texts(Scene(wide, cluster=small)) == [needs]
    assert texts(Scene(small, children=(wide,))) == [f"FlinkJob demo-one: {needs}"]
    assert texts(Scene(parent, children=(small, wide))) == ["FlinkJob demo-one: waiting for slots, 4 of 6 are there"]


def test_a_fixed_number_of_taskmanagers_is_scaled_by_hand() -> None:
    waits = job("Starting", told="waiting for slots: 0 free, 1 needed")
    (reason,) = reasons(Scene(waits, cluster=cluster()))
    assert reason.next == "flinkctl cluster scale demo --task-managers N -n ns"


@pytest.mark.parametrize(("there", "next"), [(2, "stop another job"), (1, "flinkctl explain cluster/demo")])
def test_slots_that_other_jobs_have(there: int, next: str) -> None:
    """A cluster that is full is as its spec wants it, and says no more."""
    spec = {"maxTaskManagers": 2, "supervisor": {"rescalePolicy": "JobParallelism"}}
    waits = job("Starting", told="waiting for slots: 0 free, 1 needed")
    (reason,) = reasons(Scene(waits, cluster=cluster(spec=spec, taskManagers=there)))
    assert reason.next.startswith(next)


def test_pods_that_were_taken_back() -> None:
    held = cluster()
    held["status"]["conditions"] = [{"type": "Stalled", "status": "True", "reason": "RolledBack", "message": "no"}]
    assert reasons(Scene(held)) == [("no", "mend the spec, or try it once more: flinkctl cluster start demo -n ns")]


@pytest.mark.parametrize(("parallelism", "next"), [(1, "flinkctl job start demo-one -n ns tries at once"), (0, "")])
def test_what_is_tried_again_is_tried_at_once_by_a_start(parallelism: int, next: str) -> None:
    """Which no job can have that is to be suspended."""
    seen = job(retryAt="2026-01-01T00:00:09Z", spec={"jobParallelism": parallelism})
    assert ("it is tried again at 2026-01-01T00:00:09Z", next) in reasons(Scene(seen, cluster=cluster()))


def test_a_failure_is_told_once_and_by_its_own_reason() -> None:
    text = "SubmissionFailed: main() threw"
    failed = job("Stopped", told=text, trouble=text, failure=text, retryAt="2026-01-01T00:00:09Z", stoppedBy="Flink")
    first, second = reasons(Scene(failed, cluster=cluster()))
    assert first == (text, "mend the program, its arguments or flinkConfiguration")
    assert "flinkctl job start demo-one -n ns tries at once" in second.next
    # By its policy it is not tried again.
    failed["status"]["conditions"] += [{"type": "Stalled", "status": "True", "reason": "Failed", "message": text}]
    assert reasons(Scene(failed, cluster=cluster())) == [first]


def test_what_is_tried_again_was_not_tried_yet() -> None:
    before = Scene(job(retryAt="2026-01-01T00:00:09Z"), cluster(), now=datetime(2026, 1, 1, 0, 1, tzinfo=UTC))
    assert not [text for text in texts(before) if "tried again" in text]


def test_a_last_savepoint_that_fails_is_given_up_by_the_spec() -> None:
    text = "SavepointFailed: no room"
    deleted = job(told=text, trouble=text, failure=text, retryAt="2026-01-01T00:00:09Z", spec={"jobParallelism": 1})
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = reasons(Scene(deleted, cluster=cluster()))
    assert [one.next for one in found if one.next] == [
        "to delete it without a last savepoint, set savepointOnDelete of FlinkJob demo-one to false"
    ]


def test_state_that_has_no_place_any_more() -> None:
    text = "SubmissionFailed: IllegalStateException: set the --allowNonRestoredState option on the CLI"
    failed = job(told=text, trouble=text, failure=text)
    assert "spec.bootstrap.allowNonRestoredState" in reasons(Scene(failed, cluster=cluster()))[0].next


def test_flinks_own_exception_is_told_unless_it_is_already() -> None:
    stuck = job(told="TasksNotRunning: x")
    assert "Flink's newest exception: OutOfMemoryError" in texts(Scene(stuck, cluster(), exception="OutOfMemoryError"))
    told = job(told="TasksNotRunning: OutOfMemoryError", failure="TasksNotRunning: OutOfMemoryError")
    assert not [text for text in texts(Scene(told, cluster(), exception="OutOfMemoryError")) if "newest" in text]


def test_who_stopped_it() -> None:
    told = job("Stopped", told="x", stoppedBy="Person")
    assert reasons(Scene(told, cluster=cluster())) == [
        ("it is stopped on request, which no restart policy undoes", "flinkctl job start demo-one -n ns")
    ]


@pytest.mark.parametrize(
    ("spec", "first"),
    [
        ({"suspend": True, "jobParallelism": 1}, "set spec.suspend to false"),
        ({"jobParallelism": 0}, "flinkctl job scale demo-one --parallelism N -n ns"),
    ],
)
def test_what_keeps_it_from_its_start_comes_first(spec: dict[str, Any], first: str) -> None:
    told = job("Stopped", told="x", stoppedBy="Person", spec=spec)
    (reason,) = reasons(Scene(told, cluster=cluster()))
    assert reason.next == f"{first}, then: flinkctl job start demo-one -n ns"


def test_a_batch_job_that_is_done_may_run_again() -> None:
    told = job("Stopped", told="x", stoppedBy="Flink", jobStatus="FINISHED", restartPolicy="Never")
    (reason,) = reasons(Scene(told, cluster=cluster()))
    assert reason == (
        "the job is FINISHED in Flink; restartPolicy is Never",
        "flinkctl job start demo-one -n ns runs it again",
    )


def test_a_supervisor_that_does_not_run_is_named_before_what_it_cannot_do() -> None:
    unseen = {**job(), "status": {}}
    scene = Scene(unseen, cluster=cluster(), pods=(pod("supervisor", "CrashLoopBackOff", "back-off"),))
    first, second = reasons(scene)
    assert first.text == "the supervisor does not run: CrashLoopBackOff: back-off"
    assert second.text == "the supervisor of its cluster has not seen its newest spec"
    assert first.next == "flinkctl logs cluster/demo -c supervisor -n ns"


def test_a_supervisor_that_only_needs_time_is_not_ready_yet() -> None:
    fresh = pod("supervisor")
    fresh["metadata"]["creationTimestamp"] = "2026-01-01T12:00:00Z"
    scene = Scene(job(), cluster=cluster(), pods=(fresh,), now=datetime(2026, 1, 1, 12, 0, 4, tzinfo=UTC))
    assert texts(scene) == ["the supervisor is not ready yet; its pod is 4s old"]


def test_a_cluster_that_no_hook_has_answered_for() -> None:
    (reason,) = reasons(Scene({**cluster(), "status": {}}))
    assert reason.next == "flinkctl doctor"


def test_a_wrong_spec_is_told_first() -> None:
    wrong = job(told="spec.savepoint.savepointSchedule: no cron")
    ready = next(item for item in wrong["status"]["conditions"] if item["type"] == "Ready")
    ready["reason"] = "InvalidSpec"
    assert texts(Scene(wrong, cluster=cluster()))[0] == "its spec is wrong: spec.savepoint.savepointSchedule: no cron"


def test_a_change_of_a_cluster_names_the_jobs_that_hold_it() -> None:
    holder = job("Stopping", told="stopping the job with a savepoint", clusterRevision="r1")
    free = copy.deepcopy(job("Starting", told="waiting"))
    scene = Scene(cluster("Stopping", ready=False, told="waiting for the jobs"), children=(holder, free))
    (reason,) = reasons(scene)
    assert reason.text == "FlinkJob demo-one has not let go of it: stopping the job with a savepoint"
    assert reason.next == "flinkctl explain job/demo-one -n ns"


def test_a_pod_without_room() -> None:
    crowded = pod("taskmanager")
    crowded["status"] = {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: memory"}
        ]
    }
    (reason,) = reasons(Scene(cluster("Starting", ready=False, told="x"), pods=(crowded,)))
    assert reason.text == "pod taskmanager-1: Unschedulable: 0/3 nodes: memory"
    assert "kubectl describe nodes" in reason.next


def test_a_deployment_points_to_the_children_that_wait() -> None:
    parent = manifest("FlinkDeployment", "demo", {}, namespace="ns", generation=1)
    parent["status"] = {"observedGeneration": 1, "conditions": conditions(1, Ready=(False, "x"))}
    scene = Scene(parent, children=(cluster(), job("Starting", told="waiting for the JAR")))
    (reason,) = reasons(scene)
    assert reason == ("FlinkJob demo-one: waiting for the JAR", "flinkctl explain job/demo-one -n ns")


def test_a_deployment_tells_which_of_its_children_somebody_stopped() -> None:
    parent = manifest("FlinkDeployment", "demo", {}, namespace="ns", generation=1)
    parent["status"] = {"observedGeneration": 1, "conditions": conditions(1, Ready=(True, ""))}
    scene = Scene(parent, children=(cluster("Stopped", stopped=True), job()))
    assert reasons(scene) == [("FlinkCluster demo is stopped on request", "flinkctl cluster start demo -n ns")]


def test_there_is_advice_for_every_reason_that_warns() -> None:
    """The others are about something that is over: a request, an old savepoint, a run of a deleted job."""
    over = {"RequestIgnored", "RunLeftBehind", "SavepointNotDisposed"}
    assert {reason for reason in REASONS if reason not in NORMAL} - over <= advice.ADVICE.keys()


def test_a_pod_that_cannot_start_has_its_cause_and_no_log() -> None:
    broken = pod("jobmanager")
    ended = {"exitCode": 128, "reason": "StartError", "message": "jobmanager.memory: the configured total is less"}
    broken["status"]["containerStatuses"][0]["state"] = {"terminated": ended}
    (reason, *_) = reasons(Scene(cluster("Starting", ready=False, told="x"), pods=(broken,)))
    assert "jobmanager.memory: the configured total" in reason.text
    assert "flinkConfiguration" in reason.next
    assert "flinkctl logs" not in reason.next


def test_an_image_that_the_local_runtime_does_not_know_is_given_when_it_comes_up() -> None:
    told = 'ErrImagePull: image "mine:7" is not known on this machine: known are flink:VERSION'
    assert "flinkctl local up --image IMAGE=FOLDER" in advice.of_pod(told)
