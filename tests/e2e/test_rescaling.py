"""How many TaskManagers there are: as many as the jobs need, or as the spec says; no busy one goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "scale", "scale-one"


@pytest.fixture(scope="module")
def scale(world: World) -> Iterator[None]:
    spec = cluster(world.place, slots=3, changes={"maxTaskManagers": 1})
    world.apply(flink_deployment(CLUSTER, spec, {"one": job(world.place)}))
    yield
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))


@pytest.fixture
def mark(world: World, scale: None) -> Mark:
    return world.steady(CLUSTER, JOB)[JOB]


def pod_names(world: World) -> set[str]:
    return {pod["metadata"]["name"] for pod in world.pods(CLUSTER, names.TASKMANAGER)}


def registered(world: World) -> dict[str, bool]:
    """The TaskManagers in Flink by their ids; is the one busy?"""
    found = world.flink(CLUSTER, "/taskmanagers") or {"taskmanagers": []}
    return {item["id"]: item["freeSlots"] < item["slotsNumber"] for item in found["taskmanagers"]}


def busy_one_is_left(world: World) -> bool:
    """A TaskManager's id in Flink is its pod's name."""
    left = registered(world)
    return list(left.values()) == [True] and set(left) == pod_names(world)


@pytest.mark.scenario("L7")
def test_more_slots_bring_more_taskmanagers_up_to_the_limit(world: World, mark: Mark) -> None:
    """Four slots need two TaskManagers of three; while only one may be, the job goes on as it is."""
    before = world.uids(CLUSTER, names.TASKMANAGER)
    assert len(before) == 1
    world.scale(r.FLINK_JOBS, JOB, 4)
    waiting = "waiting for slots, 3 of 4 are there"
    world.wait("the job says what it waits for", lambda: waiting in world.job(JOB).get("message", ""))
    assert world.steady(CLUSTER, JOB)[JOB].job_id == mark.job_id
    assert len(pod_names(world)) == 1
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/maxTaskManagers", 2)
    world.resumed(CLUSTER, {JOB: mark})
    status = world.cluster(CLUSTER)
    assert (world.job(JOB)["jobParallelism"], status["taskManagers"], status["totalTaskSlots"]) == (4, 2, 6)
    assert before < world.uids(CLUSTER, names.TASKMANAGER)
    assert set(registered(world)) == pod_names(world)


def test_only_an_idle_taskmanager_goes(world: World, mark: Mark) -> None:
    """After rescaleDelay; the run that uses the other one notices nothing."""
    before = pod_names(world)
    assert len(before) == 2
    world.scale(r.FLINK_JOBS, JOB, 1)
    after = world.resumed(CLUSTER, {JOB: mark})[JOB]
    world.wait("the busy TaskManager is left", lambda: busy_one_is_left(world))
    assert pod_names(world) < before
    assert world.steady(CLUSTER, JOB)[JOB].job_id == after.job_id


def generations(world: World) -> tuple[int, int]:
    found = world.get(r.FLINK_JOBS, JOB), world.get(r.FLINK_CLUSTERS, CLUSTER)
    return found[0]["metadata"]["generation"], found[1]["metadata"]["generation"]


def test_an_autoscaler_is_not_fought_over(world: World, mark: Mark) -> None:
    """Its writes stay, whatever else is edited; nobody but it and that edit writes the specs. An edit of the declared
    figure itself is passed on."""
    job_before, cluster_before = generations(world)
    for replicas in (3, 2, 3):
        world.scale(r.FLINK_JOBS, JOB, replicas)
    world.wait("three of them run", lambda: world.job(JOB).get("jobParallelism") == 3)
    after = world.resumed(CLUSTER, {JOB: mark})
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/historyLimit", 7)

    def spec() -> dict[str, object]:
        found: dict[str, object] = world.get(r.FLINK_JOBS, JOB)["spec"]
        return found

    world.wait("the edit arrives", lambda: spec()["savepoint"]["historyLimit"] == 7)  # type: ignore[index]
    assert spec()["jobParallelism"] == 3
    assert world.steady(CLUSTER, JOB)[JOB].job_id == after[JOB].job_id
    assert generations(world) == (job_before + 4, cluster_before)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/jobParallelism", 2)
    world.wait("the declared figure is in force", lambda: world.job(JOB).get("jobParallelism") == 2)
    world.resumed(CLUSTER, after)


@pytest.mark.slow
def test_to_nothing_and_back(world: World, mark: Mark) -> None:
    """A job of parallelism 0 is saved and needs no TaskManager; the least that the spec wants is there all the same."""
    world.scale(r.FLINK_JOBS, JOB, 0)
    world.wait("no TaskManager is left", lambda: not world.pods(CLUSTER, names.TASKMANAGER))
    status = world.job(JOB)
    assert status["supervisorStatus"] == "Stopped" and status["savepointPath"]
    world.wait("the cluster is ready", lambda: world.is_ready(r.FLINK_CLUSTERS, CLUSTER))
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/minTaskManagers", 1)
    world.wait("one TaskManager", lambda: world.cluster(CLUSTER).get("totalTaskSlots") == 3)
    world.scale(r.FLINK_JOBS, JOB, 1)
    world.resumed(CLUSTER, {JOB: mark})
    assert world.job(JOB)["restoredPath"] == status["savepointPath"]


@pytest.mark.slow
def test_without_a_policy_the_spec_says_how_many(world: World, mark: Mark) -> None:
    """And the scale subresource of the cluster; but a TaskManager that works stays, whatever they say."""
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/supervisor/rescalePolicy", "None")
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/taskManagers", 2)
    world.wait("two TaskManagers", lambda: len(registered(world)) == 2)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/minTaskManagers", 0)
    world.scale(r.FLINK_CLUSTERS, CLUSTER, 0)
    world.wait("the busy TaskManager is left", lambda: busy_one_is_left(world))
    assert world.get(r.FLINK_CLUSTERS, CLUSTER)["spec"]["taskManagers"] == 0
    assert world.job(JOB)["jobId"] == mark.job_id
    world.scale(r.FLINK_CLUSTERS, CLUSTER, 1)
    assert world.steady(CLUSTER, JOB)[JOB].job_id == mark.job_id
