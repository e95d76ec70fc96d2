"""flinkctl plan: exit codes, formats, live state and files."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from clients.kube import resources
from tests.cli.conftest import CLUSTER_SPEC, JOB_SPEC, Run, World, as_yaml, manifest

from .conftest import at_rest, deployment


def test_changes_are_2_and_nothing_is_sent(run: Run, world: World) -> None:
    result = run("plan", "-f", "-", input=as_yaml(deployment()))
    assert (result.exit_code, result.stderr) == (2, "")
    assert "+ FlinkDeployment default/demo is created" in result.stdout
    assert result.stdout.splitlines()[-1] == "Plan: 6 objects created, 3 pods created, 2 jobs started."
    assert world.client.list(resources.FLINK_DEPLOYMENTS)["items"] == []


def test_a_state_from_files_needs_no_cluster(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    dump = {"apiVersion": "v1", "kind": "List", "items": list(at_rest(deployment()))}
    (folder / "all.yaml").write_text(yaml.safe_dump(dump), "utf-8")
    arguments = ("plan", "--state", str(folder), "--kubeconfig", "/nowhere", "-o", "json", "-f", "-")
    same = run(*arguments, input=as_yaml(deployment()))
    assert (same.exit_code, json.loads(same.stdout)["changes"]) == (0, False)
    edited = deployment()
    edited["spec"]["jobs"][0]["spec"]["jobParallelism"] = 2
    result = run(*arguments, input=as_yaml(edited))
    told = json.loads(result.stdout)
    assert (result.exit_code, [step["verb"] for step in told["jobs"]]) == (2, ["stop", "start"])


def test_live_objects_without_a_controller_are_planned_on(run: Run, world: World) -> None:
    world.add(resources.FLINK_CLUSTERS, "demo", CLUSTER_SPEC)
    body = manifest("FlinkJob", "demo-new", {**JOB_SPEC, "clusterName": "demo"})
    result = run("plan", "-f", "-", input=as_yaml(body))
    assert "starts with empty state, parallelism 1" not in result.stdout  # no TaskManager is asked for
    assert "FlinkJob default/demo-new would then wait: waiting for slots: 0 free, 1 needed" in result.stdout


def test_other_kinds_are_compared_too(run: Run, world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}
    assert "+ ConfigMap default/x is created" in run("plan", "-f", "-", input=as_yaml(body)).stdout
    run("apply", "-f", "-", input=as_yaml(body))
    assert run("plan", "-f", "-", input=as_yaml(body)).exit_code == 0
    result = run("plan", "-f", "-", input=as_yaml({**body, "data": {"a": "2"}}))
    assert "    data.a: 1 -> 2" in result.stdout.splitlines()


def test_what_carries_no_label_of_ours_is_known_too(run: Run, world: World) -> None:
    ports = [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"ports": ports}}
    run("apply", "-f", "-", input=as_yaml(body))
    assert run("plan", "-f", "-", input=as_yaml(body)).exit_code == 0


def test_what_would_be_refused_is_1(run: Run, world: World) -> None:
    wrong = deployment()
    wrong["spec"]["jobs"][0]["spec"]["jobParallelism"] = "two"
    result = run("plan", "-f", "-", input=as_yaml(wrong))
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "stdin: FlinkDeployment demo: spec.jobs[0].spec.jobParallelism" in result.stderr
    assert run("plan", "-f", "-", "-n", "other", input=as_yaml({**deployment()})).exit_code == 2
