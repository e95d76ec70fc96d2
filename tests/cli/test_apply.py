"""apply: what is sent, what is not, and how it mixes with kubectl's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli import manifests, merge
from cli.errors import Failed
from clients.kube import Invalid, resources

from .conftest import CLUSTER_SPEC, JOB_SPEC, Run, World, as_yaml, manifest

TITLE = "flinkjob.nextbreakpoint.com/demo-one"


def job(**spec: object) -> dict[str, object]:
    return manifest("FlinkJob", "demo-one", {**JOB_SPEC, **spec})


@pytest.mark.defect(21)
def test_creates_then_finds_unchanged_then_configures(run: Run, world: World) -> None:
    assert run("apply", "-f", "-", input=as_yaml(job())).stdout == f"{TITLE} created\n"
    assert run("apply", "-f", "-", input=as_yaml(job())).stdout == f"{TITLE} unchanged\n"
    assert run("apply", "-f", "-", input=as_yaml(job(jobParallelism=2))).stdout == f"{TITLE} configured\n"
    assert world.get(resources.FLINK_JOBS, "demo-one")["spec"]["jobParallelism"] == 2


def test_a_field_that_left_the_manifest_goes_and_what_others_set_stays(run: Run, world: World) -> None:
    run("apply", "-f", "-", input=as_yaml(job(flinkConfiguration={"a": "1", "b": "2"})))
    mine = {"metadata": {"labels": {"team": "x"}}}
    world.client.patch(resources.FLINK_JOBS, "demo-one", mine, namespace="default")
    run("apply", "-f", "-", input=as_yaml(job(flinkConfiguration={"b": "2"})))
    stored = world.get(resources.FLINK_JOBS, "demo-one")
    assert stored["spec"]["flinkConfiguration"] == {"b": "2"}
    assert stored["metadata"]["labels"] == {"team": "x"}


def test_the_annotation_is_written_as_kubectl_does(run: Run, world: World) -> None:
    run("apply", "-f", "-", input=as_yaml(job()))
    text = world.annotations(resources.FLINK_JOBS, "demo-one")[merge.LAST_APPLIED]
    assert text.startswith('{"apiVersion":"nextbreakpoint.com/v1","kind":"FlinkJob","metadata":{"annotations":{},')
    assert text.endswith("\n")
    assert json.loads(text)["metadata"] == {"annotations": {}, "name": "demo-one", "namespace": "default"}


def test_an_object_that_apply_did_not_make_is_patched_with_a_warning(run: Run, world: World) -> None:
    world.add(resources.FLINK_JOBS, "demo-one", {**JOB_SPEC, "flinkConfiguration": {"a": "1"}})
    result = run("apply", "-f", "-", input=as_yaml(job(jobParallelism=3)))
    assert result.stdout == f"{TITLE} configured\n"
    assert "was not made by apply" in result.stderr
    assert world.get(resources.FLINK_JOBS, "demo-one")["spec"]["flinkConfiguration"] == {"a": "1"}


@pytest.mark.parametrize(("mode", "note"), [("client", "dry run"), ("server", "server dry run")])
def test_a_dry_run_stores_nothing(run: Run, world: World, mode: str, note: str) -> None:
    result = run("apply", "-f", "-", f"--dry-run={mode}", input=as_yaml(job()))
    assert (result.exit_code, result.stdout) == (0, f"{TITLE} created ({note})\n")
    assert world.client.list(resources.FLINK_JOBS)["items"] == []


@pytest.mark.parametrize("mode", ["client", "server"])
def test_a_dry_run_says_what_would_change(run: Run, mode: str) -> None:
    run("apply", "-f", "-", input=as_yaml(job()))
    words = [
        run("apply", "-f", "-", f"--dry-run={mode}", input=as_yaml(job(jobParallelism=number))).stdout.split()[1]
        for number in (1, 2)
    ]
    assert words == ["unchanged", "configured"]


def test_what_is_wrong_is_told_by_path_and_nothing_is_sent(run: Run, world: World, tmp_path: Path) -> None:
    wrong = job(jobParalelism=1, restart={**JOB_SPEC["restart"], "restartPolicy": "Sometimes"})
    file = tmp_path / "all.yaml"
    file.write_text(as_yaml(manifest("FlinkCluster", "demo", CLUSTER_SPEC), wrong))
    result = run("apply", "-f", str(file))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error: {file}, document 2: FlinkJob demo-one: spec.jobParalelism: unknown field",
        f"error: {file}, document 2: FlinkJob demo-one: spec.restart.restartPolicy: Unsupported value: "
        '"Sometimes": supported values: "Never", "Always", "OnlyIfFailed"',
    ]
    assert world.client.list(resources.FLINK_CLUSTERS)["items"] == []


@pytest.mark.parametrize("name", ["Demo", "demo_one", "-demo", "d" * 254, "demo."])
@pytest.mark.parametrize("mode", ["client", "server", "none"])
def test_a_name_that_the_api_server_refuses_is_refused_before(run: Run, name: str, mode: str) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    result = run(
        "apply", "-f", "-", f"--dry-run={mode}", input=as_yaml(manifest("FlinkJob", name, JOB_SPEC), config_map)
    )
    assert (result.exit_code, result.stdout) == (1, "")
    for kind in ("FlinkJob", "ConfigMap"):
        assert "error: stdin, document" in result.stderr
        assert f'{kind} {name}: metadata.name: Invalid value: "{name}": ' in result.stderr


def test_what_is_told_about_a_name_is_what_the_server_says(run: Run, world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a_b"}}
    with pytest.raises(Invalid) as refused:
        world.client.create(resources.CONFIGMAPS, body, namespace="default")
    (told,) = run("apply", "-f", "-", "--dry-run=client", input=as_yaml(body)).stderr.splitlines()
    assert str(refused.value).partition(" is invalid: ")[2] == told.removeprefix("error: stdin: ConfigMap a_b: ")


def test_the_rules_of_the_crd_are_checked_too(run: Run) -> None:
    result = run("apply", "-f", "-", input=as_yaml(job(minJobParallelism=3, maxJobParallelism=2)))
    assert result.exit_code == 1
    assert "spec.minJobParallelism: Invalid value: 3: must not be greater than maxJobParallelism" in result.stderr


def test_one_refusal_does_not_keep_the_others_back(run: Run, world: World) -> None:
    elsewhere = manifest("FlinkJob", "demo-two", JOB_SPEC, namespace="nowhere")
    result = run("apply", "-f", "-", input=as_yaml(elsewhere, job()))
    assert (result.exit_code, result.stdout) == (1, f"{TITLE} created\n")
    assert 'flinkjob.nextbreakpoint.com/demo-two: namespaces "nowhere" not found' in result.stderr


def test_a_folder_of_folders_says_that_they_are_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    assert "no object in there; the folders in it are not read" in run("apply", "-f", str(tmp_path)).stderr


def test_a_folder_is_read_in_order_and_json_too(run: Run, tmp_path: Path) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"on": "2026-01-01"}}
    (tmp_path / "b.yaml").write_text(as_yaml(job()))
    (tmp_path / "a.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [config]}))
    (tmp_path / "notes.txt").write_text("no manifest")
    result = run("apply", "-f", str(tmp_path))
    assert result.stdout == f"configmap/one created\n{TITLE} created\n"


def test_the_namespace_of_the_manifest_must_be_that_of_the_option(run: Run) -> None:
    result = run("apply", "-f", "-", "-n", "one", input=as_yaml({**job(), "metadata": {"name": "x", "namespace": "b"}}))
    assert result.exit_code == 1
    assert 'metadata.namespace is "b", and -n says "one"' in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "stdin, line 1, column 5: expected the node content"),
        ("- 1", "stdin: array is no Kubernetes object"),
        ("kind: X", "stdin: apiVersion: Required value"),
        ("{apiVersion: v1, kind: Pod}", "stdin: metadata.name: Required value"),
        (
            "{apiVersion: v1, kind: Sofa, metadata: {name: x}}",
            "Sofa of v1 is no kind that flinkctl applies; use kubectl",
        ),
        (
            "{apiVersion: nextbreakpoint.com/v1, kind: FlinkDeploymen, metadata: {name: x}}",
            "FlinkDeploymen of nextbreakpoint.com/v1 is no kind that flinkctl applies; did you mean FlinkDeployment?",
        ),
        ("{apiVersion: v1, kind: Pod, metadata: {name: 7}}", "metadata.name: Invalid value: must be of type string"),
        ("{apiVersion: v1, kind: Pod, metadata: x}", "stdin: metadata.name: Required value"),
        ("kind: A\nkind: B", "stdin, line 2, column 1: the key 'kind' stands twice"),
        ("", "-: no object in there"),
    ],
)
def test_what_is_no_manifest_is_said_so(run: Run, text: str, told: str) -> None:
    result = run("apply", "-f", "-", input=text)
    assert result.exit_code == 1
    assert told in result.stderr


def test_a_file_that_is_not_there_is_named(run: Run) -> None:
    result = run("apply", "-f", "/no/such.yaml")
    assert (result.exit_code, result.stderr) == (1, "error: /no/such.yaml: No such file or directory\n")


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_is_kubectls(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("resources: [job.yaml]")
    (tmp_path / "job.yaml").write_text(as_yaml(job()))
    for path in (tmp_path, tmp_path / name):
        result = run("apply", "-f", str(path))
        assert (result.exit_code, result.stdout) == (1, "")
        told = f"error: {tmp_path} is a kustomization: kubectl apply -k {tmp_path} applies it; "
        assert result.stderr.startswith(told)
    assert run("apply", "-f", str(tmp_path / "job.yaml")).stdout == f"{TITLE} created\n"


def test_a_timestamp_in_yaml_stays_text_and_merge_keys_work() -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    (found,) = manifests.parse("f", head + "data: {<<: {a: b, c: d}, c: e, when: 2026-01-01}")
    assert found.body["data"] == {"a": "b", "c": "e", "when": "2026-01-01"}


def test_wait_follows_our_kinds_until_they_stall(run: Run, world: World) -> None:
    run("apply", "-f", "-", input=as_yaml(job()))
    world.become("demo-one", "Starting")
    stalled = [{"type": "Stalled", "status": "True", "reason": "Failed", "message": "no such JAR"}]
    world.become("demo-one", "Stopped", conditions=_timed(stalled))
    result = run("apply", "-f", "-", "--wait", input=as_yaml(job()))
    assert result.exit_code == 1
    assert f"error: {TITLE}: no such JAR" in result.stderr


def _timed(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**item, "lastTransitionTime": "2026-01-01T00:00:00Z"} for item in found]


def test_the_patch_is_three_way() -> None:
    last = {"a": 1, "gone": 1, "in": {"x": 1, "y": 1}, "never": 1}
    wanted = {"a": 1, "new": [1], "in": {"x": 2}}
    live = {"a": 1, "gone": 1, "in": {"x": 1, "y": 1, "theirs": 1}, "theirs": 1}
    assert merge.patch(last, wanted, live) == {"gone": None, "new": [1], "in": {"y": None, "x": 2}}


def test_what_cannot_be_read_as_last_applied_counts_as_never_applied() -> None:
    assert merge.last_applied({"metadata": {"annotations": {merge.LAST_APPLIED: "{"}}}) is None


def test_the_example_is_valid() -> None:
    text = Path(__file__).parents[2].joinpath("examples/wordcount/base/flinkdeployment.yaml").read_text()
    (found,) = manifests.parse("example", text)
    assert manifests.problems(found) == []
    broken = yaml.safe_load(text)
    del broken["spec"]["cluster"]["runtime"]
    (found,) = manifests.parse("example", yaml.safe_dump(broken))
    assert manifests.problems(found) == ["example: FlinkDeployment wordcount: spec.cluster.runtime: Required value"]


def test_failed_is_a_sentence_for_each_line() -> None:
    assert str(Failed("a\nb")) == "a\nb"
