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
    resource,
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
            *supervisor.make_all(cluster),
            jobmanager.make_pod(cluster, revision="0badcafe", incarnation=2),
            jobmanager.make_service(cluster, revision="0badcafe", incarnation=2),
            taskmanager.make_pod(cluster, revision="0badcafe", incarnation=2, number=5),
        ]
    )


def of_job(delivery: Delivery) -> list[Resource]:
    return finished([bootstrap.make_job(name="demo-a", namespace="team", cluster="demo", delivery=delivery)])


MADE = {
    "cluster": of_cluster(PLAIN),
    "cluster-with-every-option": of_cluster(FULL),
    "bootstrap": of_job(DELIVERY),
    "bootstrap-with-every-option": of_job(FULL_DELIVERY),
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
EMPTY_ON_PURPOSE = {"emptyDir", "labelSelector", "namespaceSelector", "podSelector"}


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


# Options that the literals do not show.


def made_pods(**changes: Any) -> tuple[Resource, Resource]:
    children = {child["metadata"]["name"]: child for child in of_cluster(flink_cluster(**changes))}
    return children["jobmanager-demo-0badcafe-2"], children["taskmanager-demo-0badcafe-2-5"]


def container(pod: Resource, name: str) -> Resource:
    return next(item for item in pod["spec"]["containers"] if item["name"] == name)


def variable(pod: Resource, name: str) -> Resource:
    return next((item for item in pod["spec"]["containers"][0]["env"] if item["name"] == name), {})


def with_parts(**part: Any) -> tuple[Resource, Resource]:
    return made_pods(jobManager={"serviceMode": "ClusterIP", **part}, taskManager={"taskSlots": 1, **part})


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_every_option_has_an_effect_on_both_pods(option: str) -> None:
    plain, some = with_parts(), with_parts(**{option: OPTIONS[option]})
    assert plain[0] != some[0] and plain[1] != some[1]


def test_a_command_alone_gets_the_arguments_all_the_same() -> None:
    """As for the Toolbox: `command: [/docker-entrypoint.sh]` without an argument would start nothing."""
    pods = with_parts(command=["/docker-entrypoint.sh"])
    assert container(pods[0], "jobmanager")["args"] == ["jobmanager"]
    assert container(pods[1], "taskmanager")["args"] == ["taskmanager", "-Dtaskmanager.resource-id=$(POD_NAME)"]


def test_the_users_flink_properties_come_after_ours() -> None:
    pods = made_pods(
        flinkConfiguration={"a": "1"},
        jobManager={"serviceMode": "ClusterIP", "environment": [{"name": "FLINK_PROPERTIES", "value": "a: 2\n"}]},
    )
    assert variable(pods[0], "FLINK_PROPERTIES")["value"].startswith("a: 1\n")
    assert variable(pods[0], "FLINK_PROPERTIES")["value"].endswith("\na: 2\n")


def test_flink_properties_of_a_config_map_are_not_hidden_by_ours() -> None:
    """A container's own variable wins over one of envFrom."""
    source = [{"configMapRef": {"name": "flink"}}]
    assert all(variable(pod, "FLINK_PROPERTIES") == {} for pod in with_parts(environmentFrom=source))
    named = {"name": "FLINK_PROPERTIES", "valueFrom": {"configMapKeyRef": {"name": "flink", "key": "p"}}}
    assert all(variable(pod, "FLINK_PROPERTIES") == named for pod in with_parts(environment=[named]))


def test_flink_configuration_is_given_even_beside_a_config_map() -> None:
    pods = made_pods(
        flinkConfiguration={"a": "1"},
        jobManager={"serviceMode": "ClusterIP", "environmentFrom": [{"configMapRef": {"name": "flink"}}]},
    )
    assert variable(pods[0], "FLINK_PROPERTIES")["value"].startswith("a: 1\n")


def test_an_extra_port_that_is_ours_is_given_once() -> None:
    ports = [{"containerPort": 8081, "name": "rest"}, {"containerPort": 6121}, {"containerPort": 9249}]
    numbers = [
        [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]]
        for pod in with_parts(extraPorts=ports)
    ]
    assert numbers == [[8081, 6123, 6124, 6125, 6121, 9249], [6121, 6122, 8081, 9249]]


