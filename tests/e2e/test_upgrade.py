"""Hooks, supervisor and Metacontroller are replaced under a running job: neither it nor its pods notice."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clients.kube import resources as r
from core import names
from core.pods import is_ready

from . import places
from .manifests import cluster, flink_deployment, job
from .world import Mark, Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB = "roll", "roll-main"
NAMESPACE, _ = places.HOOKS
HOOKS, NEXT = "flink-hooks", "next-version"
NEXT_VERSION = Path(__file__).parent / "next_version" / "sitecustomize.py"
LABEL = ("example.com/version", "next")  # what that one adds
RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture(scope="module")
def roll(world: World) -> Iterator[None]:
    # Never: a job that was lost would stay lost.
    spec = job(world.place, "--checkpoint-interval", "1000", policy="Never")
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"main": spec}))
    yield
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))


@pytest.fixture
def mark(world: World, roll: None) -> Mark:
    return world.steady(CLUSTER, JOB)[JOB]


class Before(NamedTuple):
    mark: Mark
    pods: set[str]


@pytest.fixture(scope="module")
def before(world: World, roll: None) -> Iterator[Before]:
    """What was there when the next version came, which also mounts the JARs' images. It goes again afterwards."""
    found = Before(world.steady(CLUSTER, JOB)[JOB], world.uids(CLUSTER))
    source = NEXT_VERSION.read_text("utf-8")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NEXT}, "data": {"sitecustomize.py": source}}
    world.client.create(r.CONFIGMAPS, body, namespace=NAMESPACE)
    present = world.hooks_template()
    after = deepcopy(present)
    container = after["spec"]["containers"][0]
    variables = {"PYTHONPATH": "/next", "FLINK_IMAGE_VOLUMES": "true"}
    container["env"] = [*container["env"], *({"name": key, "value": value} for key, value in variables.items())]
    container["volumeMounts"] = [{"name": "next", "mountPath": "/next"}]
    after["spec"]["volumes"] = [{"name": "next", "configMap": {"name": NEXT}}]
    world.replace_hooks(after)
    yield found
    world.replace_hooks(present)
    world.client.delete(r.CONFIGMAPS, NEXT, namespace=NAMESPACE)


def is_of_the_next_version(item: Object) -> bool:
    return LABEL in item["metadata"]["labels"].items()


def unmoved(world: World, mark: Mark, pods: set[str]) -> None:
    """An edit still arrives; the same pods, the same run, further on than before."""
    limit = world.get(r.FLINK_JOBS, JOB)["spec"]["savepoint"].get("historyLimit", 10) + 1
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/historyLimit", limit)
    world.wait(
        "the edit arrives", lambda: world.get(r.FLINK_JOBS, JOB)["spec"]["savepoint"].get("historyLimit") == limit
    )
    after = world.steady(CLUSTER, JOB)[JOB]
    assert world.uids(CLUSTER) == pods
    assert (after.job_id, after.attempt) == (mark.job_id, mark.attempt)
    world.passed(JOB, mark, 1)


@pytest.mark.scenario("C5.11")
def test_a_rolling_restart_of_everything_of_ours(world: World, mark: Mark) -> None:
    """As `kubectl rollout restart` does it, and Metacontroller after it: nothing starts again, nothing is deleted."""
    pods = world.uids(CLUSTER)
    metadata = {"annotations": {RESTARTED: "2026-01-01T00:00:00Z"}}
    patch = {"spec": {"template": {"metadata": metadata}}}
    supervisor = names.supervisor_deployment(CLUSTER)
    for name, namespace in ((HOOKS, NAMESPACE), (supervisor, world.namespace)):
        world.client.patch(r.DEPLOYMENTS, name, patch, namespace=namespace)
        world.settled(name, namespace)
    world.place.restart_metacontroller()
    unmoved(world, mark, pods)
    # Metacontroller leaves alone what it did not say.
    assert all(RESTARTED in pod["metadata"]["annotations"] for pod in world.pods(CLUSTER, names.SUPERVISOR))
    assert all(is_ready(pod) for pod in world.pods(CLUSTER, names.SUPERVISOR))


def test_the_next_version_of_the_hooks_moves_no_flink_pod(world: World, before: Before) -> None:
    """What may change in place does; the supervisor is another one; pods are as they were made."""
    service = names.jobmanager_service(CLUSTER)
    world.wait("the Service is of the next version", lambda: is_of_the_next_version(world.get(r.SERVICES, service)))
    world.settled(names.supervisor_deployment(CLUSTER), world.namespace)
    assert all(is_of_the_next_version(pod) for pod in world.pods(CLUSTER, names.SUPERVISOR))
    unmoved(world, before.mark, before.pods)
    assert not [pod for pod in world.pods(CLUSTER) if is_of_the_next_version(pod)]


def test_a_jar_comes_from_an_image_volume(world: World, mark: Mark, before: Before) -> None:
    """The next delivery is made so, and the job comes back from its savepoint."""
    world.request(r.FLINK_JOBS, JOB, "STOP")
    world.wait("the job is stopped", lambda: world.job(JOB)["supervisorStatus"] == "Stopped")
    world.request(r.FLINK_JOBS, JOB, "START")
    pods: dict[str, Any] = {}

    def delivered() -> bool:
        pods.update((pod["metadata"]["name"], pod["spec"]) for pod in world.pods(CLUSTER, names.BOOTSTRAP))
        return world.job(JOB).get("attempt", 0) > mark.attempt

    world.wait("another run", delivered, pace=0.02)
    world.steady(CLUSTER, JOB)
    world.check_resumed(JOB, mark)
    assert pods
    for spec in pods.values():
        assert [volume["image"]["reference"] for volume in spec["volumes"]] == [world.place.own_image]
        assert not spec.get("initContainers")


def test_a_pod_that_is_replaced_later_is_of_the_next_version(world: World, mark: Mark, before: Before) -> None:
    world.passed(JOB, mark, 3)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.wait(
        "pods of the next version",
        lambda: (found := world.pods(CLUSTER)) and all(is_of_the_next_version(pod) for pod in found),
    )
    world.resumed(CLUSTER, {JOB: mark})
