"""The life of one job: start, savepoints, stop, start, suspend, another parallelism."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import RESCALE_DELAY, cluster, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "life", "life-main"


@pytest.fixture(scope="module", params=["flink_image", pytest.param("old_flink_image", marks=pytest.mark.slow)])
def life(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    spec = cluster(world.place, changes={"runtime.image": getattr(world.place, request.param)})
    # Never: nothing but requests and edits starts it again.
    with world.deployed(CLUSTER, spec, {"main": job(world.place, policy="Never")}):
        yield


@pytest.fixture
def mark(world: World, life: None) -> Mark:
    return world.steady(CLUSTER, JOB)[JOB]


def path(world: World) -> str:
    return str(world.job(JOB)["savepointPath"])


def stopped(world: World) -> bool:
    return world.job(JOB).get("supervisorStatus") == "Stopped" and not world.running(CLUSTER)


@pytest.mark.scenario("S1", "S8")
def test_one_deployment_becomes_a_cluster_and_a_job_that_runs(world: World, mark: Mark) -> None:
    """Everything says ready, with the figures of the spec; the first run starts empty."""
    world.wait("the deployment is ready", lambda: world.is_ready(r.FLINK_DEPLOYMENTS, CLUSTER))
    status = world.cluster(CLUSTER)
    figures = {key: status[key] for key in ("taskManagers", "taskManagerReplicas", "taskSlots", "totalTaskSlots")}
    assert set(figures.values()) == {1}, figures
    assert (status["supervisorStatus"], status["clusterHealth"]) == ("Started", "HEALTHY")
    assert status["serviceMode"] == "ClusterIP"
    running = world.job(JOB)
    assert (running["supervisorStatus"], running["jobStatus"], running["jobParallelism"]) == ("Started", "RUNNING", 1)
    assert world.wait("the job counts", lambda: world.gauges(JOB)).restored == -1


@pytest.mark.scenario("S3", "S4", "A2", "A14", "A15")
def test_a_savepoint_on_request_and_forgotten(world: World, mark: Mark) -> None:
    """A path appears, and goes when it is forgotten; the same run goes on."""
    assert path(world) == ""
    world.request(r.FLINK_JOBS, JOB, "TRIGGER_SAVEPOINT")
    world.wait("a savepoint's path", lambda: path(world))
    world.one_more_savepoint(CLUSTER, mark.job_id, set(), path(world))
    world.request(r.FLINK_JOBS, JOB, "FORGET_SAVEPOINT")
    world.wait("no path", lambda: not path(world))
    assert world.steady(CLUSTER, JOB)[JOB].job_id == mark.job_id


@pytest.mark.scenario("S2")
def test_stop_with_a_savepoint_and_start_from_it(world: World, mark: Mark) -> None:
    """Nothing but the request starts it again, and it goes on where it was."""
    before = world.savepoints(CLUSTER, mark.job_id)
    world.request(r.FLINK_JOBS, JOB, "STOP")
    world.wait("the job is stopped", lambda: stopped(world))
    saved = path(world)
    assert saved
    assert world.condition(r.FLINK_JOBS, JOB, "Suspended")["status"] == "True"
    world.one_more_savepoint(CLUSTER, mark.job_id, before, saved)
    world.request(r.FLINK_JOBS, JOB, "START")
    world.resumed(CLUSTER, {JOB: mark})
    assert world.job(JOB)["restoredPath"] == saved == path(world)


@pytest.mark.scenario("S2")
def test_stop_and_start_without_savepoint(world: World, mark: Mark) -> None:
    """The path stays, and the next start, which a person wants to be empty, is empty."""
    before = path(world)
    world.request(r.FLINK_JOBS, JOB, "STOP", without_savepoint=True)
    world.wait("the job is stopped", lambda: stopped(world))
    assert path(world) == before
    assert not world.savepoints(CLUSTER, mark.job_id)
    world.request(r.FLINK_JOBS, JOB, "START", without_savepoint=True)
    world.wait("another run", lambda: world.job(JOB).get("attempt", 0) > mark.attempt)
    world.steady(CLUSTER, JOB)
    assert path(world) == "" and not world.job(JOB).get("restorePath")
    assert world.wait("the job counts", lambda: world.gauges(JOB)).restored == -1


@pytest.mark.scenario("A15")
def test_suspended_by_the_spec_and_back(world: World, mark: Mark) -> None:
    """`suspend: true` in the manifest stops the job with a savepoint, and false resumes it, whatever its policy."""
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/suspend", True)
    world.wait("the job is stopped", lambda: stopped(world))
    assert world.condition(r.FLINK_JOBS, JOB, "Ready")["reason"] == "Suspended"
    # What is declared is what there is.
    world.wait("the deployment is ready", lambda: world.is_ready(r.FLINK_DEPLOYMENTS, CLUSTER))
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/suspend", False)
    world.resumed(CLUSTER, {JOB: mark})
    assert world.job(JOB)["restoredPath"] == path(world)


@pytest.mark.scenario("A2", "A14")
def test_another_parallelism_and_back(world: World, mark: Mark) -> None:
    """`kubectl scale` of the job brings a TaskManager more, and one less, but not before rescaleDelay."""
    world.scale(r.FLINK_JOBS, JOB, 2)
    marks = world.resumed(CLUSTER, {JOB: mark})
    assert world.job(JOB)["jobParallelism"] == 2
    assert world.cluster(CLUSTER)["taskManagerReplicas"] == len(world.pods(CLUSTER, names.TASKMANAGER)) == 2
    asked = time.monotonic()
    world.scale(r.FLINK_JOBS, JOB, 1)
    world.resumed(CLUSTER, marks)
    world.wait("one TaskManager is left", lambda: len(world.pods(CLUSTER, names.TASKMANAGER)) == 1)
    assert time.monotonic() - asked >= RESCALE_DELAY
    assert world.job(JOB)["jobParallelism"] == 1


@pytest.mark.scenario("S5", "A15")
def test_periodic_savepoints(world: World, mark: Mark) -> None:
    """An interval in the spec brings one savepoint after the other, without a restart of the job."""
    before = path(world)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/savepointInterval", 1)
    first = world.wait("a periodic savepoint", lambda: path(world) != before and world.job(JOB))
    second = world.wait("the next one", lambda: path(world) != first["savepointPath"] and world.job(JOB))
    assert second["savepointTimestamp"] >= first["savepointTimestamp"]  # whole seconds
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/savepointInterval", 0)
    assert world.steady(CLUSTER, JOB)[JOB].job_id == mark.job_id
