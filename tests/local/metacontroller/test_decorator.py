"""What a DecoratorController attaches, and to what. Its status and its end: test_status.py and test_finalize.py."""

from clients.kube.resources import CONFIGMAPS

from .places import THINGS
from .toys import attach

OWNER = "metacontroller.k8s.io/decorator-controller"


def test_attachments_carry_owner_and_annotation_and_come_back_as_observed(world):
    world.hooks.answer("/sync", attach("x"))
    thing = world.thing()
    world.run(world.decorator())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    calls = world.quiet()
    made = world.get(CONFIGMAPS, "x")["metadata"]
    assert made["annotations"][OWNER] == world.name and "labels" not in made
    assert made["ownerReferences"][0]["uid"] == thing["metadata"]["uid"]
    assert world.get(THINGS) == thing, "the target is not touched"
    request = world.calls()[calls - 1]
    assert sorted(request) == ["attachments", "controller", "finalizing", "object", "related"]
    assert list(request["attachments"]["ConfigMap.v1"]) == [f"{world.ns}/x"]


def test_selectors_choose_targets_by_labels_and_annotations(world):
    selector = {
        "labelSelector": {"matchExpressions": [{"key": "kind", "operator": "In", "values": ["good", "fine"]}]},
        "annotationSelector": {"matchAnnotations": {"attach": "yes"}},
    }
    world.hooks.answer("/sync", lambda request: attach("of-" + request["object"]["metadata"]["name"]))
    world.thing("both", labels={"kind": "good"}, annotations={"attach": "yes"})
    world.thing("label", labels={"kind": "good"})
    world.thing("annotation", annotations={"attach": "yes"})
    world.run(world.decorator(selector=selector))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["of-both"])
    world.quiet()
    assert world.names(CONFIGMAPS) == ["of-both"]


def test_removing_the_annotation_finalizes_and_adding_it_back_attaches_again(world):
    selector = {"annotationSelector": {"matchAnnotations": {"attach": "yes"}}}
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer(
        "/finalize", lambda request: attach(finalized=not request["attachments"]["ConfigMap.v1"], status=None)
    )
    world.thing(annotations={"attach": "yes"})
    world.run(world.decorator(finalize=True, selector=selector))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert world.get(THINGS)["metadata"]["finalizers"] == [f"metacontroller.io/decoratorcontroller-{world.name}"]
    world.patch(THINGS, "a", {"metadata": {"annotations": {"attach": None}}})
    world.eventually(lambda: world.names(CONFIGMAPS) == [])
    world.eventually(lambda: not world.get(THINGS)["metadata"].get("finalizers"))
    world.patch(THINGS, "a", {"metadata": {"annotations": {"attach": "yes"}}})
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])


def test_an_object_that_another_decorator_made_is_not_seen(world):
    world.hooks.answer("/sync", attach("x"))
    world.hooks.answer("/other/sync", attach("y"))
    world.thing()
    world.run(world.decorator(), world.decorator(suffix="-2", path="/other"))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.quiet()
    assert list(world.calls("/sync")[-1]["attachments"]["ConfigMap.v1"]) == [f"{world.ns}/x"]
    assert list(world.calls("/other/sync")[-1]["attachments"]["ConfigMap.v1"]) == [f"{world.ns}/y"]
    assert world.names(CONFIGMAPS) == ["x", "y"]
