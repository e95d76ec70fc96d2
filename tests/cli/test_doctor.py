"""flinkctl doctor: what each check says, and that it looks."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
import yaml

import crds
from cli.doctor.checks import FAILED, OK, UNKNOWN, WARNING, Hook, Installation, check
from clients.kube import resources
from core import names, times

from .conftest import Run, World

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTROLLERS = [*yaml.safe_load_all(files("metacontroller").joinpath("base/controllers.yaml").read_text("utf-8"))]


def pod(image: str, *arguments: str, ready: bool = True, **labels: str) -> Object:
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    metadata = {"name": "p", "namespace": "m", "labels": labels}
    return {"metadata": metadata, "spec": {"containers": [{"image": image, "args": [*arguments]}]}, "status": status}


def lease(ago: int) -> Object:
    spec = {"holderIdentity": "h", "leaseDurationSeconds": 15, "renewTime": times.to_text(NOW - timedelta(seconds=ago))}
    return {"metadata": {"name": "metacontroller", "namespace": "m"}, "spec": spec}


def cluster(report: str) -> Object:
    metadata = {"name": "demo", "namespace": "ns", "annotations": {names.REPORT: report}}
    return {"metadata": metadata, "status": {"supervisorStatus": "Started"}}


GOOD = Installation(
    server="v1.37.0",
    local=False,
    crds={kind: crds.load(kind) for kind in crds.KINDS},
    controllers=tuple(CONTROLLERS),
    metacontrollers=(pod("metacontroller:v4.17.2", "--client-go-qps=100"),),
    leases=(lease(3),),
    hooks=(Hook("flink-system", "flink-hooks", ""),),
    rights={"read jobs": True},
    clusters=(cluster('{"answering": true, "revision": "r"}'),),
    supervisors=(),
    now=NOW,
)


def told(found: Installation, level: str) -> str:
    return "\n".join(one.text for one in check(found) if one.level == level)


def without_a_field() -> dict[str, Object | None]:
    older = copy.deepcopy(crds.load("FlinkJob"))
    del older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["suspend"]
    return {**GOOD.crds, "FlinkJob": older}


def test_all_is_well() -> None:
    assert {one.level for one in check(GOOD)} == {OK}
    assert {"FlinkDeployment", "FlinkCluster", "FlinkJob"} <= set(told(GOOD, OK).replace("s\n", "\n").split())


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({"crds": {}}, FAILED, "the CRD of FlinkJob is not installed"),
        ({"crds": without_a_field()}, WARNING, "the CRD of FlinkJob is another version's: spec.suspend"),
        ({"crds": dict.fromkeys(crds.KINDS)}, UNKNOWN, "you may not read CRDs"),
        ({"controllers": ()}, FAILED, "no controller has FlinkClusters"),
        ({"controllers": None}, UNKNOWN, "you may not read Metacontroller's controllers"),
        ({"metacontrollers": ()}, FAILED, "no pod is labelled"),
        ({"metacontrollers": None}, UNKNOWN, "Metacontroller is not looked at"),
        ({"metacontrollers": (pod("m:v4.17.1", "--client-go-qps=9"),)}, FAILED, "v4.17.1 is too old"),
        ({"metacontrollers": (pod("m:v4.9.9", "--client-go-qps=9"),)}, FAILED, "v4.9.9 is too old"),
        ({"metacontrollers": (pod("m:latest", "--client-go-qps=9"),)}, UNKNOWN, "not in its image m:latest"),
        ({"metacontrollers": (pod("m:v4.17.2"),)}, WARNING, "runs without --client-go-qps"),
        ({"metacontrollers": (pod("m:v4.17.2", ready=False),)}, FAILED, "is not ready"),
        ({"leases": (lease(60),)}, WARNING, "the Lease m/metacontroller was not renewed for 60 s by h"),
        ({"hooks": (Hook("a", "b", "503"),)}, FAILED, "the hooks of Service a/b do not answer: 503"),
        ({"hooks": (Hook("a", "b", None),)}, UNKNOWN, "you may not ask the hooks of Service a/b"),
        ({"rights": {"read jobs": False}}, WARNING, "you may not read jobs"),
        ({"rights": {"read jobs": None}}, UNKNOWN, "whether you may read jobs"),
        ({"clusters": (cluster("{}"),)}, WARNING, "no supervisor has reported about ns/demo yet"),
        ({"clusters": (cluster('{"revision": "r"}'),)}, WARNING, "the JobManager of ns/demo does not answer"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], level: str, text: str) -> None:
    assert text in told(replace(GOOD, **changes), level)


def test_a_composite_without_its_selector() -> None:
    controllers = copy.deepcopy(CONTROLLERS)
    controllers[1]["spec"]["generateSelector"] = False
    text = "CompositeController flink-cluster has no generateSelector"
    assert text in told(replace(GOOD, controllers=tuple(controllers)), FAILED)


def test_a_supervisor_that_is_not_ready() -> None:
    down = pod("ours:1", ready=False, **{names.LABEL_CLUSTER: "demo"})
    down["metadata"]["namespace"] = "ns"
    assert "the supervisor of ns/demo is not ready" in told(replace(GOOD, supervisors=(down,)), FAILED)


def test_it_looks_at_the_server(run: Run, world: World) -> None:
    """Here are CRDs, a controller without hooks behind it, and nothing else."""
    world.client.create(resources.COMPOSITE_CONTROLLERS, CONTROLLERS[0])
    result = run("doctor")
    assert result.exit_code == 1
    assert "the local runtime" in result.stdout.splitlines()[0]
    assert "the CRD of FlinkJob is that of this flinkctl" in result.stdout
    assert "no controller has FlinkJobs" in result.stdout
    assert "the hooks of Service flink-system/flink-hooks do not answer" in result.stdout
    levels = {one["text"]: one["level"] for one in json.loads(run("doctor", "-o", "json").stdout)}
    assert levels["CompositeController flink-deployment has FlinkDeployments"] == OK
