"""A job that comes to an end."""

from __future__ import annotations

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "batch", "batch-finite"


@pytest.mark.scenario("S14")
@pytest.mark.slow
def test_a_finite_job_is_finished_and_frees_the_taskmanagers(world: World) -> None:
    """FINISHED is Ready and is not run again, whatever the policy; without work no TaskManager stays."""
    finite = job(world.place, "--stop-after", "600")
    world.apply(flink_deployment(CLUSTER, cluster(world.place), {"finite": finite}))
    world.wait("the job is stopped", lambda: world.job(JOB).get("supervisorStatus") == "Stopped")
    assert world.job(JOB)["jobStatus"] == "FINISHED"
    ready = world.condition(r.FLINK_JOBS, JOB, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Finished")
    world.wait("no TaskManager is left", lambda: not world.pods(CLUSTER, names.TASKMANAGER))
    world.wait("the cluster says so", lambda: world.cluster(CLUSTER).get("taskManagerReplicas") == 0)
    assert world.cluster(CLUSTER)["supervisorStatus"] == "Started"
    world.wait("the deployment is ready", lambda: world.is_ready(r.FLINK_DEPLOYMENTS, CLUSTER))
    assert world.job(JOB)["attempt"] == 1
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))
