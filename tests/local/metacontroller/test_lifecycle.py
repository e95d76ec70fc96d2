"""Conformance cases of a CompositeController: how children and parents go, and whose a child is."""

import pytest

from .apis import CONFIGMAPS, NS, PODS, THINGS
from .conftest import children, configmap, eventually, pod


def test_17_recreate_deletes_once_and_creates_when_the_old_one_is_really_gone(world, composite):
    world.hooks.answer("/sync", {"children": [{**pod(), "metadata": {"name": "p", "finalizers": ["test/hold"]}}]})
    world.thing()
    world.run(composite(children=[PODS], method="Recreate"))
    eventually(lambda: world.names(PODS) == ["p"])
    world.quiet()
    old = world.get(PODS, "p")["metadata"]["uid"]
    world.hooks.answer("/sync", {"children": [pod(image="i:2")], "status": {}})
    world.poke()
    eventually(lambda: "deletionTimestamp" in world.get(PODS, "p")["metadata"])
    calls = world.quiet()
    world.poke()
    world.synced_after(calls)
    world.quiet()
    assert "ns/p" in world.calls()[-1]["children"]["Pod.v1"], "the hook still sees what is going"
    assert [write for write in world.api.writes if write[0] == "delete"] == [("delete", "pods", "p")]
    world.api.patch(PODS, "p", {"metadata": {"finalizers": None}}, namespace=NS)
    eventually(lambda: "p" in world.names(PODS) and world.get(PODS, "p")["metadata"]["uid"] != old)
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:2"


def test_18_on_delete_leaves_a_changed_child_until_somebody_deletes_it(world, composite):
    world.hooks.answer("/sync", {"children": [pod(image="i:1")], "status": {}})
    world.thing()
    world.run(composite(children=[PODS], method="OnDelete"))
    eventually(lambda: world.names(PODS) == ["p"])
    calls = world.quiet()
    world.hooks.answer("/sync", {"children": [pod(image="i:2")], "status": {}})
    world.poke()
    world.synced_after(calls)
    world.quiet()
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:1"
    world.api.delete(PODS, "p", namespace=NS)
    eventually(lambda: world.names(PODS) == ["p"])
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:2"


def test_20_a_child_that_loses_the_label_is_released_and_never_comes_back(world, composite):
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.api.patch(CONFIGMAPS, "x", {"metadata": {"labels": None}}, namespace=NS)
    eventually(lambda: not world.get(CONFIGMAPS, "x")["metadata"].get("ownerReferences"))
    calls = world.quiet()
    world.poke()
    world.synced_after(calls)
    assert world.calls()[-1]["children"]["ConfigMap.v1"] == {}
    assert world.sync_events() == []


def test_20_a_foreign_controller_uid_in_the_answer_fails_the_whole_sync(world, composite):
    copied = {**configmap("y"), "metadata": {"name": "y", "labels": {"controller-uid": "other"}}}
    world.hooks.answer("/sync", {"children": [configmap("x"), copied], "status": {"seen": True}})
    world.thing()
    world.run(composite())
    assert "don't match parent selector" in eventually(world.sync_events)[0]["message"]
    assert world.names(CONFIGMAPS) == [] and "status" not in world.get(THINGS)


@pytest.mark.parametrize("returned", [True, False])
def test_21_an_orphan_with_the_labels_is_adopted_and_deleted_if_it_is_not_returned(world, composite, returned):
    labelled = {**configmap("x"), "metadata": {"name": "x", "labels": {"app": "a"}}}
    orphan = world.api.create(CONFIGMAPS, labelled, namespace=NS)
    world.hooks.answer("/sync", {"children": [labelled] if returned else [], "status": {}})
    thing = world.thing()
    world.api.patch(THINGS, "a", {"spec": {"selector": {"matchLabels": {"app": "a"}}}}, namespace=NS)
    world.run(composite(generateSelector=False))
    if returned:
        eventually(lambda: world.get(CONFIGMAPS, "x")["metadata"].get("ownerReferences"))
        adopted = world.get(CONFIGMAPS, "x")["metadata"]
        assert adopted["uid"] == orphan["metadata"]["uid"]
        assert adopted["ownerReferences"][0]["uid"] == thing["metadata"]["uid"]
    else:
        eventually(lambda: world.names(CONFIGMAPS) == [])


