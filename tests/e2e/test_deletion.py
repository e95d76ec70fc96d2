"""Deletion, in every order; nothing is left, and nothing hangs."""

from __future__ import annotations

import pytest

from clients.kube import NotFound
from clients.kube import resources as r
from core import names
from core.pods import is_ready

from .manifests import cluster, flink_cluster, flink_deployment, flink_job, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "gone", "gone-one"
EVERY_ROLE = (names.JOBMANAGER, names.TASKMANAGER, names.SUPERVISOR, names.BOOTSTRAP)


def nothing_left(world: World) -> bool:
    found = (
        world.get(r.FLINK_DEPLOYMENTS, CLUSTER),
        world.get(r.FLINK_CLUSTERS, CLUSTER),
        world.get(r.FLINK_JOBS, JOB),
    )
    service = world.get(r.SERVICES, names.jobmanager_service(CLUSTER))
    deployment = world.get(r.DEPLOYMENTS, names.supervisor_deployment(CLUSTER))
    return not any(found) and not service and not deployment and not world.pods(CLUSTER, *EVERY_ROLE)


@pytest.mark.scenario("S11")
@pytest.mark.slow
def test_what_a_deployment_made_is_made_again(world: World) -> None:
    """A FlinkJob and a FlinkCluster that somebody deletes come back, and run."""
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"one": job(world.place)}))
    world.steady(CLUSTER, JOB)
    for kind, name in ((r.FLINK_JOBS, JOB), (r.FLINK_CLUSTERS, CLUSTER)):
        made_again(world, kind, name)
        world.steady(CLUSTER, JOB)
    # The JobManager of another cluster, although of the same name and incarnation, has not got the JAR.
    assert "BootstrapFailed" not in world.reasons(JOB)
    world.delete(r.FLINK_DEPLOYMENTS, CLUSTER)
    world.wait("nothing is left", lambda: nothing_left(world))


def made_again(world: World, kind: r.Resource, name: str) -> None:
    """Deletes it, and waits for the next one of that name."""
    uid = world.get(kind, name)["metadata"]["uid"]
    world.delete(kind, name)

    def another() -> bool:
        found = world.get(kind, name)
        return bool(found) and found["metadata"]["uid"] != uid

    world.wait(f"another {kind.kind} {name}", another)


@pytest.mark.scenario("S9", "S24")
def test_a_deployment_takes_everything_along(world: World) -> None:
    """With a running job; in the foreground, as Argo CD deletes, so that children go before their parents."""
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"one": job(world.place)}))
    world.steady(CLUSTER, JOB)
    world.delete(r.FLINK_DEPLOYMENTS, CLUSTER, propagation="Foreground")
    world.wait("nothing is left", lambda: nothing_left(world))


@pytest.mark.slow
def test_a_cluster_and_its_job_are_deleted_at_once(world: World) -> None:
    """As `kubectl delete -f` of both does, and before anything runs."""
    world.apply(flink_cluster(CLUSTER, cluster(world.place)), flink_job(JOB, job(world.place)))
    world.wait("the job is on its way", lambda: world.job(JOB).get("supervisorStatus") == "Starting")
    world.delete(r.FLINK_CLUSTERS, CLUSTER)
    world.delete(r.FLINK_JOBS, JOB)
    world.wait("nothing is left", lambda: nothing_left(world))


def said(world: World, uid: str, reason: str) -> list[str]:
    """The messages of the events with this reason about this very job, whose namesakes had events too."""
    own = (item for item in world.events(JOB) if item["involvedObject"].get("uid") == uid)
    return [item["message"] for item in own if item["reason"] == reason]


def uid(world: World) -> str:
    return str(world.get(r.FLINK_JOBS, JOB)["metadata"]["uid"])


LAST_SAVEPOINT = {"savepoint.savepointOnDelete": True}


