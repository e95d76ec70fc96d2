"""From one Flink to the next, by the image's name. What else an old one can do is in test_life.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
CLUSTER, JOB = "version", "version-main"


@pytest.fixture(scope="module")
def old(world: World) -> Iterator[None]:
    spec = cluster(world.place, changes={"runtime.image": world.place.old_flink_image})
    with world.deployed(CLUSTER, spec, {"main": job(world.place)}):
        yield


@pytest.fixture
def mark(world: World, old: None) -> Mark:
    return world.steady(CLUSTER, JOB)[JOB]


def version(world: World) -> str:
    """Of the Flink that runs, by its own account."""
    return str(world.wait("Flink answers", lambda: world.flink(CLUSTER, "/config"))["flink-version"])


@pytest.mark.slow
def test_a_job_of_an_old_flink_survives_its_jobmanager(world: World, mark: Mark) -> None:
    """It comes back from a checkpoint after the mark, on the same Flink."""
    before = version(world)
    world.passed(JOB, mark, 3)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, {JOB: mark})
    assert version(world) == before
    assert before in world.place.old_flink_image


@pytest.mark.scenario("C5.15")
def test_the_next_flink_takes_the_job_along(world: World, mark: Mark) -> None:
    """An edit of the image: saved by the old one, no pod of it is left, and the count goes on where it was."""
    before, pods = version(world), world.uids(CLUSTER)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/runtime/image", world.place.flink_image)
    world.resumed(CLUSTER, {JOB: mark})
    status = world.job(JOB)
    assert status["restoredPath"] == status["savepointPath"]
    assert before != version(world) in world.place.flink_image
    assert not pods & world.uids(CLUSTER)
