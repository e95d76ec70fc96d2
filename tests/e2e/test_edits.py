"""Edits of one job that meet something else: another edit, a suspension, a deletion, the end of a supervisor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import Manifest, cluster, flink_cluster, flink_job, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "edit", "edit-one"
AT_ONCE = 0.005  # seconds between two looks for a moment that passes
# Without it Flink itself restarts a job that fails, for ever.
NO_RESTART = {"flinkConfiguration": {"restart-strategy.type": "none"}}


@pytest.fixture(scope="module")
def edit(world: World) -> Iterator[None]:
    world.apply(flink_cluster(CLUSTER, cluster(world.place)))
    yield
    world.remove((r.FLINK_CLUSTERS, CLUSTER))


@pytest.fixture
def right(world: World, edit: None) -> Iterator[Manifest]:
    """A spec that is applied by the test. What it has made goes again."""
    yield job(world.place, policy="Never", changes=NO_RESTART)
    world.remove((r.FLINK_JOBS, JOB))


@pytest.fixture
def mark(world: World, right: Manifest) -> Mark:
    """The job runs."""
    world.apply(flink_job(JOB, right))
    return world.steady(CLUSTER, JOB)[JOB]


def update(world: World, *arguments: str) -> None:
    """An edit that takes another run."""
    path = "bootstrap/arguments"
    world.edit(r.FLINK_JOBS, JOB, path, [*job(world.place)["bootstrap"]["arguments"], *arguments])


def update_on_its_way(world: World, mark: Mark) -> None:
    """Another checkpoint interval is on its way in, wherever the job is just now."""
    update(world, "--checkpoint-interval", "600")

    def begun() -> bool:
        status = world.job(JOB)
        return status["supervisorStatus"] != "Started" or status["attempt"] > mark.attempt

    world.wait("the update has begun", begun, pace=AT_ONCE)


def runs_with(world: World, interval: int) -> bool:
    """The job is ready, with that checkpoint interval as Flink says."""
    found = world.flink(CLUSTER, f"/jobs/{world.job(JOB).get('jobId')}/checkpoints/config") or {}
    return world.is_ready(r.FLINK_JOBS, JOB) and found.get("interval") == interval


@pytest.mark.slow
@pytest.mark.scenario("C5.10")
def test_a_job_that_is_born_suspended(world: World, right: Manifest) -> None:
    """It says so and runs nothing, until the spec lets it."""
    world.apply(flink_job(JOB, {**right, "suspend": True}))
    world.wait("it is suspended", lambda: world.condition(r.FLINK_JOBS, JOB, "Suspended").get("status") == "True")
    assert not world.job(JOB).get("attempt")
    world.edit(r.FLINK_JOBS, JOB, "suspend", False)
    world.steady(CLUSTER, JOB)
    assert world.wait("it counts", lambda: world.gauges(JOB)).restored == -1


@pytest.mark.slow
@pytest.mark.scenario("C5.9")
def test_an_update_is_overtaken_by_a_suspension(world: World, mark: Mark) -> None:
    """It is saved and rests; resumed, it is the updated one."""
    update_on_its_way(world, mark)
    world.edit(r.FLINK_JOBS, JOB, "suspend", True)
    world.wait(
        "the job rests",
        lambda: world.condition(r.FLINK_JOBS, JOB, "Suspended")["status"] == "True" and not world.running(CLUSTER),
    )
    assert world.job(JOB)["savepointPath"]
    world.edit(r.FLINK_JOBS, JOB, "suspend", False)
    world.wait("the updated one runs", lambda: runs_with(world, 600))
    world.check_resumed(JOB, mark)


@pytest.mark.scenario("C5.9")
@pytest.mark.slow
def test_an_update_is_overtaken_by_the_next(world: World, mark: Mark) -> None:
    """Whatever was on its way, the last one runs, and nothing is lost between them."""
    update_on_its_way(world, mark)
    update(world, "--checkpoint-interval", "700")
    world.wait("the last one runs", lambda: runs_with(world, 700))
    world.check_resumed(JOB, mark)


@pytest.mark.scenario("C5.9")
@pytest.mark.slow
def test_a_rollback_is_overtaken_by_the_edit_taken_back(world: World, mark: Mark) -> None:
    """The spec from before runs, and nothing is held against it."""
    update(world, "--fail-after", "1")
    world.wait(
        "the update is taken back",
        lambda: world.condition(r.FLINK_JOBS, JOB, "Stalled").get("reason") == "RolledBack",
        pace=AT_ONCE,
    )
    update(world)
    world.wait("the spec from before runs", lambda: runs_with(world, 500))
    world.check_resumed(JOB, mark)
    assert world.condition(r.FLINK_JOBS, JOB, "Stalled")["status"] == "False"


@pytest.mark.scenario("C5.9")
@pytest.mark.slow
def test_an_update_is_overtaken_by_a_deletion(world: World, mark: Mark, right: Manifest) -> None:
    update_on_its_way(world, mark)
    world.remove((r.FLINK_JOBS, JOB))
    born_again(world, right)


@pytest.mark.scenario("A14")
@pytest.mark.slow
def test_a_job_is_deleted_and_its_supervisor_killed_at_once(world: World, mark: Mark, right: Manifest) -> None:
    world.delete(r.FLINK_JOBS, JOB)
    world.kill(world.pods(CLUSTER, names.SUPERVISOR))
    world.wait("the job is gone", lambda: not world.get(r.FLINK_JOBS, JOB))
    born_again(world, right)


def born_again(world: World, spec: Manifest) -> None:
    """Nothing of the job runs; the next one of its name begins from nothing."""
    world.wait("nothing runs", lambda: not world.running(CLUSTER))
    world.apply(flink_job(JOB, spec))
    world.steady(CLUSTER, JOB)
    assert world.wait("it counts", lambda: world.gauges(JOB)).restored == -1


@pytest.mark.scenario("L6")
@pytest.mark.slow
def test_updates_without_savepoints(world: World, right: Manifest) -> None:
    """Mode Manual: an update comes back from a checkpoint, and so does the spec from before when the update fails."""
    world.apply(flink_job(JOB, {**right, "savepoint": {**right["savepoint"], "savepointMode": "Manual"}}))
    mark = world.steady(CLUSTER, JOB)[JOB]
    world.passed(JOB, mark, 3)
    update(world, "--checkpoint-interval", "600")
    world.wait("the update runs", lambda: runs_with(world, 600))
    world.check_resumed(JOB, mark)
    update(world, "--checkpoint-interval", "600", "--fail-after", "1")
    world.wait(
        "the spec from before runs",
        lambda: (
            world.condition(r.FLINK_JOBS, JOB, "Stalled").get("reason") == "RolledBack"
            and world.job(JOB).get("readyAt")
        ),
    )
    status = world.job(JOB)
    assert "/chk-" in status["restoredPath"] and not status.get("savepointPath")
    assert world.wait("it counts", lambda: world.gauges(JOB)).restored >= mark.total
