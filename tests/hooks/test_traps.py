"""One test for each trap that Metacontroller sets for a hook."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
import yaml

import crds
from core import names, schema

from .reached import BASE, FOREIGN_LABELS
from .worlds import (
    JOB_SPEC,
    Post,
    World,
    applied,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    job_body,
    jobmanager,
    names_of,
    resource,
    revision,
)

POST = Post()
Resource = dict[str, Any]
STARTED = {"supervisorStatus": "Started", "revision": revision(flink_cluster()), "incarnation": 1}
STARTED |= {"targetRevision": STARTED["revision"], "taskManagers": 2}


def running(**changes: Any) -> World:
    """A cluster with two TaskManagers, whose supervisor says that they are there."""
    world = World(flink_cluster(taskManagers=2, **changes))
    world.settle()
    world.report(answering=True, task_managers=2)
    world.settle()
    assert world.phase == "Started"
    return world


def pods_of(answer: Resource) -> list[Resource]:
    return [child for child in answer["children"] if child["kind"] == "Pod"]


def test_01_equal_requests_get_equal_bytes() -> None:
    body = cluster_body(flink_cluster(status=STARTED), [jobmanager(str(STARTED["revision"]), 1)])
    backwards = deepcopy(body)
    backwards["children"] = dict(reversed(backwards["children"].items()))
    assert len({POST("/cluster/sync", each) for each in (body, deepcopy(body), backwards)}) == 1


def test_02_children_are_built_from_scratch() -> None:
    """An echo of what an API server and others added would be applied as if it were ours."""
    world = running()
    before = json.dumps(world.sync()["children"])
    for item in world.children.values():
        item["spec"] = {**item.get("spec", {}), "nodeName": "node-7", "added": "by another hand"}
        item["metadata"]["finalizers"] = ["another/hand"]
    assert json.dumps(world.sync()["children"]) == before


def test_03_nothing_is_said_that_an_api_server_drops_or_spells_in_its_own_way() -> None:
    """An empty value; an amount, in what is updated in place."""
    cluster = flink_cluster(
        taskManagers=1,
        taskManager={"taskSlots": 1, "environment": [{"name": "EMPTY", "value": ""}]},
        supervisor={"image": "flinkctl:1", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}},
    )
    children = {child["kind"]: child for child in POST.ok("/cluster/sync", cluster_body(cluster))["children"]}
    (taskmanager,) = children["Pod"]["spec"]["containers"]
    assert {"name": "EMPTY"} in taskmanager["env"]
    (supervisor,) = children["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert supervisor["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_04_what_admission_adds_to_pods_is_no_difference() -> None:
    """Tolerations above all: pods are never updated, so it does not matter what a pod of ours became."""
    controllers = list(yaml.safe_load_all(BASE.read_text("utf-8")))
    children = [item for controller in controllers for item in controller["spec"].get("childResources", [])]
    (pods,) = [item for item in children if item["resource"] == "pods"]
    assert pods["updateStrategy"] == {"method": "OnDelete"}
    assert all("tolerations" not in pod["spec"] for pod in pods_of(running().answer))


def test_05_names_are_the_same_each_time_and_short_enough_for_what_they_become() -> None:
    """A label, a Service's name in DNS; of a pod's name only a host name is cut off."""
    longest = "c" * 38  # as the CRD's rule has it
    assert schema.cel_errors(crds.schema("FlinkCluster"), None, flink_cluster(longest)) == []
    assert schema.cel_errors(crds.schema("FlinkCluster"), None, flink_cluster(longest + "c"))
    answer = POST.ok("/cluster/sync", cluster_body(flink_cluster(longest, taskManagers=12)))
    found = [pod["metadata"]["name"] for pod in pods_of(answer)]
    assert len(set(found)) == 13
    for child in answer["children"]:
        texts = [*child["metadata"]["labels"].values(), "" if child["kind"] == "Pod" else child["metadata"]["name"]]
        assert max(map(len, texts)) <= 63
    assert all(revision(flink_cluster(longest, taskManagers=12)) in name for name in found)


def test_06_ports_and_mounts_are_named_once() -> None:
    """They are keys of the merge: of two with one key, one is lost."""
    part = {
        "taskSlots": 1,
        "extraPorts": [{"name": "mine", "containerPort": 6121}, {"name": "metrics", "containerPort": 9249}],
        "podTemplate": {"spec": {"volumes": [{"name": "a", "emptyDir": {}}]}},
        "volumes": [{"name": "a", "emptyDir": {}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}],
    }
    answer = POST.ok("/cluster/sync", cluster_body(flink_cluster(taskManagers=1, taskManager=part)))
    (pod,) = [pod for pod in pods_of(answer) if "taskmanager" in pod["metadata"]["name"]]
    ports = pod["spec"]["containers"][0]["ports"]
    assert sorted(port["containerPort"] for port in ports) == [6121, 6122, 9249]
    assert all(port["name"] for port in ports)
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["a"]


def test_07_the_parents_labels_are_not_handed_on() -> None:
    """`controller-uid` of another would fail the whole sync."""
    parent = flink_cluster(taskManagers=1, metadata={"labels": dict(FOREIGN_LABELS)})
    for child in POST.ok("/cluster/sync", cluster_body(parent))["children"]:
        assert not FOREIGN_LABELS.keys() & child["metadata"]["labels"].keys()


def test_08_a_child_that_is_on_its_way_out_does_not_count_and_keeps_its_name() -> None:
    world = running()
    going = next(name for name in world.pods() if name.startswith("taskmanager") and name.endswith("-0"))
    world.children["Pod", going]["metadata"]["deletionTimestamp"] = "2026-01-01T00:05:00Z"
    now = [name for name in names_of(world.sync(), "Pod") if name.startswith("taskmanager")]
    assert len(now) == 2
    assert going not in now
    assert world.status["taskManagerReplicas"] == 1


def test_09_the_status_says_what_is_there() -> None:
    """Not what is wanted; and the generation that it is about is put in by Metacontroller, as the CRD's integer."""
    answer = POST.ok("/cluster/sync", cluster_body(flink_cluster(taskManagers=5)))
    assert (answer["status"]["taskManagers"], answer["status"].get("taskManagerReplicas", 0)) == (5, 0)
    for kind in crds.KINDS:
        assert crds.schema(kind)["properties"]["status"]["properties"]["observedGeneration"]["type"] == "integer"
    assert "observedGeneration" not in answer["status"]


