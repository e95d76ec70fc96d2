"""flinkctl explain against the API server."""

from __future__ import annotations

import json

from clients.kube import resources
from tests.cli.conftest import JOB_SPEC, Run, World


def test_a_job_is_explained_by_what_is_around_it(run: Run, world: World) -> None:
    world.cluster()
    world.add(resources.FLINK_JOBS, "demo-one", JOB_SPEC, labels={"clusterName": "demo"})
    world.become("demo-one", "Starting", message="waiting for slots: 0 free, 1 needed")
    result = run("explain", "job/demo-one")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"FlinkJob default/demo-one is Starting, not ready for {result.stdout.split(' for ')[1].splitlines()[0]}",
        "  waits for: waiting for slots: 0 free, 1 needed",
        "  because:   waiting for slots: 0 free, 1 needed; rescalePolicy None keeps 0 TaskManagers",
        "  next:      flinkctl cluster scale demo --task-managers N -n default",
    ]


def test_documents_for_programs(run: Run, world: World) -> None:
    world.job()
    told = json.loads(run("explain", "fj", "demo-one", "-o", "json").stdout)
    assert told["reasons"][0]["text"] == "it names no cluster"
    assert told["state"] == "Started"


def test_warnings_of_the_last_minutes_are_shown(run: Run, world: World) -> None:
    world.cluster()
    event = {
        "metadata": {"name": "e1"},
        "involvedObject": {"kind": "FlinkCluster", "name": "demo", "namespace": "default"},
        "type": "Warning",
        "reason": "RunLeftBehind",
        "message": "FlinkJob x was deleted",
    }
    world.client.create(resources.EVENTS, event, namespace="default")
    assert "ago, RunLeftBehind: FlinkJob x was deleted" in run("explain", "fc/demo").stdout


def test_one_object_at_a_time(run: Run) -> None:
    assert run("explain").exit_code == 2
    assert run("explain", "fj/a", "fj/b").exit_code == 2
    assert run("explain", "pods/x").exit_code == 2
    assert run("explain", "fj/x").exit_code == 1
