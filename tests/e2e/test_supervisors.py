"""Several supervisors for one cluster: one acts at a time, and requests are served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import Mark, Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
TWICE = "twice"


def leader(world: World, namespace: str, lease: str) -> str:
    """Who holds the Lease: the name of a pod, and a mark of its process."""
    found = world.client.list(r.LEASES, namespace=namespace)["items"]
    return next((str(item["spec"]["holderIdentity"]) for item in found if item["metadata"]["name"] == lease), "")


def pod_of(world: World, namespace: str, holder: str) -> Object:
    return world.client.get(r.PODS, holder.rpartition("_")[0], namespace=namespace)


def another(world: World, namespace: str, lease: str, before: str) -> None:
    world.wait("another holds the Lease", lambda: leader(world, namespace, lease) not in ("", before))


def takes_a_savepoint(world: World, name: str) -> None:
    had = world.job(name).get("savepointPath")
    world.request(r.FLINK_JOBS, name, "TRIGGER_SAVEPOINT")
    world.wait("the savepoint is taken", lambda: world.job(name).get("savepointPath") not in (None, had))


def goes_on(world: World, cluster: str, mark: Mark) -> None:
    """The same run."""
    after = world.steady(cluster, f"{cluster}-main")[f"{cluster}-main"]
    assert (after.job_id, after.attempt) == (mark.job_id, mark.attempt)
    assert after.total > mark.total


def applied(world: World, name: str, changes: dict[str, Any] | None = None) -> Mark:
    """A cluster with a job that, once lost, would stay lost."""
    world.apply(
        flink_deployment(name, cluster(world.place, changes=changes), {"main": job(world.place, policy="Never")})
    )
    return world.steady(name, f"{name}-main")[f"{name}-main"]


def removed(world: World, name: str) -> None:
    world.remove((r.FLINK_DEPLOYMENTS, name), (r.FLINK_CLUSTERS, name), (r.FLINK_JOBS, f"{name}-main"))


@pytest.fixture(scope="module")
def twice(world: World) -> Iterator[Mark]:
    yield applied(world, TWICE, {"supervisor.replicas": 2})
    removed(world, TWICE)


@pytest.mark.parametrize("how", ["killed", "told to end"])
def test_the_leader_goes_and_the_other_takes_over(world: World, twice: Mark, how: str) -> None:
    """A request that comes while nobody leads is served by the next one."""
    lease = names.supervisor_deployment(TWICE)
    world.settled(lease, world.namespace)
    before = leader(world, world.namespace, lease)
    pod = pod_of(world, world.namespace, before)
    assert len(world.pods(TWICE, names.SUPERVISOR)) == 2
    if how == "killed":
        world.kill([pod])
    else:
        world.client.delete(r.PODS, pod["metadata"]["name"], namespace=world.namespace)
    takes_a_savepoint(world, f"{TWICE}-main")
    another(world, world.namespace, lease, before)
    goes_on(world, TWICE, twice)
