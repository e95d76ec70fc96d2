"""One run, recorded: what the hooks answered, and what became of each object. On a cluster and here it is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.kube import resources as r
from core import names

from . import exchange
from .exchange import Record
from .manifests import cluster, flink_deployment, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "exchange", "exchange-one"
RECORD = Path(__file__).parents[1] / "data" / "exchange" / "cluster.json"

# Here: what differs, and why.
DIFFERENCES = {
    "objects: Deployment supervisor-exchange": (
        ["created", "status", "deleted"],
        "no annotation deployment.kubernetes.io/revision: the local Deployment controller makes no ReplicaSets",
    ),
}


def lived(world: World) -> Record:
    """Applied, ready, another parallelism, deleted."""
    recorder = exchange.Recorder(world, CLUSTER)
    try:
        world.apply(flink_deployment(CLUSTER, cluster(world.place), {"one": job(world.place)}))
        marks = world.steady(CLUSTER, JOB)
        world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/jobParallelism", 2)
        world.resumed(CLUSTER, marks)
        world.wait("the deployment is ready", lambda: world.is_ready(r.FLINK_DEPLOYMENTS, CLUSTER))
        world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.FLINK_JOBS, JOB))
        roles = (names.JOBMANAGER, names.TASKMANAGER, names.SUPERVISOR, names.BOOTSTRAP)
        world.wait("no pod is left", lambda: not world.pods(CLUSTER, *roles))
        return recorder.record()
    finally:
        recorder.close()


def test_the_exchange_is_that_of_a_cluster(world: World, request: pytest.FixtureRequest) -> None:
    with exchange.logged(world):
        found = lived(world)
    if request.config.getoption("--record"):
        RECORD.write_text(json.dumps(found, indent=1) + "\n")
    expected = {key: here for key, (here, _) in DIFFERENCES.items()} if world.place.local else {}
    assert exchange.differences(json.loads(RECORD.read_text()), found) == expected