def test_10_an_own_status_that_is_behind_does_no_harm() -> None:
    """The cache may not have the last answer yet: neither are pods removed nor further ones made."""
    world = running()
    early, pods = world.status, world.pods()
    for behind in ({}, {**early, "supervisorStatus": "Starting"}, early):
        world.parent = {**world.parent, "status": behind}
        assert sorted(names_of(world.sync(), "Pod")) == pods


def test_11_a_finished_job_is_answered_until_its_result_is_stored() -> None:
    """Once it is gone, the next answer with it would run it again."""
    ordered = {"number": 1, "image": "flinkctl:1", "bootstrap": JOB_SPEC["bootstrap"]}
    status = {"supervisorStatus": "Starting", "delivery": ordered}
    (made,) = POST.ok("/job/sync", job_body(flink_job(status=status)))["attachments"]
    done = {**applied(made), "status": {"succeeded": 1}}
    assert POST.ok("/job/sync", job_body(flink_job(status=status), [done]))["attachments"] == [made]
    stored = {**status, "jarId": "1_a.jar"}
    assert POST.ok("/job/sync", job_body(flink_job(status=stored), [done]))["attachments"] == []


@pytest.mark.parametrize("body", [b"", b"null", b"{", b'{"parent": {}}', b"[]"])
def test_12_an_error_is_never_a_200(body: bytes) -> None:
    for path in ("/cluster/sync", "/cluster/finalize", "/deployment/sync", "/job/sync", "/job/finalize"):
        status, text = POST(path, body)
        assert status >= 400
        assert len(json.loads(text)["error"]) < 200


def test_13_what_takes_time_is_waited_for_by_asking_again() -> None:
    world = running()
    world.jobs = [flink_job(status={"clusterRevision": STARTED["revision"]})]
    world.edit(runtime={"image": "flink:2.4.0"})
    assert world.sync()["resyncAfterSeconds"] > 0
    assert "resyncAfterSeconds" not in running().answer


def test_14_a_child_that_never_appears_is_named() -> None:
    """A foreign object of its name is in its way, and nobody else says so."""
    world = World(flink_cluster(taskManagers=1))
    world.sync()
    missing = next(name for name in world.pods() if name.startswith("jobmanager"))
    del world.children["Pod", missing]
    world.sync()
    ready = next(item for item in world.status["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["message"]) == ("False", f"waiting for pod {missing} to be there")


def test_15_a_parent_on_its_way_out_is_seen_in_a_sync_too() -> None:
    """Its finalizer may not be on it yet."""
    world = running()
    world.delete("2026-01-01T00:05:00Z")
    world.sync()
    assert world.phase == "Stopping"


def test_16_what_people_shall_know_is_in_a_condition() -> None:
    """A hook has no events."""
    bodies = {
        "/cluster/sync": cluster_body(resource(names.CLUSTER, "demo", {})),
        "/deployment/sync": deployment_body(resource(names.DEPLOYMENT, "demo", {"cluster": {}})),
    }
    for path, body in bodies.items():
        conditions = {item["type"]: item for item in POST.ok(path, body)["status"]["conditions"]}
        assert (conditions["Ready"]["reason"], conditions["Stalled"]["status"]) == ("InvalidSpec", "True")
        assert "Required value" in conditions["Stalled"]["message"]
