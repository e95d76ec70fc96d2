"""Manifests of Flink K8s Toolbox 1.4 are taken as they are; wrong ones are refused with the path of what is wrong."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

import crds
from core import schema as schemas

FOLDER = Path(__file__).parent.parent / "data" / "toolbox"
SAMPLES: dict[str, dict[str, Any]] = {
    document["metadata"]["name"]: document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text("utf-8"))
}
Edit = Callable[[dict[str, Any]], object]


def taken(manifest: dict[str, Any]) -> dict[str, Any]:
    schema = crds.schema(manifest["kind"])
    return dict(schemas.apply_defaults(schema, schemas.prune(schema, manifest)))


def refused(manifest: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    schema, defaulted = crds.schema(manifest["kind"]), taken(manifest)
    return schemas.errors(schema, defaulted) + schemas.cel_errors(schema, old, defaulted)


def edited(name: str, edit: Edit) -> dict[str, Any]:
    manifest = deepcopy(SAMPLES[name])
    edit(manifest)
    return manifest


def test_there_are_samples_of_each_kind() -> None:
    assert {sample["kind"] for sample in SAMPLES.values()} == set(crds.KINDS)


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_accepted(name: str) -> None:
    assert refused(SAMPLES[name]) == []


@pytest.mark.defect(19)
@pytest.mark.parametrize("name", SAMPLES)
def test_sample_loses_no_field(name: str) -> None:
    assert schemas.unknown_fields(crds.schema(SAMPLES[name]["kind"]), SAMPLES[name]) == []


def test_defaults_of_the_smallest_cluster() -> None:
    assert taken(SAMPLES["bare"])["spec"] == {
        "taskManagers": 0,
        "minTaskManagers": 0,
        "maxTaskManagers": 32,
        "suspend": False,
        "rollback": True,
        "updateTimeout": 600,
        "deletionDeadline": 300,
        "runtime": {"image": "flink:1.12.1", "pullPolicy": "IfNotPresent"},
        "jobManager": {"serviceMode": "NodePort"},
        "taskManager": {"taskSlots": 1},
        "supervisor": {
            "image": "flinkctl:1.4.4",
            "pullPolicy": "IfNotPresent",
            "pollingInterval": 5,
            "taskTimeout": 300,
            "rescaleDelay": 60,
            "rescalePolicy": "JobParallelism",
            "replicas": 1,
        },
    }


def test_null_stays_null_except_where_the_scale_subresource_reads() -> None:
    spec = taken(SAMPLES["nulls"])["spec"]
    assert (spec["taskManagers"], spec["maxTaskManagers"], spec["supervisor"]["replicas"]) == (0, None, None)


def test_defaults_of_the_smallest_job() -> None:
    assert taken(SAMPLES["cluster-0-bare"])["spec"] == {
        "jobParallelism": 0,
        "minJobParallelism": 0,
        "maxJobParallelism": 32,
        "suspend": False,
        "deletionDeadline": 300,
        "savepoint": {
            "savepointInterval": -1,
            "savepointTargetPath": "file:///var/savepoints",
            "savepointMode": "Automatic",
            "savepointFormat": "CANONICAL",
            "savepointOnDelete": False,
            "historyLimit": 10,
            "historyMaxAge": 0,
            "cleanup": "Keep",
            "claimMode": "NO_CLAIM",
            "maxStateAge": 0,
        },
        "restart": {
            "restartPolicy": "Never",
            "restartDelay": 60,
            "restartMaxDelay": 600,
            "restartTimeout": 180,
            "rollback": True,
            "unhealthyPolicy": "Report",
            "unhealthyRestarts": 5,
            "unhealthyWindow": 600,
        },
        "bootstrap": {
            "image": "jobs:1",
            "className": "Main",
            "jarPath": "/jobs.jar",
            "pullPolicy": "IfNotPresent",
            "allowNonRestoredState": False,
        },
    }


REFUSED: list[tuple[str, Edit, str]] = [
    ("bare", lambda m: m.pop("spec"), "spec: Required value"),
    ("bare", lambda m: m["spec"].pop("supervisor"), "spec.supervisor: Required value"),
    ("bare", lambda m: m["spec"]["supervisor"].pop("image"), "spec.supervisor.image: Required value"),
    ("bare", lambda m: m["spec"]["taskManager"].pop("taskSlots"), "spec.taskManager.taskSlots: Required value"),
    ("bare", lambda m: m["spec"].update(taskManagers=-1), "spec.taskManagers: Invalid value"),
    ("bare", lambda m: m["spec"].update(taskManagers="two"), "spec.taskManagers: Invalid value"),
    (
        "bare",
        lambda m: m["spec"]["jobManager"].update(serviceMode="LoadBalancer"),
        "spec.jobManager.serviceMode: Unsupp",
    ),
    ("bare", lambda m: m["spec"].update(flinkConfiguration={"a": True}), "spec.flinkConfiguration.a: Invalid value"),
    ("bare", lambda m: m["spec"].update(minTaskManagers=4, maxTaskManagers=2), "spec.minTaskManagers: Invalid"),
    ("cluster-0", lambda m: m["spec"]["jobManager"]["volumes"][1].pop("name"), "spec.jobManager.volumes[1].name: Req"),
    ("cluster-0-average", lambda m: m["spec"]["bootstrap"].pop("jarPath"), "spec.bootstrap.jarPath: Required value"),
    ("cluster-0-average", lambda m: m["spec"].update(minJobParallelism=40), "spec.minJobParallelism: Inv"),
    ("cluster-0-average", lambda m: m["spec"]["savepoint"].update(historyLimit=0), "spec.savepoint.historyLimit: Inv"),
    ("cluster-0-average", lambda m: m.update(status={"retryAt": ""}), "status.retryAt: Invalid value"),
    ("orders", lambda m: m["spec"]["jobs"][1].update(name="average"), "spec.jobs[1].name: Duplicate value"),
    ("orders", lambda m: m["spec"]["jobs"][1].update(name="a_b"), "spec.jobs[1].name: Invalid value"),
    (
        "orders",
        lambda m: m["spec"]["jobs"][0]["spec"]["restart"].update(restartPolicy="No"),
        "spec.jobs[0].spec.restart",
    ),
    ("orders", lambda m: m["spec"]["cluster"].pop("runtime"), "spec.cluster.runtime: Required value"),
]


@pytest.mark.parametrize(("name", "edit", "start"), REFUSED)
def test_wrong_manifest_is_refused_at_its_path(name: str, edit: Edit, start: str) -> None:
    (sentence,) = refused(edited(name, edit))
    assert sentence.startswith(start)


@pytest.mark.parametrize(("before", "after", "allowed"), [("", "a", 1), ("a", "a", 1), ("a", "b", 0), ("a", "", 0)])
def test_cluster_name_is_set_once(before: str, after: str, allowed: bool) -> None:
    old, new = (edited("cluster-0-bare", lambda m: None) for _ in "ab")
    for manifest, value in ((old, before), (new, after)):
        manifest["spec"] |= {"clusterName": value} if value else {}
    assert (refused(new, taken(old)) == []) == bool(allowed)


def rules(kind: str) -> str:
    return " ".join(rule["rule"] for rule in crds.schema(kind)["x-kubernetes-validations"])


def test_longest_names_fit_where_kubernetes_takes_63_characters() -> None:
    assert len(f"jobmanager-{'c' * 38}-{'f' * 8}-9999") == 63
    assert len(f"bootstrap-{'j' * 48}-9999") == 63
    assert "size(self.metadata.name) <= 38" in rules("FlinkCluster")
    assert "size(self.metadata.name) <= 38" in rules("FlinkDeployment")
    assert "size(self.metadata.name) <= 48" in rules("FlinkJob")
    assert "size(self.metadata.name) + size(job.name) <= 47" in rules("FlinkDeployment")  # and a dash
