"""Cases 17 to 21: how children come and go, and whose a child is."""

import pytest

from clients.kube.resources import CONFIGMAPS, PODS
from local.metacontroller.guards import NEVER_OBSERVED

from .places import GADGETS
from .toys import children, configmap, pod

HOLD = "example.org/hold"


def test_case_17_recreate_deletes_once_and_creates_when_the_old_one_is_really_gone(world):
    held = pod()
    held["metadata"]["finalizers"] = [HOLD]
    world.hooks.answer("/sync", {"children": [held], "status": {}})
    world.thing()
    world.run(world.composite(types=[PODS], method="Recreate"))
    world.eventually(lambda: world.names(PODS) == ["p"])
    world.quiet()
    old, made = world.get(PODS, "p")["metadata"]["uid"], world.history(PODS)
    world.hooks.answer("/sync", {"children": [pod(image="i:2")], "status": {}})
    world.poke()
    world.eventually(lambda: "deletionTimestamp" in world.get(PODS, "p")["metadata"])
    assert world.synced_again() == 1
    assert f"{world.ns}/p" in world.calls()[-1]["children"]["Pod.v1"], "the hook still sees what is going"
    assert {kind for kind, *_ in made} == {"MODIFIED"}, "neither gone nor made again"
    world.patch(PODS, "p", {"metadata": {"finalizers": None}})
    world.eventually(lambda: [kind for kind, *_ in made if kind != "MODIFIED"] == ["DELETED", "ADDED"])
    pod_now = world.get(PODS, "p")
    assert pod_now["metadata"]["uid"] != old
    assert pod_now["spec"]["containers"][0]["image"] == "i:2"


def test_case_18_on_delete_leaves_a_changed_child_until_somebody_deletes_it(world):
    world.hooks.answer("/sync", {"children": [pod(image="i:1")], "status": {}})
    world.thing()
    world.run(world.composite(types=[PODS], method="OnDelete"))
    world.eventually(lambda: world.names(PODS) == ["p"])
    world.quiet()
    world.hooks.answer("/sync", {"children": [pod(image="i:2")], "status": {}})
    world.synced_again()
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:1"
    world.delete(PODS, "p")
    world.eventually(lambda: world.names(PODS) == ["p"])
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:2"


def test_case_19_a_name_that_somebody_else_has_is_passed_over_in_silence(world):
    foreign = world.create(CONFIGMAPS, configmap("x", theirs="1"))
    world.hooks.answer("/sync", children("x", "y"))
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.synced_again()
    assert world.get(CONFIGMAPS, "x") == foreign
    assert list(world.calls()[-1]["children"]["ConfigMap.v1"]) == [f"{world.ns}/y"]
    assert world.sync_events() == []
    world.expect(NEVER_OBSERVED)


def test_case_20_a_child_that_loses_the_label_is_released_and_never_comes_back(world):
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    world.patch(CONFIGMAPS, "x", {"metadata": {"labels": None}})
    world.eventually(lambda: not world.get(CONFIGMAPS, "x")["metadata"].get("ownerReferences"))
    world.synced_again()
    assert world.calls()[-1]["children"]["ConfigMap.v1"] == {}
    assert world.sync_events() == []
    world.expect(NEVER_OBSERVED)


def test_case_20_a_foreign_controller_uid_in_the_answer_fails_the_whole_sync(world):
    copied = {**configmap("y"), "metadata": {"name": "y", "labels": {"controller-uid": "other"}}}
    world.hooks.answer("/sync", {"children": [configmap("x"), copied], "status": {"seen": True}})
    world.thing()
    world.run(world.composite())
    assert "parent selector" in world.eventually(world.sync_events)[0]["message"]
    assert world.names(CONFIGMAPS) == [] and world.status() is None


@pytest.mark.parametrize("returned", [True, False], ids=["returned", "not-returned"])
def test_case_21_an_orphan_with_the_labels_is_adopted_and_deleted_if_it_is_not_returned(world, returned):
    labelled = {**configmap("x"), "metadata": {"name": "x", "labels": {"app": "a"}}}
    orphan = world.create(CONFIGMAPS, labelled)
    world.hooks.answer("/sync", {"children": [labelled] if returned else [], "status": {}})
    thing = world.thing(spec={"selector": {"matchLabels": {"app": "a"}}})
    world.run(world.composite(generateSelector=False))
    if returned:
        world.eventually(lambda: world.get(CONFIGMAPS, "x")["metadata"].get("ownerReferences"))
        adopted = world.get(CONFIGMAPS, "x")["metadata"]
        assert adopted["uid"] == orphan["metadata"]["uid"]
        assert adopted["ownerReferences"][0]["uid"] == thing["metadata"]["uid"]
    else:
        world.eventually(lambda: world.names(CONFIGMAPS) == [])


def test_a_type_that_is_not_declared_is_created_and_never_seen(world):
    world.hooks.answer("/sync", {"children": [pod()], "status": {}})
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(PODS) == ["p"])
    world.expect(NEVER_OBSERVED)
    world.hooks.answer("/sync", {"children": [], "status": {}})
    world.synced_again()
    assert world.names(PODS) == ["p"]


def test_two_controllers_chain_a_child_is_the_others_parent(world):

    first = world.composite(types=[GADGETS])
    second = world.composite(suffix="-2", path="/second", types=[PODS])
    second["spec"]["parentResource"]["resource"] = "gadgets"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"n": 1}}

    def answer(request):
        found = request["children"]["Gadget.example.org/v1"].values()
        return {"children": [gadget], "status": {"below": [item.get("status", {}) for item in found]}}

    world.hooks.answer("/sync", answer)
    world.hooks.answer("/second/sync", {"children": [pod()], "status": {"ready": True}})
    world.thing()
    world.run(first, second)
    world.eventually(lambda: world.names(PODS) == ["p"])
    below = [{"observedGeneration": 1, "ready": True}]
    world.eventually(lambda: (world.status() or {}).get("below") == below)
