"""Several supervisors for one cluster, and one for all: one acts at a time, and requests are served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
import yaml

from clients.kube import Resource
from clients.kube import resources as r
from core import names

from . import places
from .manifests import cluster, flink_deployment, job
from .world import Mark, Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
COMPONENT = places.OVERLAY.parents[1] / "components" / "shared-supervisor"
SYSTEM, _ = places.HOOKS
SHARED = "flink-shared-supervisor"
TWICE, OWN = "twice", "handed"


def leader(world: World, namespace: str, lease: str) -> str:
    """Who holds the Lease: the name of a pod, and a mark of its process."""
    found = world.client.list(r.LEASES, namespace=namespace)["items"]
    return next((str(item["spec"]["holderIdentity"]) for item in found if item["metadata"]["name"] == lease), "")


def pod_of(world: World, namespace: str, holder: str) -> Object:
    return world.client.get(r.PODS, holder.rpartition("_")[0], namespace=namespace)


def another(world: World, namespace: str, lease: str, before: str) -> None:
    world.wait("another holds the Lease", lambda: leader(world, namespace, lease) not in ("", before))


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


# Several for one cluster.


@pytest.fixture(scope="module")
def twice(world: World) -> Iterator[Mark]:
    yield applied(world, TWICE, {"supervisor.replicas": 2})
    removed(world, TWICE)


@pytest.mark.scenario("A10")
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
    world.take_savepoint(f"{TWICE}-main")
    another(world, world.namespace, lease, before)
    goes_on(world, TWICE, twice)


# One for all.


@pytest.mark.scenario("A12", "C5.12")
def test_a_running_cluster_is_handed_to_the_shared_supervisor_and_back(world: World) -> None:
    """It loses its own, with no pod of Flink and no run the worse; its namesake elsewhere is served too; when the
    leader is killed the other one takes over; and back."""
    mark, pods = applied(world, OWN), world.uids(OWN)
    with shared_supervisor(world):
        world.wait("it has none of its own", lambda: not own_supervisor(world))
        world.take_savepoint(f"{OWN}-main")
        with world.elsewhere() as far:
            there = applied(far, OWN)
            assert not far.pods(OWN, names.SUPERVISOR)
            before = leader(world, SYSTEM, SHARED)
            world.kill([pod_of(world, SYSTEM, before)])
            far.take_savepoint(f"{OWN}-main")
            world.take_savepoint(f"{OWN}-main")
            another(world, SYSTEM, SHARED, before)
            goes_on(far, OWN, there)
            removed(far, OWN)
    world.wait("it has its own again", lambda: own_supervisor(world))
    world.settled(names.supervisor_deployment(OWN), world.namespace)
    world.take_savepoint(f"{OWN}-main")
    goes_on(world, OWN, mark)
    assert world.uids(OWN) == pods
    removed(world, OWN)


def own_supervisor(world: World) -> bool:
    return bool(world.get(r.DEPLOYMENTS, names.supervisor_deployment(OWN)) or world.pods(OWN, names.SUPERVISOR))


@contextmanager
def shared_supervisor(world: World) -> Iterator[None]:
    """As `kubectl apply -k` of the overlay, and of the default again; nobody has rights in the local runtime.
    Metacontroller begins anew, and so asks about every cluster at once."""
    items = [item for item in component() if not world.place.local or item["kind"] in ("Deployment", "ServiceAccount")]
    hooks = world.hooks_template()
    told = deepcopy(hooks)
    told["spec"]["containers"][0]["env"].append({"name": "FLINK_SHARED_SUPERVISOR", "value": "true"})
    for item in items:
        world.client.create(resource(item), item, namespace=SYSTEM)
    try:
        world.replace_hooks(told)
        world.place.restart_metacontroller()
        world.settled(SHARED, SYSTEM)
        yield
    finally:
        world.replace_hooks(hooks)
        world.place.restart_metacontroller()
        for item in items:
            world.client.delete(resource(item), item["metadata"]["name"], namespace=SYSTEM)


def component() -> list[Object]:
    """The account and its rights before the pods that need them."""
    text = "\n---\n".join((COMPONENT / f"{name}.yaml").read_text("utf-8") for name in ("rights", "supervisor"))
    return list(yaml.safe_load_all(text.replace(places.RELEASED_IMAGE, places.OWN_IMAGE)))


def resource(item: Object) -> Resource:
    group, _, version = item["apiVersion"].rpartition("/")
    namespaced = not item["kind"].startswith("Cluster")
    return Resource(group, version, f"{item['kind'].lower()}s", item["kind"], namespaced)
