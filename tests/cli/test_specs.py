"""create and update: specs as the Toolbox has them, manifests, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clients.kube import NotFound, resources

from .conftest import CLUSTER_SPEC, JOB_SPEC, Run, World, as_yaml, manifest
from .servers import served

JOB = "flinkjob.nextbreakpoint.com/demo-one"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB_SPEC))
    return file


def test_a_spec_alone_by_the_toolboxs_spelling(run: Run, world: World, spec: Path) -> None:
    result = run("job", "create", "--cluster-name", "demo", "--job-name", "one", "--job-spec", str(spec))
    assert (result.exit_code, result.stdout) == (0, f"{JOB} created\n")
    assert world.get(resources.FLINK_JOBS, "demo-one")["spec"]["bootstrap"]["className"] == "Main"


@pytest.mark.parametrize("noun", ["cluster", "clusters"])
def test_a_manifest_brings_its_name(run: Run, world: World, noun: str) -> None:
    text = as_yaml(manifest("FlinkCluster", "demo", CLUSTER_SPEC))
    assert run(noun, "create", "-f", "-", input=text).exit_code == 0
    assert world.get(resources.FLINK_CLUSTERS, "demo")["spec"]["taskManager"]["taskSlots"] == 1


def test_a_manifest_says_its_namespace(run: Run, world: World) -> None:
    world.client.create(resources.NAMESPACES, {"metadata": {"name": "other"}})
    text = as_yaml(manifest("FlinkCluster", "demo", CLUSTER_SPEC, namespace="other"))
    assert run("cluster", "create", "-f", "-", input=text).exit_code == 0
    assert world.client.get(resources.FLINK_CLUSTERS, "demo", namespace="other")
    result = run("cluster", "create", "-n", "third", "-f", "-", input=text)
    told = 'error: stdin: FlinkCluster demo: metadata.namespace is "other", and -n says "third"\n'
    assert (result.exit_code, result.stderr) == (1, told)


@pytest.mark.defect(21)
def test_update_merges_and_keeps_what_it_does_not_say(run: Run, world: World) -> None:
    world.add(resources.FLINK_JOBS, "demo-one", JOB_SPEC)
    result = run("job", "update", "demo-one", "-f", "-", input='{"bootstrap": {"className": "Other"}}')
    assert (result.exit_code, result.stdout) == (0, f"{JOB} updated\n")
    assert world.get(resources.FLINK_JOBS, "demo-one")["spec"]["bootstrap"] == {
        **world.get(resources.FLINK_JOBS, "demo-one")["spec"]["bootstrap"],
        "className": "Other",
        "jarPath": "/app.jar",
    }


@pytest.mark.parametrize(
    ("verb", "text", "told"),
    [
        ("create", '{"jobParalelism": 1}', "stdin: FlinkJob demo-one: spec.jobParalelism: unknown field"),
        ("update", '{"jobParalelism": 1}', "stdin: FlinkJob demo-one: spec.jobParalelism: unknown field"),
        ("create", '{"jobParallelism": "many"}', "spec.jobParallelism: "),
        ("update", '{"jobParallelism": "many"}', "spec.jobParallelism: "),
        ("create", "[]", "-: must hold one spec, or one manifest"),
        ("create", "a: 1\n---\nb: 1\n", "-: must hold one spec, or one manifest"),
        ("create", as_yaml(manifest("FlinkCluster", "demo", {})), "stdin: kind: must be FlinkJob, not FlinkCluster"),
        (
            "create",
            as_yaml(manifest("FlinkJob", "x", {})),
            'stdin: metadata.name is "x", and the command says "demo-one"',
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_field(run: Run, world: World, verb: str, text: str, told: str) -> None:
    if verb == "update":
        world.add(resources.FLINK_JOBS, "demo-one", JOB_SPEC)
    result = run("job", verb, "demo-one", "-f", "-", input=text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_create_and_update_do_not_do_each_others_work(run: Run, world: World, spec: Path) -> None:
    world.job()
    assert "already exists; change it with update" in run("job", "create", "demo-one", "-f", str(spec)).stderr
    missing = run("job", "update", "demo-two", "-f", str(spec))
    assert (missing.exit_code, "not found" in missing.stderr) == (1, True)


def test_a_spec_alone_needs_a_name(run: Run, spec: Path) -> None:
    assert run("job", "create", "-f", str(spec)).exit_code == 2


@pytest.mark.parametrize("mode", ["client", "server"])
def test_a_dry_run_changes_nothing(run: Run, world: World, spec: Path, mode: str) -> None:
    before = world.job()
    for arguments in (
        ("update", "demo-one", "-f", "-"),
        ("stop", "demo-one"),
        ("restart", "demo-one"),
        ("scale", "demo-one", "--parallelism", "2"),
        ("delete", "demo-one"),
        ("create", "demo-two", "-f", str(spec)),
    ):
        result = run("job", *arguments, f"--dry-run={mode}", input='{"jobParallelism": 3}')
        assert (result.exit_code, result.stdout.endswith("dry run)\n")) == (0, True), (arguments, result.output)
    assert world.get(resources.FLINK_JOBS, "demo-one")["metadata"] == before["metadata"]
    with pytest.raises(NotFound):
        world.get(resources.FLINK_JOBS, "demo-two")


# ---- URLs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf() -> Iterator[str]:
    text = as_yaml(manifest("FlinkJob", "demo-one", JOB_SPEC)).encode()
    with served(lambda asked: (200, text) if asked.path == "/job.yaml" else (404, b"")) as port:
        yield f"http://127.0.0.1:{port}"


def test_apply_reads_urls(run: Run, shelf: str) -> None:
    assert run("apply", "-f", f"{shelf}/job.yaml").stdout == f"{JOB} created\n"
    result = run("apply", "-f", f"{shelf}/none.yaml")
    assert (result.exit_code, result.stderr) == (1, f"error: {shelf}/none.yaml: HTTP 404 Not Found\n")


def test_a_server_that_is_not_there_is_told_in_one_line(run: Run) -> None:
    result = run("apply", "-f", "http://127.0.0.1:1/x.yaml")
    assert (result.exit_code, result.stderr) == (1, "error: http://127.0.0.1:1/x.yaml: Connection refused\n")


def test_what_is_no_text_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe")
    result = run("apply", "-f", str(file))
    assert (result.exit_code, result.stderr) == (1, f"error: {file}: is no text in UTF-8\n")


def test_yaml_is_the_same_as_json(run: Run, world: World) -> None:
    assert run("cluster", "create", "demo", "-f", "-", input=yaml.safe_dump(CLUSTER_SPEC)).exit_code == 0
