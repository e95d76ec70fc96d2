"""The builders: whole manifests against literals, and what holds for every child that any hook answers with."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import cluster as clusters
from core.job_status import Delivery
from hooks.children import bootstrap, jobmanager, supervisor, taskmanager
from hooks.protocol import finished

from .security import restricted_violations
from .worlds import (
    Post,
    Resource,
    applied,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    job_body,
    taken,
)

LITERALS = Path(__file__).parent.parent / "data" / "children"
TOOLBOX = Path(__file__).parent.parent / "data" / "toolbox"
SAMPLES: list[Resource] = [
    taken({**item, "metadata": {**item["metadata"], "namespace": "team", "uid": "u", "generation": 1}})
    for path in sorted(TOOLBOX.glob("*.yaml"))
    for item in yaml.safe_load_all(path.read_text("utf-8"))
]
# Every option of a pod that Toolbox 1.4 has, and ours.
OPTIONS: Resource = {
    "serviceAccount": "flink",
    "annotations": {"prometheus.io/port": "9249"},
    "command": ["/entry.sh"],
    "environment": [
        {"name": "ZONE", "value": "a"},
        {"name": "EMPTY", "value": ""},
        {"name": "POD_NAME", "value": "mine"},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ],
    "environmentFrom": [{"configMapRef": {"name": "more"}}],
    "volumes": [{"name": "scratch", "emptyDir": {}}],
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "extraPorts": [{"name": "metrics", "containerPort": 9249}],
    "initContainers": [{"name": "prepare", "image": "busybox:1"}],
    "sideContainers": [{"name": "logs", "image": "logs:1", "securityContext": {"runAsUser": 1000}}],
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {"runAsUser": 1234, "readOnlyRootFilesystem": True},
    "affinity": {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}
    },
    "tolerations": [{"key": "pool", "operator": "Equal", "value": "flink", "effect": "NoSchedule"}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "podTemplate": {
        "metadata": {"labels": {"team": "a", "role": "mine"}, "annotations": {"note": "x"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "priorityClassName": "high",
            "restartPolicy": "Always",
            "securityContext": {"supplementalGroups": [7], "runAsNonRoot": False},
            "volumes": [{"name": "cache", "emptyDir": {}}],
            "containers": [{"name": "watcher", "image": "watcher:1"}],
        },
    },
}
PLAIN = flink_cluster(flinkConfiguration={"state.checkpoints.dir": "file:///c", "parallelism.default": 2})
FULL = flink_cluster(
    runtime={"image": "registry/flink:2.3.0", "pullPolicy": "Always", "pullSecrets": "registry"},
    jobManager={"serviceMode": "NodePort", "args": ["jobmanager", "-Dx=y"], **OPTIONS},
    taskManager={"taskSlots": 4, "args": ["taskmanager", "-Dx=y"], **OPTIONS},
    supervisor={
        "image": "registry/flinkctl:1",
        "pullPolicy": "Always",
        "pullSecrets": "registry",
        "serviceAccount": "ours",
        "resources": {"requests": {"cpu": "10m"}},
        "securityContext": {"runAsUser": 4321},
    },
)
DELIVERY = Delivery(
    number=3,
    incarnation=1,
    image="flinkctl:1",
    bootstrap={"image": "jobs:1", "className": "Main", "jarPath": "/jobs/main.jar"},
)
FULL_DELIVERY = Delivery(
    number=12,
    incarnation=1,
    image="registry/flinkctl:1",
    pull_policy="Always",
    bootstrap={
        "image": "registry/jobs:1",
        "pullPolicy": "Always",
        "pullSecrets": "registry",
        "serviceAccount": "jobs",
        "resources": {"limits": {"memory": "1Gi"}},
        "securityContext": {"runAsUser": 2000},
        "className": "Main",
        "jarPath": "/jobs/main.jar",
    },
)


def of_cluster(parent: Resource) -> list[Resource]:
    cluster = clusters.read(parent)
    return finished(
        [
            *supervisor.make_all(cluster, role="flink-supervisor"),
            jobmanager.make_pod(cluster, revision="0badcafe", incarnation=2),
            jobmanager.make_service(cluster, revision="0badcafe", incarnation=2),
            taskmanager.make_pod(cluster, revision="0badcafe", incarnation=2, number=5),
        ]
    )


def of_job(delivery: Delivery, *, image_volume: bool = False) -> list[Resource]:
    job = bootstrap.make_job(
        name="demo-a", namespace="team", uid="u-1", cluster="demo", delivery=delivery, image_volume=image_volume
    )
    return finished([job])


MADE = {
    "cluster": of_cluster(PLAIN),
    "cluster-with-every-option": of_cluster(FULL),
    "bootstrap": of_job(DELIVERY),
    "bootstrap-with-every-option": of_job(FULL_DELIVERY),
    "bootstrap-from-an-image-volume": of_job(FULL_DELIVERY, image_volume=True),
}


@pytest.mark.parametrize("name", MADE)
def test_manifests_are_these(name: str) -> None:
    assert MADE[name] == list(yaml.safe_load_all((LITERALS / f"{name}.yaml").read_text("utf-8")))


def every_answer() -> dict[str, list[Resource]]:
    """The children of each hook for each sample of the Toolbox's, and for those above."""
    post, found = Post(), {}
    ordered = {"supervisorStatus": "Starting", "delivery": {"number": 3, "image": "flinkctl:1"}}
    parents = [*SAMPLES, PLAIN, FULL, flink_job()]
    for number, parent in enumerate(parents):
        kind, name = parent["kind"], f"{number} {parent['kind']} {parent['metadata']['name']}"
        if kind == "FlinkCluster":
            found[name] = post.ok("/cluster/sync", cluster_body(parent))["children"]
        elif kind == "FlinkDeployment":
            found[name] = post.ok("/deployment/sync", deployment_body(parent))["children"]
        else:
            ordered["delivery"]["bootstrap"] = parent["spec"]["bootstrap"]
            found[name] = post.ok("/job/sync", job_body({**parent, "status": ordered}))["attachments"]
        assert found[name]
    return found