@pytest.mark.slow
@pytest.mark.scenario("L1")
def test_a_job_leaves_a_last_savepoint_if_its_spec_says_so(world: World) -> None:
    """The job goes first, and its cluster lives on."""
    spec = job(world.place, changes=LAST_SAVEPOINT)
    world.apply(flink_cluster(CLUSTER, cluster(world.place, changes={"deletionDeadline": 3})), flink_job(JOB, spec))
    run, job_uid = world.steady(CLUSTER, JOB)[JOB].job_id, uid(world)
    world.remove((r.FLINK_JOBS, JOB))
    (path,) = world.wait("Flink shows the savepoint", lambda: world.savepoints(CLUSTER, run))
    (message,) = world.wait("an event tells its path", lambda: said(world, job_uid, "JobStopped"))
    assert path in message
    world.remove((r.FLINK_CLUSTERS, CLUSTER))


@pytest.mark.slow
def test_without_a_supervisor_the_deadline_ends_it(world: World) -> None:
    """Cluster and job are deleted while nobody is there to stop anything."""
    soon = {"deletionDeadline": 3}
    world.apply(
        flink_cluster(CLUSTER, cluster(world.place, changes=soon)), flink_job(JOB, job(world.place, changes=soon))
    )
    world.steady(CLUSTER, JOB)
    world.edit(r.FLINK_CLUSTERS, CLUSTER, "supervisor/image", "flink-metacontroller/absent:1")
    world.wait("the supervisor is gone", lambda: not any(map(is_ready, world.pods(CLUSTER, names.SUPERVISOR))))

    def told() -> bool:
        return "ErrImagePull" in world.condition(r.FLINK_CLUSTERS, CLUSTER, "Degraded")["message"]

    world.wait("the cluster says why", told)
    world.delete(r.FLINK_JOBS, JOB)
    world.delete(r.FLINK_CLUSTERS, CLUSTER)
    world.wait("nothing is left", lambda: nothing_left(world))


@pytest.mark.slow
def test_everything_is_deleted_at_once(world: World) -> None:
    """As `kubectl delete` of all three kinds does, with a running job and a last savepoint."""
    spec = job(world.place, changes=LAST_SAVEPOINT)
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"one": spec}))
    world.steady(CLUSTER, JOB)
    job_uid = uid(world)
    for kind, name in ((r.FLINK_JOBS, JOB), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_DEPLOYMENTS, CLUSTER)):
        world.delete(kind, name)
    world.wait("nothing is left", lambda: nothing_left(world))
    (message,) = said(world, job_uid, "JobStopped")
    assert message.startswith("stopped with savepoint file:")


@pytest.mark.slow
def test_a_dead_jobmanager_is_not_waited_for(world: World) -> None:
    """Neither for the savepoint that the spec asks for; it is no deadline that ends it."""
    world.apply(flink_cluster(CLUSTER, cluster(world.place)), flink_job(JOB, job(world.place, changes=LAST_SAVEPOINT)))
    world.steady(CLUSTER, JOB)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.delete(r.FLINK_CLUSTERS, CLUSTER)
    world.delete(r.FLINK_JOBS, JOB)
    world.wait("nothing is left", lambda: nothing_left(world))


def test_a_job_whose_cluster_never_was(world: World) -> None:
    world.apply(flink_job(JOB, job(world.place, changes={"clusterName": "nowhere"})))
    world.wait("it is bound", lambda: world.get(r.FLINK_JOBS, JOB)["metadata"].get("labels"))
    world.remove((r.FLINK_JOBS, JOB))


@pytest.mark.scenario("C5.6")
@pytest.mark.slow
def test_a_namespace_goes_with_everything_in_it(world: World) -> None:
    """The supervisors go with it, so that only the deadlines end the waiting. No finalizer hangs."""
    with world.elsewhere() as other:
        # No folder is shared between its pods; this job never has to come back.
        spec = cluster(other.place, changes={"deletionDeadline": 3})
        other.apply(flink_cluster(CLUSTER, spec), flink_job(JOB, job(other.place, changes={"deletionDeadline": 3})))
        other.wait("the job runs", lambda: other.job(JOB).get("supervisorStatus") == "Started")
        other.client.delete(r.NAMESPACES, other.namespace)
        with pytest.raises(NotFound):
            other.wait("the namespace is gone", lambda: not other.client.get(r.NAMESPACES, other.namespace))
