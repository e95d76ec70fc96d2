"""The builders' options, one by one: what a user may say about the pods, and what is never a user's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from .test_builders import DELIVERY, OPTIONS, PLAIN, of_cluster, of_job
from .worlds import Resource, flink_cluster, resource


def made_pods(**changes: Any) -> tuple[Resource, Resource]:
    children = {child["metadata"]["name"]: child for child in of_cluster(flink_cluster(**changes))}
    return children["jobmanager-demo-0badcafe-2"], children["taskmanager-demo-0badcafe-2-5"]


def container(pod: Resource, name: str) -> Resource:
    return next(item for item in pod["spec"]["containers"] if item["name"] == name)


def variable(pod: Resource, name: str) -> Resource:
    return next((item for item in pod["spec"]["containers"][0]["env"] if item["name"] == name), {})


def with_parts(**part: Any) -> tuple[Resource, Resource]:
    return made_pods(jobManager={"serviceMode": "ClusterIP", **part}, taskManager={"taskSlots": 1, **part})


@pytest.mark.defect(19, 20)
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


@pytest.mark.parametrize(
    ("wished", "guarded"),
    [
        ({}, True),
        ({"runAsUser": 1000}, True),
        ({"runAsUser": 0}, False),
        ({"runAsUser": 0, "runAsNonRoot": True}, True),
        ({"runAsUser": 1000, "runAsNonRoot": False}, False),
    ],
)
def test_whoever_asks_for_root_gets_it_in_every_pod(wished: Resource, guarded: bool) -> None:
    """With runAsNonRoot the kubelet would start no container as user 0."""
    part = {"securityContext": wished, "sideContainers": [{"name": "side", "image": "i", "securityContext": wished}]}
    supervisor = {"image": "i", "securityContext": wished}
    delivery = replace(DELIVERY, bootstrap={**DELIVERY.bootstrap, "securityContext": wished})
    jobmanager, taskmanager = {**part, "serviceMode": "ClusterIP"}, {**part, "taskSlots": 1}
    cluster = flink_cluster(jobManager=jobmanager, taskManager=taskmanager, supervisor=supervisor)
    children = [*of_cluster(cluster), *of_job(delivery)]
    for child in children:
        body = child["spec"] if child["kind"] == "Pod" else child.get("spec", {}).get("template", {}).get("spec", {})
        for made in [*body.get("initContainers", []), *body.get("containers", [])]:
            contexts = {**body["securityContext"], **made["securityContext"]}
            assert contexts["runAsNonRoot"] is guarded, made["name"]


def test_no_supervisor_setting_is_in_a_flink_pod() -> None:
    """So that an edit of `spec.supervisor` touches no Flink pod."""
    assert made_pods() == made_pods(supervisor={"image": "other:9", "pollingInterval": 1, "replicas": 2})


@pytest.mark.defect(25)
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
