"""flinkctl validate: what is wrong with manifests, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import root

from .conftest import CLUSTER_SPEC, JOB_SPEC, as_yaml, manifest

EXAMPLE = Path(__file__).parents[2] / "examples" / "wordcount" / "base" / "flinkdeployment.yaml"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")


def validate(text: str, *more: str) -> Result:
    return CliRunner().invoke(root, ["validate", "-f", "-", *more], input=text)


def test_the_example_is_valid() -> None:
    result = CliRunner().invoke(root, ["validate", "-f", str(EXAMPLE)])
    assert (result.exit_code, result.stdout) == (0, f"{EXAMPLE}: FlinkDeployment wordcount is valid\n")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"jobParallelism": "two"}, "spec.jobParallelism: Invalid value"),
        ({"jobParalelism": 2}, "spec.jobParalelism: unknown field"),
        ({"minJobParallelism": 5, "maxJobParallelism": 2}, "minJobParallelism"),  # a rule in CEL
        (
            {"savepoint": {**JOB_SPEC["savepoint"], "savepointSchedule": "0 0 31 2 *"}},
            "spec.savepoint.savepointSchedule",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_field(change: dict[str, object], told: str) -> None:
    result = validate(as_yaml(manifest("FlinkJob", "x", {**JOB_SPEC, **change})))
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "stdin: FlinkJob x: " in result.stderr
    assert told in result.stderr


@pytest.mark.parametrize("shape", [(), ("-o", "json")])
def test_a_text_that_cannot_be_read_hides_no_other(tmp_path: Path, shape: tuple[str, ...]) -> None:
    for name, text in [("a", "kind: ["), ("b", as_yaml(manifest("FlinkJob", "x", {}))), ("c", "kind: {")]:
        (tmp_path / f"{name}.yaml").write_text(text)
    result = CliRunner().invoke(root, ["validate", "-f", str(tmp_path), *shape])
    assert result.exit_code == 1
    assert all(f"{tmp_path}/{name}.yaml" in result.output for name in "abc")


def test_two_volumes_of_one_name_are_told_as_the_hooks_would() -> None:
    manager = {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]}
    result = validate(as_yaml(manifest("FlinkCluster", "x", {**CLUSTER_SPEC, "jobManager": manager})))
    assert "spec.jobManager.volumes: two entries with name a" in result.stderr


def test_the_others_are_told_too_and_all_as_documents() -> None:
    good, bad = manifest("FlinkJob", "good", JOB_SPEC), manifest("FlinkJob", "bad", {})
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    result = validate(as_yaml(good, bad, other))
    assert result.stdout.splitlines() == [
        "stdin, document 1: FlinkJob good is valid",
        "stdin, document 3: ConfigMap c is not checked: no kind of ours",
    ]
    result = validate(as_yaml(good, bad, other), "-o", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    told = json.loads(result.stdout)
    assert [(item["name"], item["checked"], item["valid"]) for item in told] == [
        ("good", True, True),
        ("bad", True, False),
        ("c", False, True),
    ]
    assert any(text.startswith("spec.bootstrap: Required value") for text in told[1]["problems"])
