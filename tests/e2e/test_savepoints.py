"""Savepoints by the clock, and what becomes of the old ones."""

from __future__ import annotations

import pytest

from clients.kube import resources as r

from .manifests import cluster, flink_deployment, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB = "savepoints", "savepoints-main"
HISTORY = {"savepoint.savepointSchedule": "* * * * *", "savepoint.historyLimit": 1, "savepoint.cleanup": "Dispose"}


def path(world: World) -> str:
    return str(world.job(JOB).get("savepointPath", ""))


@pytest.mark.scenario("A15")
def test_a_savepoint_each_minute_of_which_the_newest_stays(world: World) -> None:
    """The one before is disposed of by Flink, while the job goes on; the next start is from the newest."""
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"main": job(world.place, changes=HISTORY)}))
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
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))
