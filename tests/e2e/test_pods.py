"""Pods that a node throws out, kills or cannot run: replaced, or told in the kubelet's and scheduler's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import Mark, Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB = "pods", "pods-one"
Marks = dict[str, Mark]


@pytest.fixture(scope="module")
def spec(world: World) -> Iterator[dict[str, Any]]:
    """As it was applied."""
    applied = cluster(world.place)
    # Never: whatever brings it back, it is not the policy.
    one = job(world.place, "--checkpoint-interval", "1000", policy="Never")
    world.apply(flink_deployment(CLUSTER, applied, {"one": one}))
    yield applied
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))


@pytest.fixture
def marks(world: World, spec: dict[str, Any]) -> Marks:
    return world.steady(CLUSTER, JOB)


def evict(world: World, *roles: str) -> Object:
    """As a kubelet does under pressure."""
    (pod,) = world.pods(CLUSTER, *roles)
    status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    patch = {"metadata": {"uid": uid}, "status": status}
    world.client.patch(r.PODS, name, patch, namespace=world.namespace, subresource="status")
    return pod


def test_a_taskmanager_is_evicted(world: World, marks: Marks) -> None:
    """Another one takes its place, and the same run goes on."""
    world.passed(JOB, marks[JOB], 0)
    evicted = evict(world, names.TASKMANAGER)
    jobmanager = world.uids(CLUSTER, names.JOBMANAGER)

    def replaced() -> bool:
        found = world.uids(CLUSTER, names.TASKMANAGER)
        return len(found) == 1 and evicted["metadata"]["uid"] not in found

    world.wait("another TaskManager", replaced)

    def restored() -> bool:
        """As Flink says: what it knows of a TaskManager's metrics may be of the one that was."""
        shown = world.flink(CLUSTER, f"/jobs/{marks[JOB].job_id}/checkpoints") or {"latest": {}}
        found = shown["latest"].get("restored") or {"id": 0}
        return bool(found["id"] >= marks[JOB].checkpoint)

    world.wait("Flink has restored the job", restored)
    assert world.steady(CLUSTER, JOB)[JOB].job_id == marks[JOB].job_id
    assert world.uids(CLUSTER, names.JOBMANAGER) == jobmanager


def test_the_jobmanager_is_evicted(world: World, marks: Marks) -> None:
    """All pods are of the next incarnation, and the job is back from a checkpoint."""
    before = world.uids(CLUSTER)
    world.passed(JOB, marks[JOB], 3)
    evict(world, names.JOBMANAGER)
    world.resumed(CLUSTER, marks)
    assert not before & world.uids(CLUSTER)


CANNOT_RUN = {
    "ErrImagePull": ("runtime/image", "flink-metacontroller/absent:1"),
    "Unschedulable": ("taskManager/resources", {"requests": {"cpu": "1000"}}),
    # Less than a JVM takes to start.
    "OOMKilled": ("taskManager/resources", {"limits": {"memory": "100Mi"}}),
}
# Local processes have no limits.
only_on_a_cluster = pytest.mark.only_on_a_cluster


def degraded(world: World, resource: r.Resource, reason: str) -> str:
    """The message of the condition Degraded, once it has this word."""
    found = world.condition(resource, CLUSTER, "Degraded")
    message = str(found.get("message", ""))
    return message if found.get("status") == "True" and reason in message else ""


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "Unschedulable", pytest.param("OOMKilled", marks=only_on_a_cluster)]
)
def test_pods_that_cannot_run_are_told_and_corrected(
    world: World, marks: Marks, spec: dict[str, Any], reason: str
) -> None:
    """The edit has saved the job; it waits, and is back from there as soon as the spec is right again."""
    path, value = CANNOT_RUN[reason]
    part, _, field = path.partition("/")
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, f"cluster/{path}", value)
    for resource in (r.FLINK_CLUSTERS, r.FLINK_DEPLOYMENTS):
        message = world.wait(f"{resource.kind} says {reason}", lambda kind=resource: degraded(world, kind, reason))  # type: ignore[misc]
        assert names.TASKMANAGER in message or names.JOBMANAGER in message
    assert reason in world.condition(r.FLINK_CLUSTERS, CLUSTER, "Ready")["message"]
    assert world.job(JOB)["supervisorStatus"] == "Starting"
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, f"cluster/{path}", spec[part].get(field, {}))
    world.resumed(CLUSTER, marks)
    assert world.job(JOB)["restoredPath"] == world.job(JOB)["savepointPath"] != ""
    world.wait("all is well", lambda: world.condition(r.FLINK_CLUSTERS, CLUSTER, "Degraded")["status"] == "False")
