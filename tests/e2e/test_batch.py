"""A job that comes to an end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "batch", "batch-finite"


@pytest.fixture(scope="module", autouse=True)
def finite(world: World) -> Iterator[None]:
    spec = job(world.place, "--stop-after", "600", policy="Always")
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"finite": spec}))
    finished(world, attempt=1)
    yield
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))


def finished(world: World, *, attempt: int) -> None:
    def ended() -> bool:
        status = world.job(JOB)
        return (status.get("attempt"), status.get("supervisorStatus")) == (attempt, "Stopped")

    world.wait("the job is stopped", ended)
    assert world.job(JOB)["jobStatus"] == "FINISHED"
    ready = world.condition(r.FLINK_JOBS, JOB, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Finished")
    world.wait("no TaskManager is left", lambda: not world.pods(CLUSTER, names.TASKMANAGER))
    world.wait("the deployment is ready", lambda: world.is_ready(r.FLINK_DEPLOYMENTS, CLUSTER))


@pytest.mark.scenario("S14")
@pytest.mark.slow
def test_a_finite_job_is_finished_and_frees_the_taskmanagers(world: World) -> None:
    """FINISHED is Ready and is not run again, whatever the policy; without work no TaskManager stays."""
    world.wait("the cluster says so", lambda: world.cluster(CLUSTER).get("taskManagerReplicas") == 0)
    assert world.cluster(CLUSTER)["supervisorStatus"] == "Started"
    assert world.job(JOB)["attempt"] == 1


@pytest.mark.scenario("A4")
@pytest.mark.slow
def test_a_finished_job_runs_again_when_its_program_changes(world: World) -> None:
    """From the beginning, and to its end. An edit of when savepoints are taken does not concern what it has done."""
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/savepointInterval", 3600)

    def seen() -> bool:
        found = world.get(r.FLINK_JOBS, JOB)
        edited = found["spec"]["savepoint"]["savepointInterval"] == 3600
        return edited and bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

    world.wait("the job has the edit, and has seen it", seen)
    finished(world, attempt=1)
    assert runs(world) == ["FINISHED"]
    arguments = world.get(r.FLINK_JOBS, JOB)["spec"]["bootstrap"]["arguments"]
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/bootstrap/arguments", [*arguments[:-1], "400"])
    finished(world, attempt=2)
    assert runs(world) == ["FINISHED", "FINISHED"]
    assert not world.job(JOB).get("restoredPath")


def runs(world: World) -> list[str]:
    """What became of them, in the same JobManager all the time."""
    return [item["status"] for item in world.wait("Flink answers", lambda: world.flink(CLUSTER, "/jobs"))["jobs"]]
