"""Conformance cases of a DecoratorController."""

from .apis import CONFIGMAPS, NS, THINGS
from .conftest import configmap, eventually

OWNER = "metacontroller.k8s.io/decorator-controller"


def attach(*names, **answer):
    return {"attachments": [configmap(name) for name in names], **answer}


def write_status(world, **status):
    world.api.patch(THINGS, "a", {"status": status}, namespace=NS, subresource="status")


def test_attachments_carry_owner_and_annotation_and_come_back_as_observed(world, decorator):
    world.hooks.answer("/sync", attach("x"))
    thing = world.thing()
    world.run(decorator())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    calls = world.quiet()
    made = world.get(CONFIGMAPS, "x")["metadata"]
    assert made["annotations"][OWNER] == "dc" and "labels" not in made
    assert made["ownerReferences"][0]["uid"] == thing["metadata"]["uid"]
    request = world.calls()[calls - 1]
    assert sorted(request) == ["attachments", "controller", "finalizing", "object", "related"]
    assert list(request["attachments"]["ConfigMap.v1"]) == ["ns/x"]
    assert world.api.writes == [("create", "things", "a"), ("create", "configmaps", "x")], "the target is not touched"


def test_9_with_status_null_a_second_writers_status_is_kept(world, decorator):
    def answer(request):
        if len(world.calls()) == 1:
            write_status(world, theirs=1)
        return attach("x", status=None)

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(decorator())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    assert world.get(THINGS)["status"] == {"theirs": 1}


def test_9_a_stale_status_write_ends_the_sync_silently_and_the_next_event_repairs(world, decorator):
    seen = []

    def answer(request):
        if len(world.calls()) == 1:
            write_status(world, theirs=1)
        seen.append(world.names(CONFIGMAPS))
        return attach("x", status={"theirs": request["object"].get("status", {}).get("theirs", 0), "mine": 1})

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(decorator())
    eventually(lambda: world.get(THINGS).get("status") == {"theirs": 1, "mine": 1})
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert seen[:2] == [[], []], "no attachments in the sync that conflicted"
    assert world.sync_events() == []


def test_labels_and_annotations_are_set_deleted_and_left(world, decorator):
    world.hooks.answer(
        "/sync", attach(labels={"new": "1", "old": None}, annotations={"note": "n"}, status={"s": {"t": 1}})
    )
    world.thing(labels={"old": "1", "other": "1"})
    world.run(decorator())
    eventually(lambda: world.get(THINGS)["metadata"]["labels"] == {"new": "1", "other": "1"})
    world.quiet()
    thing = world.get(THINGS)
    assert thing["metadata"]["annotations"] == {"note": "n"}
    assert thing["status"] == {"s": {"t": 1}}, "without observedGeneration"
    assert world.api.writes[1:] == [("status", "things", "a"), ("replace", "things", "a")]


def test_selectors_choose_targets_by_labels_and_annotations(world, decorator):
    selector = {
        "labelSelector": {"matchExpressions": [{"key": "kind", "operator": "In", "values": ["good", "fine"]}]},
        "annotationSelector": {"matchAnnotations": {"attach": "yes"}},
    }
    world.hooks.answer("/sync", lambda request: attach("of-" + request["object"]["metadata"]["name"]))
    world.thing("both", labels={"kind": "good"}, annotations={"attach": "yes"})
    world.thing("label", labels={"kind": "good"})
    world.thing("annotation", annotations={"attach": "yes"})
    world.run(decorator(selector=selector))
    eventually(lambda: world.names(CONFIGMAPS) == ["of-both"])
    world.quiet()
    assert world.names(CONFIGMAPS) == ["of-both"]


def test_removing_the_annotation_finalizes_and_adding_it_back_attaches_again(world, decorator):
    selector = {"annotationSelector": {"matchAnnotations": {"attach": "yes"}}}
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer(
        "/finalize", lambda request: attach(finalized=not request["attachments"]["ConfigMap.v1"], status=None)
    )
    world.thing(annotations={"attach": "yes"})
    world.run(decorator(finalize=True, selector=selector))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert world.get(THINGS)["metadata"]["finalizers"] == ["metacontroller.io/decoratorcontroller-dc"]
    world.api.patch(THINGS, "a", {"metadata": {"annotations": {"attach": None}}}, namespace=NS)
    eventually(lambda: world.names(CONFIGMAPS) == [])
    eventually(lambda: not world.get(THINGS)["metadata"].get("finalizers"))
    world.api.patch(THINGS, "a", {"metadata": {"annotations": {"attach": "yes"}}}, namespace=NS)
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])


def test_attachments_of_the_answer_that_finalizes_are_still_applied(world, decorator):
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer("/finalize", attach("x", "last", finalized=True))
    world.thing(finalizers=["test/hold"])
    world.run(decorator(finalize=True))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    world.api.delete(THINGS, "a", namespace=NS)
    eventually(lambda: world.names(CONFIGMAPS) == ["last", "x"])
    assert world.get(THINGS)["metadata"]["finalizers"] == ["test/hold"]


def test_an_object_that_another_decorator_made_is_not_seen(world, decorator):
    other = decorator()
    other["metadata"]["name"] = "other"
    other["spec"]["hooks"]["sync"]["webhook"]["path"] = "/other"
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer("/other", attach("y"))
    world.thing()
    world.run(decorator(), other)
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.quiet()
    assert list(world.calls("/sync")[-1]["attachments"]["ConfigMap.v1"]) == ["ns/x"]
    assert list(world.calls("/other")[-1]["attachments"]["ConfigMap.v1"]) == ["ns/y"]
    assert world.names(CONFIGMAPS) == ["x", "y"]
