"""Three jobs on one cluster: its size follows all of them, what is asked of one is not asked of the others, and a
change of the cluster takes each along from its own savepoint, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER = "many"
ONE, TWO, THREE = JOBS = ("many-one", "many-two", "many-three")
Marks = dict[str, Mark]


@pytest.fixture(scope="module")
def many(world: World) -> Iterator[None]:
    one = job(world.place)
    jobs = {"one": one, "two": job(world.place, parallelism=2), "three": job(world.place, policy="Never")}
    with world.deployed(CLUSTER, cluster(world.place, slots=2), jobs):
        yield


@pytest.fixture
def marks(world: World, many: None) -> Marks:
    return world.steady(CLUSTER, *JOBS)


def size(world: World) -> tuple[int, int]:
    """TaskManagers that are there, and their slots."""
    status = world.cluster(CLUSTER)
    pods = len(world.pods(CLUSTER, names.TASKMANAGER))
    return (pods, status["totalTaskSlots"]) if status.get("taskManagerReplicas") == pods else (0, 0)


def paths(world: World) -> list[str]:
    return [world.job(name).get("savepointPath", "") for name in JOBS]


def same_runs(after: Marks, before: Marks, *jobs: str) -> None:
    assert [after[name].job_id for name in jobs] == [before[name].job_id for name in jobs]


@pytest.mark.scenario("S6", "S23")
def test_there_are_as_many_slots_as_all_jobs_need(world: World, marks: Marks) -> None:
    """Four slots are two TaskManagers; with more of one job, more of them; only that job is started again."""
    assert size(world) == (2, 4)
    world.scale(r.FLINK_JOBS, ONE, 3)
    world.resumed(CLUSTER, {ONE: marks[ONE]}, TWO, THREE)
    assert size(world) == (3, 6)
    world.scale(r.FLINK_JOBS, TWO, 4)
    world.resumed(CLUSTER, {TWO: marks[TWO]}, ONE, THREE)
    assert size(world) == (4, 8)
    world.scale(r.FLINK_JOBS, ONE, 1)
    world.scale(r.FLINK_JOBS, TWO, 1)
    world.wait("at most two TaskManagers are left", lambda: (2, 4) >= size(world) > (0, 0))
    world.scale(r.FLINK_JOBS, TWO, 2)
    world.wait("all is as it was", lambda: world.job(TWO).get("jobParallelism") == 2)
    same_runs(world.steady(CLUSTER, *JOBS), marks, THREE)


@pytest.mark.scenario("S15")
def test_a_restart_without_savepoint_is_that_jobs_alone(world: World, marks: Marks) -> None:
    """It runs, begins empty, and has no path."""
    world.request(r.FLINK_JOBS, ONE, "START", without_savepoint=True)
    world.wait("another run", lambda: world.job(ONE)["attempt"] > marks[ONE].attempt)
    after = world.steady(CLUSTER, *JOBS)
    assert not world.job(ONE)["savepointPath"] and not world.job(ONE).get("restorePath")
    assert world.wait("it counts", lambda: world.gauges(ONE)).restored == -1
    same_runs(after, marks, TWO, THREE)


@pytest.mark.scenario("C5.7", "L1", "L3")
def test_one_failing_savepoint_holds_the_change_of_the_cluster(world: World, marks: Marks) -> None:
    """Every pod stays, with the reason in sight; as soon as the savepoint can be taken, all three come back, each from
    its own, on a Flink with the new configuration."""
    pods, folder = world.uids(CLUSTER), "jobs/2/spec/savepoint/savepointTargetPath"
    right = world.get(r.FLINK_JOBS, THREE)["spec"]["savepoint"]["savepointTargetPath"]
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, folder, "file:///proc/savepoints")
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/flinkConfiguration/web.refresh-interval", "4321")
    world.wait("the failure shows", lambda: world.condition(r.FLINK_JOBS, THREE, "Degraded")["status"] == "True")
    assert world.condition(r.FLINK_JOBS, THREE, "Degraded")["reason"] == "SavepointFailed"
    world.wait("the others are saved", lambda: all(paths(world)[:2]))
    assert world.cluster(CLUSTER)["supervisorStatus"] == "Stopping"
    assert world.uids(CLUSTER) == pods
    assert marks[THREE].job_id in world.running(CLUSTER)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, folder, right)
    world.resumed(CLUSTER, marks)
    assert [world.job(name)["restoredPath"] for name in JOBS] == paths(world)
    assert len(set(paths(world))) == 3
    options = world.wait("Flink answers", lambda: world.flink(CLUSTER, "/jobmanager/config"))
    assert {"key": "web.refresh-interval", "value": "4321"} in options
    assert not pods & world.uids(CLUSTER)


def down(world: World) -> bool:
    return world.cluster(CLUSTER)["supervisorStatus"] == "Stopped" and not world.pods(CLUSTER)


@pytest.mark.scenario("S10")
def test_the_cluster_is_stopped_and_started_without_savepoint(world: World, marks: Marks) -> None:
    """The stop leaves the paths as they are; the start, which a person wants to be empty, has none."""
    before = paths(world)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/2/spec/restart/restartPolicy", "Always")
    world.request(r.FLINK_CLUSTERS, CLUSTER, "STOP", without_savepoint=True)
    world.wait("the cluster is stopped", lambda: down(world))
    assert paths(world) == before
    world.request(r.FLINK_CLUSTERS, CLUSTER, "START", without_savepoint=True)
    world.wait("other runs", lambda: all(world.job(name)["attempt"] > mark.attempt for name, mark in marks.items()))
    world.steady(CLUSTER, *JOBS)
    assert paths(world) == ["", "", ""]
    assert {world.wait("it counts", lambda name=name: world.gauges(name)).restored for name in JOBS} == {-1}  # type: ignore[misc]
