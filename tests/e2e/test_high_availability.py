"""Flink's own high availability, on Kubernetes: what Flink brings back is left to it, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import Resource
from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_cluster, flink_job, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB, ACCOUNT = "ha", "ha-one", "flink-ha"
METADATA = f"app={CLUSTER},type=flink-native-kubernetes"  # the labels that Flink gives its ConfigMaps
RBAC = "rbac.authorization.k8s.io"
RIGHTS = {
    Resource("", "v1", "serviceaccounts", "ServiceAccount"): {},
    Resource(RBAC, "v1", "roles", "Role"): {
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    },
    Resource(RBAC, "v1", "rolebindings", "RoleBinding"): {
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT}],
    },
}


@pytest.fixture(scope="module")
def ha(world: World) -> Iterator[None]:
    for resource, body in RIGHTS.items():
        if world.place.local and resource.group == RBAC:
            continue  # nobody needs rights there
        metadata = {"name": ACCOUNT, "namespace": world.namespace}
        head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        world.client.create(resource, {**head, **body}, namespace=world.namespace)
    options = {
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"file://{world.place.state}/ha",
        "kubernetes.cluster-id": CLUSTER,
        "kubernetes.namespace": world.namespace,
    }
    spec = cluster(world.place)
    spec["flinkConfiguration"] |= options
    for part in ("jobManager", "taskManager"):
        spec[part]["serviceAccount"] = ACCOUNT
        spec[part]["podTemplate"] = {"spec": {"automountServiceAccountToken": True}}
    world.apply(flink_cluster(CLUSTER, spec), flink_job(JOB, job(world.place, policy="Never")))
    yield
    world.remove((r.FLINK_JOBS, JOB), (r.FLINK_CLUSTERS, CLUSTER))


@pytest.fixture
def mark(world: World, ha: None) -> Mark:
    return world.steady(CLUSTER, JOB)[JOB]


@pytest.mark.scenario("A1")
def test_a_job_that_flink_recovers_is_adopted(world: World, mark: Mark) -> None:
    """The same run goes on, from its newest checkpoint: no other attempt is made, and it stops as any other does."""
    world.passed(JOB, mark, 3)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.wait("Flink's run is adopted", lambda: "JobAdopted" in world.reasons(JOB))
    after = world.steady(CLUSTER, JOB)[JOB]
    assert (after.job_id, after.attempt) == (mark.job_id, mark.attempt)
    gauges = world.wait("it counts", lambda: world.gauges(JOB))
    assert gauges.restored >= mark.total
    world.request(r.FLINK_JOBS, JOB, "STOP")
    world.wait("it is stopped", lambda: world.job(JOB).get("supervisorStatus") == "Stopped")
    assert world.job(JOB)["savepointPath"]
    assert not world.running(CLUSTER)
    world.request(r.FLINK_JOBS, JOB, "START")
    world.resumed(CLUSTER, {JOB: after})


@pytest.mark.scenario("C5.5")
def test_a_suspended_job_needs_no_metadata_of_flink(world: World, mark: Mark) -> None:
    """Somebody deletes Flink's ConfigMaps: its savepoint is in its status, so it does not start empty."""
    world.edit(r.FLINK_CLUSTERS, CLUSTER, "suspend", True)
    world.wait("the cluster is down", lambda: suspended(world))
    metadata = [item["metadata"]["name"] for item in world.items(r.CONFIGMAPS, METADATA)]
    assert metadata
    for name in metadata:
        world.delete(r.CONFIGMAPS, name)
    assert not world.items(r.CONFIGMAPS, METADATA)
    world.edit(r.FLINK_CLUSTERS, CLUSTER, "suspend", False)
    world.resumed(CLUSTER, {JOB: mark})
    status = world.job(JOB)
    assert status["restoredPath"] == status["savepointPath"] != ""
    assert status["attempt"] == mark.attempt + 1


def suspended(world: World) -> bool:
    shown = world.condition(r.FLINK_CLUSTERS, CLUSTER, "Suspended").get("status")
    return shown == "True" and not world.pods(CLUSTER)
