"""Cases 12 to 16: what is a difference between an observed child and a desired one, and what is done about it."""

import pytest

from clients.kube.resources import CONFIGMAPS, DEPLOYMENTS, JOBS, PODS, SERVICES
from local.metacontroller.guards import EMPTY, HOT_LOOP, RECREATED

from .toys import configmap, deployment, job, pod, service

WORKLOADS = (PODS, SERVICES, DEPLOYMENTS, JOBS)
PORTS = [{"name": "ui", "containerPort": 8081}]
BY_DEFAULT = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]


def tolerant(*tolerations):
    body = pod()
    body["spec"]["tolerations"] = [{"key": "mine", "operator": "Exists"}, *tolerations]
    return body


def run(world, *wanted, method, types=WORKLOADS):
    """A parent with these children; returns once they are there."""
    world.hooks.answer("/sync", {"children": list(wanted), "status": {}})
    world.thing()
    world.run(world.composite(types=types, method=method))
    kinds = {kind.kind: kind for kind in types}
    for item in wanted:
        world.eventually(lambda item=item: item["metadata"]["name"] in world.names(kinds[item["kind"]]))


@pytest.mark.parametrize("method", ["InPlace", "Recreate"])
def test_case_12_what_the_server_fills_in_makes_no_difference(world, method):
    wanted = pod(ports=PORTS), service(), deployment(), job()
    run(world, *wanted, method=method)
    world.quiet()
    before = [world.get(*which) for which in zip(WORKLOADS, "psdj", strict=True)]
    assert world.synced_again() == 1
    assert "imagePullPolicy" in before[0]["spec"]["containers"][0], "the server filled in something"
    assert [world.get(*which) for which in zip(WORKLOADS, "psdj", strict=True)] == before
    if world.local:
        assert sorted(where for method, where in world.place.spy.writes if not where.startswith("things")) == [
            "deployments",
            "jobs",
            "pods",
            "services",
        ], "created, and left alone"


def test_case_13_declared_tolerations_are_recreated_for_ever(world):
    made = world.history(PODS)
    run(world, tolerant(), method="Recreate")
    world.eventually(lambda: len({uid for kind, _, uid, _ in made if kind == "DELETED"}) > 2)
    world.expect(RECREATED)
    world.expect(HOT_LOOP)


def test_case_13_declared_tolerations_with_the_defaults_spelled_out_are_left_alone(world):
    run(world, tolerant(*BY_DEFAULT), method="Recreate")
    before = world.quiet() and world.get(PODS, "p")["metadata"]["uid"]
    assert world.synced_again() == 1
    assert world.get(PODS, "p")["metadata"]["uid"] == before


def _with(kind, path, value):
    *way, last = path
    body = kind()
    place = body
    for step in way:
        place = place[step]
    place[last] = value
    return body


CONTAINER = ("spec", "containers", 0)
UNCLEAN = {
    "empty-list": (_with(pod, (*CONTAINER, "env"), []), [EMPTY]),
    "null": (_with(pod, (*CONTAINER, "env"), None), [EMPTY]),
    "empty-text": (_with(pod, (*CONTAINER, "env"), [{"name": "E", "value": ""}]), [EMPTY]),
    "quantity": (_with(pod, (*CONTAINER, "resources"), {"limits": {"cpu": "1000m"}}), []),
    "float": (_with(deployment, ("spec", "replicas"), 0.0), []),
}


@pytest.mark.parametrize(("unclean", "guards"), UNCLEAN.values(), ids=list(UNCLEAN))
def test_case_14_an_answer_that_is_not_canonical_is_a_difference_for_ever(world, unclean, guards):
    resource = PODS if unclean["kind"] == "Pod" else DEPLOYMENTS
    made = world.history(resource)
    run(world, unclean, method="Recreate")
    world.eventually(lambda: len({uid for kind, _, uid, _ in made if kind == "DELETED"}) > 2)
    for guard in (RECREATED, HOT_LOOP, *guards):
        world.expect(guard)


def test_case_15_foreign_fields_of_a_child_stay_and_own_ones_go(world):
    run(world, configmap("x", mine="1", both="1"), method="InPlace", types=[CONFIGMAPS])
    foreign = {"labels": {"theirs": "1"}, "annotations": {"theirs": "1"}}
    world.patch(CONFIGMAPS, "x", {"metadata": foreign, "data": {"theirs": "2", "both": "2"}})
    world.eventually(lambda: world.get(CONFIGMAPS, "x")["data"]["both"] == "1")
    world.hooks.answer("/sync", {"children": [configmap("x", both="1")], "status": {}})
    world.poke()
    world.eventually(lambda: world.get(CONFIGMAPS, "x")["data"] == {"theirs": "2", "both": "1"})
    metadata = world.get(CONFIGMAPS, "x")["metadata"]
    assert metadata["labels"]["theirs"] == metadata["annotations"]["theirs"] == "1"


def test_case_15_a_foreign_container_of_a_child_stays(world):
    run(world, deployment(), method="InPlace")
    sidecar = {"name": "side", "image": "s:1"}
    patch = [{"op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar}]
    world.patch(DEPLOYMENTS, "d", patch, kind="json")
    world.hooks.answer("/sync", {"children": [deployment(replicas=1)], "status": {}})
    world.poke()
    world.eventually(lambda: world.get(DEPLOYMENTS, "d")["spec"]["replicas"] == 1)
    containers = world.get(DEPLOYMENTS, "d")["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in containers] == ["c", "side"]


def test_case_16_an_immutable_field_fails_while_siblings_and_status_go_on(world):
    run(world, pod(), method="InPlace")
    changed = [pod(args=["--new"]), pod("q"), configmap("x")]
    world.hooks.answer("/sync", {"children": changed, "status": {"step": 2}})
    world.poke()
    world.eventually(lambda: world.names(PODS) == ["p", "q"] and world.names(CONFIGMAPS) == ["x"])
    world.eventually(lambda: (world.status() or {}).get("step") == 2)
    assert "Forbidden" in world.eventually(world.sync_events)[0]["message"]
    assert "args" not in world.get(PODS, "p")["spec"]["containers"][0]


def test_types_go_by_group_and_deletes_before_creates(local):
    """Only here, where the writes can be seen."""
    run(local, configmap("x"), method="InPlace", types=[CONFIGMAPS, PODS])
    local.quiet()
    local.place.spy.writes.clear()
    wanted = [pod("q"), pod("p"), configmap("z"), configmap("y")]
    local.hooks.answer("/sync", {"children": wanted, "status": {}})
    local.poke()
    local.eventually(lambda: local.names(PODS) == ["p", "q"])
    local.quiet()
    writes = [write for write in local.place.spy.writes if not write[1].startswith("things")]
    assert writes == [("DELETE", "configmaps/x"), *[("POST", "configmaps")] * 2, *[("POST", "pods")] * 2]