ANSWERS = {**MADE, **every_answer()}
CHILDREN = {
    f"{name}: {child['kind']} {child['metadata']['name']}": child for name, all in ANSWERS.items() for child in all
}
EMPTY_ON_PURPOSE = {"preference", "emptyDir", "labelSelector", "namespaceSelector", "podSelector"}


def pod_spec(child: Resource) -> Resource | None:
    if child["kind"] == "Pod":
        return dict(child["spec"])
    return child["spec"]["template"]["spec"] if child["kind"] in ("Job", "Deployment") else None


PODS = {name: spec for name, child in CHILDREN.items() if (spec := pod_spec(child))}


def empties(value: Any, path: str = "") -> list[str]:
    if value is None or (value in ({}, []) and path.rsplit(".", 1)[-1] not in EMPTY_ON_PURPOSE):
        return [path]
    if isinstance(value, dict):
        return [bad for key, item in value.items() for bad in empties(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [bad for number, item in enumerate(value) for bad in empties(item, f"{path}[{number}]")]
    return []


@pytest.mark.parametrize("name", CHILDREN)
def test_no_nulls_and_no_empties(name: str) -> None:
    assert empties(CHILDREN[name]) == []


@pytest.mark.parametrize("name", CHILDREN)
def test_labels_and_annotations_are_texts(name: str) -> None:
    """One annotation that is no text wipes all the others."""
    template = CHILDREN[name]["spec"].get("template", {}) if "spec" in CHILDREN[name] else {}
    for metadata in (CHILDREN[name]["metadata"], template.get("metadata", {})):
        for key in ("labels", "annotations"):
            assert all(isinstance(value, str) for value in metadata.get(key, {}).values())


@pytest.mark.defect(14)
@pytest.mark.parametrize("name", CHILDREN)
def test_identity_and_labels(name: str) -> None:
    """A name of its own, never generateName; and never the label by which Metacontroller finds another's children."""
    metadata = CHILDREN[name]["metadata"]
    assert metadata["name"] and "generateName" not in metadata and len(metadata["name"]) <= 63
    assert metadata["namespace"] == "team"
    assert "ownerReferences" not in metadata
    assert "controller-uid" not in json.dumps(CHILDREN[name])
    ours = {"owner": "flink-operator", "component": "flink", "app.kubernetes.io/managed-by": "flink-metacontroller"}
    assert ours.items() <= metadata["labels"].items()


@pytest.mark.parametrize("name", PODS)
def test_lists_that_are_maps_have_unique_keys(name: str) -> None:
    spec = PODS[name]
    keys = {"ports": "containerPort", "env": "name", "volumeMounts": "mountPath"}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for field, key in keys.items():
            found = [item[key] for item in container.get(field, [])]
            assert len(found) == len(set(found))
    for field in ("containers", "initContainers", "volumes", "imagePullSecrets"):
        found = [item["name"] for item in spec.get(field, [])]
        assert len(found) == len(set(found))


@pytest.mark.parametrize("name", [name for name in PODS if "FlinkJob" not in name and "cluster-0" not in name])
def test_pods_pass_the_restricted_level(name: str) -> None:
    assert restricted_violations(PODS[name]) == []


@pytest.mark.parametrize("name", [name for name in PODS if "cluster-0" in name])
def test_only_what_the_user_asked_for_breaks_the_restricted_level(name: str) -> None:
    assert all("hostPath" in text for text in restricted_violations(PODS[name]))


def test_the_check_of_the_restricted_level_can_fail() -> None:
    assert len(restricted_violations({"containers": [{"name": "x"}], "hostNetwork": True})) == 5


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "parent", [PLAIN, FULL, *SAMPLES], ids=lambda parent: f"{parent['kind']}-{parent['metadata']['name']}"
)
def test_equal_requests_give_equal_bytes(parent: Resource) -> None:
    post, chance = Post(), random.Random(7)
    bodies = {
        "FlinkCluster": ("/cluster/sync", cluster_body),
        "FlinkDeployment": ("/deployment/sync", deployment_body),
        "FlinkJob": ("/job/sync", job_body),
    }
    path, make = bodies[parent["kind"]]
    body = make(parent)
    first = post(path, body)
    assert first[0] == 200
    assert {post(path, body), post(path, shuffled(body, chance)), Post()(path, shuffled(body, chance))} == {first}


def test_the_order_of_the_observed_children_does_not_matter() -> None:
    post = Post()
    children = [applied(child) for child in MADE["cluster"]]
    answers = {post("/cluster/sync", cluster_body(PLAIN, items)) for items in (children, children[::-1])}
    assert len(answers) == 1


@pytest.mark.parametrize(("replicas", "pods", "leases"), [(0, 1, []), (1, 1, []), (3, 3, ["team/supervisor-demo"])])
def test_of_several_supervisors_the_holder_of_a_lease_acts(replicas: int, pods: int, leases: list[str]) -> None:
    cluster = clusters.read(flink_cluster(supervisor={"image": "x:1", "replicas": replicas}))
    (spec,) = (child["spec"] for child in supervisor.make_all(cluster, role="r") if child["kind"] == "Deployment")
    (container,) = spec["template"]["spec"]["containers"]
    given = [arg.removeprefix("--lease=") for arg in container["args"] if arg.startswith("--lease=")]
    assert (spec["replicas"], spec["strategy"], given) == (pods, {"type": "Recreate"}, leases)