def test_one_volume_of_a_template_may_be_mounted_twice() -> None:
    mounts = [{"name": "data", "mountPath": "/a", "subPath": "a"}, {"name": "data", "mountPath": "/b", "subPath": "b"}]
    template = {"spec": {"containers": [{"name": "jobmanager", "volumeMounts": mounts}]}}
    pods = made_pods(
        jobManager={
            "serviceMode": "ClusterIP",
            "podTemplate": template,
            "volumeMounts": [{"name": "data", "mountPath": "/c"}],
        }
    )
    paths = [mount["mountPath"] for mount in container(pods[0], "jobmanager")["volumeMounts"]]
    assert paths == ["/c", "/a", "/b"]


def test_a_template_adds_and_never_replaces() -> None:
    plain = with_parts()
    template = {
        "metadata": {"labels": {"role": "x", "clusterName": "x", "more": "y"}},
        "spec": {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 900,
            "serviceAccountName": "root",
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
            "containers": [
                {
                    "name": "jobmanager",
                    "image": "x",
                    "env": [{"name": "POD_NAME", "value": "x"}, {"name": "N", "value": "1"}],
                }
            ],
        },
    }
    pod = with_parts(podTemplate=template)[0]
    assert pod["metadata"]["labels"] == {**plain[0]["metadata"]["labels"], "more": "y"}
    for field in ("restartPolicy", "terminationGracePeriodSeconds", "serviceAccountName"):
        assert pod["spec"][field] == plain[0]["spec"][field]
    assert pod["spec"]["hostAliases"] == template["spec"]["hostAliases"]
    assert container(pod, "jobmanager")["image"] == "flink:2.3.0"
    assert variable(pod, "POD_NAME") == variable(plain[0], "POD_NAME")
    assert variable(pod, "N") == {"name": "N", "value": "1"}


def test_no_supervisor_setting_is_in_a_flink_pod() -> None:
    """So that an edit of `spec.supervisor` touches no Flink pod."""
    assert made_pods() == made_pods(supervisor={"image": "other:9", "pollingInterval": 1, "replicas": 2})


@pytest.mark.parametrize(("account", "made"), [(None, True), ("mine", False)])
def test_the_role_is_bound_to_the_account_in_force(account: str | None, made: bool) -> None:
    children = {
        child["kind"]: child
        for child in of_cluster(flink_cluster(supervisor={"image": "i", "serviceAccount": account}))
    }
    name = account or "supervisor-demo"
    assert ("ServiceAccount" in children) is made
    assert children["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == name
    assert children["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "team"}]


def test_a_parents_labels_and_annotations_stay_with_it() -> None:
    """Its `controller-uid` on a child would break the next sync."""
    labels = {"controller-uid": "x", "team": "a"}
    parent = resource("FlinkCluster", "demo", PLAIN["spec"], labels=labels, annotations={"a": "b"})
    text = json.dumps(of_cluster(parent))
    assert "controller-uid" not in text and '"team": "a"' not in text


def test_a_templates_volume_and_variable_do_not_mix_with_ours() -> None:
    """Each has one source; with two the pod would be refused."""
    template = {
        "volumes": [{"name": "scratch", "configMap": {"name": "c"}}, {"name": "more", "emptyDir": {}}],
        "containers": [{"name": "jobmanager", "env": [{"name": "POD_NAME", "value": "x"}]}],
    }
    pod = with_parts(volumes=[{"name": "scratch", "emptyDir": {}}], podTemplate={"spec": template})[0]
    assert pod["spec"]["volumes"] == [{"name": "scratch", "emptyDir": {}}, {"name": "more", "emptyDir": {}}]
    assert "value" not in variable(pod, "POD_NAME")
