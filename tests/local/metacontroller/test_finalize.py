"""Cases 22 and 23: how a parent goes."""

from clients.kube.resources import CONFIGMAPS
from local.metacontroller.guards import HOT_LOOP

from .places import THINGS
from .toys import attach, children, configmap

HOLD = "example.org/hold"


def finalizers(world, name="a"):
    return world.get(THINGS, name)["metadata"].get("finalizers", [])


def test_case_22_finalize_tears_down_in_order_and_only_then_the_parent_goes(world):
    def finalize(request):
        left = sorted(request["children"]["ConfigMap.v1"])
        keep = ["x"] if len(left) == 2 else []
        return {"status": {}, "children": [configmap(name) for name in keep], "finalized": not left}

    world.hooks.answer("/sync", children("x", "y"))
    world.hooks.answer("/finalize", finalize)
    world.thing()
    world.run(world.composite(finalize=True))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    assert finalizers(world) == [f"metacontroller.io/compositecontroller-{world.name}"]
    world.quiet()
    gone = world.history(CONFIGMAPS)
    world.delete(THINGS)
    world.eventually(lambda: world.names(THINGS) == [])
    assert world.names(CONFIGMAPS) == []
    world.eventually(lambda: [name for kind, name, *_ in gone if kind == "DELETED"] == ["y", "x"])
    assert {call["finalizing"] for call in world.calls("/finalize")} == {True}
    assert {call["finalizing"] for call in world.calls("/sync")} == {False}


def test_case_22_a_failing_finalize_hook_holds_the_parent(world):
    world.hooks.answer("/sync", children("x"))
    answers = iter([(500, {}, b"not yet")] * 3)
    world.hooks.answer("/finalize", lambda request: next(answers, {"children": [], "finalized": True}))
    world.thing()
    world.run(world.composite(finalize=True))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.delete(THINGS)
    world.eventually(lambda: world.names(THINGS) == [])
    assert len(world.calls("/finalize")) >= 4


def test_case_22_calls_may_repeat_after_finalized(world):
    """Somebody else still holds the parent: each of its events asks the hook once more, and the children stay gone."""
    world.hooks.answer("/sync", children("x"))
    world.hooks.answer(
        "/finalize", lambda request: {"children": [], "finalized": not request["children"]["ConfigMap.v1"]}
    )
    world.thing(finalizers=[HOLD])
    world.run(world.composite(finalize=True))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.delete(THINGS)
    world.eventually(lambda: finalizers(world) == [HOLD])
    world.quiet()
    calls = len(world.calls("/finalize"))
    world.poke()
    world.quiet()
    assert len(world.calls("/finalize")) - calls in (0, 1)
    assert world.names(CONFIGMAPS) == []
    world.patch(THINGS, "a", {"metadata": {"finalizers": None}})
    world.eventually(lambda: world.names(THINGS) == [])


def test_case_22_under_foreground_deletion_the_hook_is_asked_and_children_are_left_to_the_collector(world):
    """Until the collector is done: what the hook wants is heard again then."""
    held = configmap("x")
    held["metadata"]["finalizers"] = [HOLD]
    world.hooks.answer("/sync", {"children": [held], "status": {}})
    world.hooks.answer(
        "/finalize", lambda request: children("last", finalized=bool(request["children"]["ConfigMap.v1"].get(last)))
    )
    last = f"{world.ns}/last"
    world.thing()
    world.run(world.composite(finalize=True))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    world.delete(THINGS, propagation="Foreground")
    world.eventually(lambda: "deletionTimestamp" in world.get(CONFIGMAPS, "x")["metadata"])
    world.synced_after(0, "/finalize")
    world.quiet()
    assert world.names(CONFIGMAPS) == ["x"]
    world.patch(CONFIGMAPS, "x", {"metadata": {"finalizers": None}})
    world.synced_after(1, "/finalize")
    world.eventually(lambda: world.names(THINGS) == [])
    seen = [call["children"]["ConfigMap.v1"] for call in world.calls("/finalize")]
    assert any(children.get(last) for children in seen), "it was made at last"


def test_case_23_finalized_in_the_answer_of_a_sync_is_obeyed_and_loops(world):
    world.hooks.answer("/sync", children("x", finalized=True))
    world.hooks.answer("/finalize", {"children": [], "finalized": True})
    world.thing()
    world.run(world.composite(finalize=True))
    world.synced_after(5)
    world.expect(HOT_LOOP)
    assert world.sync_events() == []


def test_without_a_finalize_hook_a_terminating_parent_is_synced_and_its_children_left_alone(world):
    world.hooks.answer("/sync", children("x"))
    world.thing(finalizers=[HOLD, f"metacontroller.io/compositecontroller-{world.name}"])
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert finalizers(world) == [HOLD], "ours is taken off: there is no hook for it"
    calls = world.quiet()
    world.hooks.answer("/sync", {})
    world.delete(THINGS)
    world.synced_after(calls)
    world.quiet()
    assert world.calls()[-1]["finalizing"] is False
    assert world.names(CONFIGMAPS) == ["x"]


def test_a_parent_that_stops_matching_is_finalized(world):
    controller = world.composite(finalize=True)
    controller["spec"]["parentResource"]["labelSelector"] = {"matchLabels": {"on": "1"}}
    world.hooks.answer("/sync", children("x"))
    world.hooks.answer("/finalize", {"children": [], "finalized": True})
    world.thing("b")
    world.thing("a", labels={"on": "1"})
    world.run(controller)
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.patch(THINGS, "a", {"metadata": {"labels": None}})
    world.eventually(lambda: not finalizers(world))
    assert {call["parent"]["metadata"]["name"] for call in world.calls()} == {"a"}


def test_attachments_of_the_answer_that_finalizes_are_still_applied(world):
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer("/finalize", attach("x", "last", finalized=True))
    world.thing(finalizers=[HOLD])
    world.run(world.decorator(finalize=True))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    world.delete(THINGS)
    world.eventually(lambda: world.names(CONFIGMAPS) == ["last", "x"])
    assert finalizers(world) == [HOLD]
