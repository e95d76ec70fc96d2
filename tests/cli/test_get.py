"""get and list: the server's own columns, documents, names, selections."""

from __future__ import annotations

import json

import pytest
import yaml

from clients.kube import resources

from .conftest import JOB_SPEC, Run, World


def test_the_columns_are_those_of_the_crd(run: Run, world: World) -> None:
    world.job()
    head, row = run("get", "fj").stdout.splitlines()
    assert head.split()[:3] == ["NAME", "READY", "RESOURCE-STATUS"]
    assert row.split()[:4] == ["demo-one", "True", "Updated", "Started"]
    assert "REASON" not in head.split()
    assert "REASON" in run("get", "fj", "-o", "wide").stdout.split()


def test_every_spelling_of_a_kind_finds_it(run: Run, world: World) -> None:
    world.job()
    for words in (["fj"], ["jobs"], ["job"], ["FlinkJob"], ["flinkjobs.nextbreakpoint.com"], ["job/demo-one"]):
        assert run("get", *words, "-o", "name").stdout == "flinkjob.nextbreakpoint.com/demo-one\n"
    assert run("get", "deployments").stderr == "No resources found in default namespace.\n"


def test_all_is_a_table_for_each_kind(run: Run, world: World) -> None:
    world.cluster()
    world.job()
    parts = run("get").stdout.split("\n\n")
    assert [part.splitlines()[1].split()[0] for part in parts] == [
        "flinkcluster.nextbreakpoint.com/demo",
        "flinkjob.nextbreakpoint.com/demo-one",
    ]


def test_documents_are_the_objects_themselves(run: Run, world: World) -> None:
    stored = world.job()
    stored["metadata"].pop("managedFields", None)
    assert json.loads(run("get", "fj", "demo-one", "-o", "json").stdout) == stored
    assert yaml.safe_load(run("get", "fj", "-o", "yaml").stdout) == {
        "apiVersion": "v1",
        "items": [stored],
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }


def test_all_namespaces_and_selectors(run: Run, world: World) -> None:
    world.client.create(resources.NAMESPACES, {"metadata": {"name": "other"}})
    world.add(resources.FLINK_JOBS, "x-1", JOB_SPEC, namespace="other", labels={"a": "b"})
    world.add(resources.FLINK_JOBS, "x-2", JOB_SPEC)
    rows = run("get", "fj", "-A", "--no-headers").stdout.splitlines()
    assert sorted(row.split()[:2] for row in rows) == [["default", "x-2"], ["other", "x-1"]]
    assert run("get", "fj", "-A", "-l", "a=b", "-o", "name").stdout == "flinkjob.nextbreakpoint.com/x-1\n"
    assert run("get", "fj", "-n", "other", "-o", "name").stdout == "flinkjob.nextbreakpoint.com/x-1\n"


def test_of_the_pods_only_ours(run: Run, world: World) -> None:
    for name, labels in (("ours", {"owner": "flink-operator", "component": "flink"}), ("theirs", {})):
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        world.client.create(resources.PODS, body, namespace="default")
    assert run("get", "pods", "-o", "name").stdout == "pod/ours\n"


@pytest.mark.defect(11)
def test_jobs_of_a_cluster_not_of_one_that_begins_alike(run: Run, world: World) -> None:
    world.cluster("demo")
    world.cluster("demo-two")
    for name in ("demo-one", "demo-two-one"):
        world.add(resources.FLINK_JOBS, name, JOB_SPEC)
    world.add(resources.FLINK_JOBS, "named", {**JOB_SPEC, "clusterName": "demo"})
    found = run("jobs", "list", "--cluster-name", "demo", "-o", "name").stdout.splitlines()
    assert found == ["flinkjob.nextbreakpoint.com/demo-one", "flinkjob.nextbreakpoint.com/named"]
    rows = run("job", "list", "--cluster-name", "demo-two", "--no-headers").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["demo-two-one"]


def test_what_is_not_there_is_told_with_its_namespace(run: Run) -> None:
    for arguments in (("get", "fj", "x"), ("job", "get", "x", "-o", "json"), ("job", "stop", "x")):
        result = run(*arguments)
        told = 'error: flinkjobs.nextbreakpoint.com "x" not found in namespace "default"\n'
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", told)


def test_wrong_usage_is_2(run: Run) -> None:
    for arguments in (
        ("get", "sofas"),
        ("get", "fj/x", "fc/y"),
        ("get", "all", "x"),
        ("get", "-w"),
        ("get", "-o", "x"),
    ):
        assert run(*arguments).exit_code == 2, arguments
