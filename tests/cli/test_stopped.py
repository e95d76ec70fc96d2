"""Who stopped it, and what starts it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.stopped import at_rest, starts_with_cluster
from clients.kube import resources
from core import names

from .conftest import CLUSTER_SPEC, JOB_SPEC, Run, World, manifest

OWNED = {"ownerReferences": [{"kind": "FlinkDeployment", "name": "demo"}]}
SUSPENDED = {"suspend": True}


def told(kind: str, name: str, spec: dict[str, Any], metadata: dict[str, Any], **status: Any) -> tuple[str, str] | None:
    item = manifest(kind, name, spec, namespace="ns", generation=1, **metadata)
    return at_rest({**item, "status": {"observedGeneration": 1, "supervisorStatus": "Stopped", **status}})


@pytest.mark.parametrize(
    ("spec", "metadata", "status", "why", "start"),
    [
        ({}, {}, {"stopped": True}, "stopped on request", "flinkctl cluster start demo -n ns"),
        (SUSPENDED, {}, {"suspended": True}, "suspended by spec.suspend", "set spec.suspend to false"),
        (
            SUSPENDED,
            OWNED,
            {"suspended": True},
            "suspended by spec.suspend",
            "set suspend of spec.cluster in FlinkDeployment demo to false",
        ),
    ],
)
def test_a_cluster(
    spec: dict[str, Any], metadata: dict[str, Any], status: dict[str, Any], why: str, start: str
) -> None:
    assert told("FlinkCluster", "demo", {**CLUSTER_SPEC, **spec}, metadata, **status) == (why, start)


def test_a_deployment_leaves_it_to_its_parts() -> None:
    item = manifest("FlinkDeployment", "demo", {"cluster": CLUSTER_SPEC}, namespace="ns", generation=1)
    assert at_rest({**item, "status": {"observedGeneration": 1, "clusterStatus": "Stopped"}}) is None


@pytest.mark.parametrize(
    ("spec", "metadata", "by", "why", "start"),
    [
        ({}, {}, "Person", "stopped on request, which no restart policy undoes", "flinkctl job start demo-one -n ns"),
        (
            {},
            {},
            "Cluster",
            "stopped with its cluster; restartPolicy is Never",
            "flinkctl job start demo-one -n ns",
        ),
        (
            {"jobParallelism": 0},
            {},
            "Spec",
            "suspended: spec.jobParallelism is 0",
            "flinkctl job scale demo-one --parallelism N -n ns",
        ),
        (
            SUSPENDED,
            OWNED,
            "Spec",
            "suspended by spec.suspend",
            "set suspend of job one in FlinkDeployment demo to false",
        ),
        (SUSPENDED, {}, "Cluster", "suspended by spec.suspend", "set spec.suspend to false"),
    ],
)
def test_a_job(spec: dict[str, Any], metadata: dict[str, Any], by: str, why: str, start: str) -> None:
    found = told("FlinkJob", "demo-one", {**JOB_SPEC, **spec}, metadata, stoppedBy=by, restartPolicy="Never")
    assert found == (why, start)


def test_a_job_that_starts_with_its_cluster() -> None:
    found = told("FlinkJob", "demo-one", JOB_SPEC, {}, stoppedBy="Cluster", restartPolicy="Always")
    assert found == ("stopped with its cluster, and starts with it", "")


@pytest.mark.parametrize(
    ("phase", "status", "starts"),
    [
        ("Started", {}, True),
        ("Started", {"restartPolicy": "Never"}, True),
        ("Starting", {}, False),
        ("Stopped", {"stoppedBy": "Cluster"}, True),
        ("Stopped", {"stoppedBy": "Cluster", "restartPolicy": "Never"}, False),
        ("Stopped", {"stoppedBy": "Person"}, False),
        ("Stopped", {"stoppedBy": "Flink", "jobStatus": "FINISHED"}, False),
    ],
)
def test_what_a_start_of_its_cluster_brings_back(
    world: World, phase: str, status: dict[str, Any], starts: bool
) -> None:
    job = world.job(phase=phase, **{"restartPolicy": "Always", **status})
    assert starts_with_cluster(job, world.cluster()) == starts


@pytest.mark.parametrize("spec", [{"suspend": True}, {"jobParallelism": 0}])
def test_what_was_suspended_meanwhile_does_not_start_with_its_cluster(world: World, spec: dict[str, Any]) -> None:
    job = world.job(phase="Stopped", stoppedBy="Cluster", restartPolicy="Always")
    assert not starts_with_cluster({**job, "spec": {**job["spec"], **spec}}, world.cluster())


def test_what_a_start_finds_running_on_a_cluster_that_was_to_be_stopped_goes_on(world: World) -> None:
    """Maybe its savepoint failed; no new run of it comes."""
    cluster = world.cluster(phase="Stopping")
    cluster["metadata"]["annotations"] = {names.REPORT: '{"stopped": true}'}
    assert not starts_with_cluster(world.job(restartPolicy="Always"), cluster)


def test_not_while_something_is_on_its_way() -> None:
    assert told("FlinkJob", "demo-one", JOB_SPEC, {}, stoppedBy="Flink", jobStatus="FINISHED") is None
    assert told("FlinkJob", "demo-one", JOB_SPEC, {}, stoppedBy="Person", observedGeneration=0) is None
    assert told("FlinkCluster", "demo", CLUSTER_SPEC, {}, stopped=True, supervisorStatus="Stopping") is None


def test_the_pages_say_it_and_the_command(run: Run, world: World) -> None:
    world.cluster("demo", "Stopped", stopped=True)
    for arguments in (("describe", "fc", "demo"), ("status", "fc", "demo")):
        lines = run(*arguments).stdout.splitlines()
        assert "  Waits for:      a person: stopped on request" in lines
        assert "  Start it:       flinkctl cluster start demo -n default" in lines
    lines = run("explain", "fc/demo").stdout.splitlines()
    assert "  because:   it is stopped on request" in lines
    assert "  next:      flinkctl cluster start demo -n default" in lines
    world.become("demo", "Started", resource=resources.FLINK_CLUSTERS, stopped=None)
    assert "Start it" not in run("describe", "fc", "demo").stdout
