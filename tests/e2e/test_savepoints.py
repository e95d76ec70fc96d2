"""Savepoints by the clock, what becomes of the old ones, and whose they are."""

from __future__ import annotations

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB = "savepoints", "savepoints-main"
DISPOSE = {"savepoint.historyLimit": 1, "savepoint.cleanup": "Dispose"}
EACH_MINUTE = {"savepoint.savepointSchedule": "* * * * *"}


def path(world: World) -> str:
    return str(world.job(JOB).get("savepointPath", ""))


@pytest.mark.scenario("A15")
def test_a_savepoint_each_minute_of_which_the_newest_stays(world: World) -> None:
    """The one before is disposed of by Flink, while the job goes on; the next start is from the newest."""
    spec = job(world.place, changes=DISPOSE | EACH_MINUTE)
    with world.deployed(CLUSTER, cluster(world.place), {"main": spec}):
        run = world.steady(CLUSTER, JOB)[JOB].job_id
        first = world.wait("a savepoint by the clock", lambda: path(world), seconds=90)
        world.wait("the next one", lambda: path(world) != first, seconds=90)
        world.wait("the first one is disposed of", lambda: "SavepointDisposed" in world.reasons(JOB))
        assert "SavepointNotDisposed" not in world.reasons(JOB)
        assert first not in [point["path"] for point in world.job(JOB)["recoveryPoints"]]
        mark = world.steady(CLUSTER, JOB)[JOB]
        assert mark.job_id == run
        world.request(r.FLINK_JOBS, JOB, "START")
        world.resumed(CLUSTER, {JOB: mark})


def disposed_of(world: World) -> str:
    """What the events tell."""
    return "\n".join(item["message"] for item in world.events(JOB) if item["reason"] == "SavepointDisposed")


@pytest.mark.scenario("C5.14")
def test_a_claimed_savepoint_is_not_ours_to_dispose_of(world: World) -> None:
    """Flink owns what the run began from; of the later ones the old are disposed of, and the job comes back."""
    spec = job(world.place, changes=DISPOSE | {"savepoint.claimMode": "CLAIM"})
    with world.deployed(CLUSTER, cluster(world.place), {"main": spec}):
        mark = world.steady(CLUSTER, JOB)[JOB]
        world.request(r.FLINK_JOBS, JOB, "START")
        mark = world.resumed(CLUSTER, {JOB: mark})[JOB]
        claimed = world.job(JOB)["restoredPath"]
        assert world.job(JOB)["claimMode"] == "CLAIM"
        first, _ = world.take_savepoint(JOB), world.take_savepoint(JOB)
        world.wait("the first one is disposed of", lambda: first in disposed_of(world))
        assert claimed not in disposed_of(world)
        world.passed(JOB, mark, 3)
        world.kill(world.pods(CLUSTER, names.JOBMANAGER))
        world.resumed(CLUSTER, {JOB: mark})


@pytest.mark.scenario("C5.3")
def test_what_flink_does_not_keep_is_found_in_the_history(world: World) -> None:
    """The result of every savepoint is gone before anybody can read it: one is taken, and its path is known."""
    spec = cluster(world.place)
    spec["flinkConfiguration"]["rest.async.store-duration"] = "1 ms"
    with world.deployed(CLUSTER, spec, {"main": job(world.place)}):
        mark = world.steady(CLUSTER, JOB)[JOB]
        taken = world.take_savepoint(JOB)
        world.one_more_savepoint(CLUSTER, mark.job_id, set(), taken)
        world.request(r.FLINK_JOBS, JOB, "STOP")
        world.wait("the job is stopped", lambda: world.job(JOB)["supervisorStatus"] == "Stopped")
        world.one_more_savepoint(CLUSTER, mark.job_id, {taken}, path(world))
        world.request(r.FLINK_JOBS, JOB, "START")
        world.resumed(CLUSTER, {JOB: mark})
        assert world.job(JOB)["restoredPath"] == path(world)


@pytest.mark.parametrize("image", ["flink_image", "old_flink_image"])
def test_a_savepoint_is_found_whose_path_nobody_was_told(world: World, image: str) -> None:
    """The status is as a supervisor leaves it that saw the JobManager go with the answer to its stop. The cluster wants
    a class that only its job has."""
    spec = cluster(world.place, changes={"runtime.image": getattr(world.place, image)})
    spec["flinkConfiguration"] |= {
        "pipeline.registered-pojo-types": "WordCount",  # to 1.20
        "pipeline.serialization-config": '["WordCount: {type: kryo}"]',
    }
    with world.deployed(CLUSTER, spec, {"main": job(world.place)}):
        world.steady(CLUSTER, JOB)
        older = world.take_savepoint(JOB)
        mark = world.steady(CLUSTER, JOB)[JOB]
        world.request(r.FLINK_JOBS, JOB, "STOP")
        world.wait("the job is stopped", lambda: world.job(JOB)["supervisorStatus"] == "Stopped")
        newest, points = path(world), world.job(JOB)["recoveryPoints"]
        assert newest != older
        directory = job(world.place)["savepoint"]["savepointTargetPath"]
        told = {
            "savepointPath": older,
            "recoveryPoints": [point for point in points if point["path"] == older],
            "lostState": {"jobId": mark.job_id, "directory": directory, "askedAt": world.job(JOB)["timestamp"]},
        }
        world.client.patch(r.FLINK_JOBS, JOB, {"status": told}, namespace=world.namespace, subresource="status")
        world.request(r.FLINK_JOBS, JOB, "START")
        world.resumed(CLUSTER, {JOB: mark})
        assert world.job(JOB)["restoredPath"] == path(world) == newest


def test_a_start_from_an_older_savepoint(world: World) -> None:
    """As asked for; what ran is saved before, and the next start is from the newest again."""
    with world.deployed(CLUSTER, cluster(world.place), {"main": job(world.place)}):
        world.steady(CLUSTER, JOB)
        older = world.take_savepoint(JOB)
        mark = world.steady(CLUSTER, JOB)[JOB]
        world.passed(JOB, mark, 3)
        world.request(r.FLINK_JOBS, JOB, "START", origin=older)
        world.wait("it began there", lambda: world.job(JOB).get("restoredPath") == older)
        assert path(world) != older
        again = world.steady(CLUSTER, JOB)[JOB]
        world.request(r.FLINK_JOBS, JOB, "START")
        world.resumed(CLUSTER, {JOB: again})