def test_22_finalize_tears_down_in_order_and_only_then_the_parent_goes(world, composite):
    def finalize(request):
        left = sorted(request["children"]["ConfigMap.v1"])
        keep = {2: ["x"], 1: []}.get(len(left), [])
        return {"status": {}, "children": [configmap(name) for name in keep], "finalized": not left}

    world.hooks.answer("/sync", children("x", "y"))
    world.hooks.answer("/finalize", finalize)
    world.thing()
    world.run(composite(finalize=True))
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    assert world.get(THINGS)["metadata"]["finalizers"] == ["metacontroller.io/compositecontroller-cc"]
    world.quiet()
    world.api.delete(THINGS, "a", namespace=NS)
    eventually(lambda: world.names(THINGS) == [])
    assert world.names(CONFIGMAPS) == []
    assert [write[2] for write in world.api.writes if write[:2] == ("delete", "configmaps")] == ["y", "x"]
    assert {call["finalizing"] for call in world.calls("/finalize")} == {True}
    assert {call["finalizing"] for call in world.calls("/sync")} == {False}


def test_22_a_failing_finalize_hook_holds_the_parent(world, composite):
    world.hooks.answer("/sync", children("x"))
    answers = iter([(500, {}, b"not yet")] * 3)
    world.hooks.answer("/finalize", lambda request: next(answers, {"children": [], "finalized": True}))
    world.thing()
    world.run(composite(finalize=True))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.api.delete(THINGS, "a", namespace=NS)
    eventually(lambda: world.names(THINGS) == [])
    assert len(world.calls("/finalize")) >= 4


def test_22_under_foreground_deletion_the_hook_is_asked_and_children_are_left_to_the_collector(memory, composite):
    world = memory
    world.hooks.answer("/sync", children("x"))
    world.hooks.answer("/finalize", lambda request: {"children": [], "finalized": len(world.calls("/finalize")) > 1})
    world.thing()
    world.run(composite(finalize=True))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.api.delete(THINGS, "a", namespace=NS, propagation="Foreground")
    world.synced_after(0, "/finalize")
    world.quiet()
    world.poke()
    eventually(lambda: world.get(THINGS)["metadata"]["finalizers"] == ["foregroundDeletion"])
    world.quiet()
    assert world.names(CONFIGMAPS) == ["x"]


def test_without_a_finalize_hook_a_terminating_parent_is_synced_and_its_children_left_alone(world, composite):
    world.hooks.answer("/sync", children("x"))
    world.thing(finalizers=["test/hold", "metacontroller.io/compositecontroller-cc"])
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert world.get(THINGS)["metadata"]["finalizers"] == ["test/hold"], "ours is taken off: there is no hook for it"
    calls = world.quiet()
    world.hooks.answer("/sync", {})
    world.api.delete(THINGS, "a", namespace=NS)
    world.synced_after(calls)
    world.quiet()
    assert world.calls()[-1]["finalizing"] is False
    assert world.names(CONFIGMAPS) == ["x"]


def test_a_parent_that_stops_matching_is_finalized(world, composite):
    cc = composite(finalize=True)
    cc["spec"]["parentResource"]["labelSelector"] = {"matchLabels": {"on": "1"}}
    world.hooks.answer("/sync", children("x"))
    world.hooks.answer("/finalize", {"children": [], "finalized": True})
    world.thing("b")
    world.thing("a", labels={"on": "1"})
    world.run(cc)
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.api.patch(THINGS, "a", {"metadata": {"labels": None}}, namespace=NS)
    eventually(lambda: not world.get(THINGS)["metadata"].get("finalizers"))
    assert {call["parent"]["metadata"]["name"] for call in world.calls()} == {"a"}


def test_23_finalized_in_the_answer_of_a_sync_is_obeyed_and_loops(world, composite):
    world.hooks.answer("/sync", children("x", finalized=True))
    world.hooks.answer("/finalize", {"children": [], "finalized": True})
    world.thing()
    world.run(composite(finalize=True))
    world.synced_after(5)
    assert world.sync_events() == []
