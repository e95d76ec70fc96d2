"""Cases 1 to 7: what a composite hook is asked, and what its answers do."""

import datetime
import email.utils
import threading

import pytest

from clients.kube.resources import CONFIGMAPS, PODS

from .toys import children, configmap

APPLIED = "metacontroller.k8s.io/last-applied-configuration"


def test_case_01_children_get_owner_label_and_annotation_and_then_it_is_quiet(world):
    world.hooks.answer("/sync", children("x", "y", "z"))
    thing = world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y", "z"])
    world.quiet()
    made = world.get(CONFIGMAPS, "x")["metadata"]
    assert made["ownerReferences"] == [
        {
            "apiVersion": "example.org/v1",
            "kind": "Thing",
            "name": "a",
            "uid": thing["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert made["labels"] == {"controller-uid": thing["metadata"]["uid"]}
    assert "ownerReferences" not in made["annotations"][APPLIED]
    assert '"controller-uid"' in made["annotations"][APPLIED]
    assert world.status() == {"seen": True, "observedGeneration": 1}
    assert world.synced_again() == 1
    assert world.get(CONFIGMAPS, "x")["metadata"] == made
    request = world.calls()[-1]
    assert sorted(request) == ["children", "controller", "finalizing", "parent", "related"]
    assert sorted(request["children"]["ConfigMap.v1"]) == [f"{world.ns}/{name}" for name in "xyz"]
    assert request["related"] == {} and request["finalizing"] is False


def test_case_02_a_child_dropped_from_the_answer_is_deleted_and_the_others_stay(world):
    world.hooks.answer("/sync", children("x", "y", "z"))
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y", "z"])
    kept = world.get(CONFIGMAPS, "x")
    world.hooks.answer("/sync", children("x", "z"))
    world.poke()
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "z"])
    world.quiet()
    assert world.get(CONFIGMAPS, "x") == kept
    assert sorted(world.calls()[-1]["children"]["ConfigMap.v1"]) == [f"{world.ns}/x", f"{world.ns}/z"]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("answer", [{}, None])
def test_case_03_an_empty_answer_deletes_every_child_and_the_status(world, version, answer):
    world.hooks.answer("/sync", children("x", "y"))
    world.thing()
    world.run(world.composite(version))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.hooks.answer("/sync", answer)
    world.poke()
    world.eventually(lambda: world.names(CONFIGMAPS) == [])
    world.eventually(lambda: world.status() == {"observedGeneration": 1})
    assert world.sync_events() == []


def test_case_04_an_unknown_field_is_ignored_where_loose_and_an_error_where_strict(world):
    world.hooks.answer("/sync", children("x", error="boom"))
    world.thing()
    stop = world.run(world.composite("v1"))
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    stop()
    world.hooks.answer("/sync", {"error": "boom"})
    world.run(world.composite("v2", suffix="-2"))
    event = world.eventually(world.sync_events)[0]
    assert "error" in event["message"] and event["type"] == "Warning"
    assert world.names(CONFIGMAPS) == ["x"], "nothing of such an answer is applied"
    assert world.status()["seen"] is True


def test_case_05_a_null_child_is_an_error_that_says_what_it_would_do(local):
    """Only here: the real process would end, with all its controllers."""
    local.hooks.answer("/sync", {"status": {"x": 1}, "children": [None, configmap("x")]})
    local.thing()
    local.run(local.composite())
    event = local.eventually(local.sync_events)[0]
    assert "would crash Metacontroller" in event["message"]
    assert local.names(CONFIGMAPS) == [] and local.status() is None


@pytest.mark.parametrize(
    "bad",
    [(500, {}, b"no database"), (204, {}, b""), (200, {}, b"<html>"), (200, {}, b""), (200, {}, b"[]"), "nothing"],
    ids=["500", "204", "html", "empty", "list", "time-out"],
)
def test_case_06_an_unusable_answer_changes_nothing_and_is_tried_again_until_it_is_good(world, bad):
    answers = iter([bad] * 4)

    def answer(request):
        found = next(answers, children("x"))
        if found == "nothing":
            release.wait(world.place.patience)
        return found

    release = threading.Event()
    world.hooks.answer("/sync", answer)
    thing = world.thing()
    world.run(world.composite(webhook={"timeout": "300ms"} if bad == "nothing" else {}))
    events = world.eventually(world.sync_events)
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    release.set()
    assert events[0]["involvedObject"]["uid"] == thing["metadata"]["uid"]
    assert events[0]["message"].startswith("Sync error: ")
    assert len(world.calls()) >= 5
    assert "status" not in world.calls()[4]["parent"], "nothing was written before"


def _in_two_seconds():
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    return email.utils.format_datetime(moment.replace(microsecond=0), usegmt=True)


@pytest.mark.parametrize(
    ("header", "least"),
    [(lambda: {"Retry-After": "1"}, 0.95), (lambda: {"Retry-After": _in_two_seconds()}, 0.9), (dict, 0.0)],
    ids=["seconds", "date", "nothing"],
)
def test_case_07_a_429_is_no_failure_and_says_when_to_come_again(world, header, least):
    """Whose delay is 0 is tried again at once; the clock of the delays is test_queue.py's."""
    answers = iter([(429, header(), b"slow down")] * (1 if least else 3))
    world.hooks.answer("/sync", lambda request: next(answers, children("x")))
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    first, second = world.hooks.calls("/sync")[:2]
    assert second.at - first.at >= least
    assert world.sync_events() == []


def test_v1_keys_are_bare_names_and_every_type_is_present(world):
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(world.composite("v1", types=[PODS]))
    world.eventually(lambda: any(list(call["children"]["ConfigMap.v1"]) == ["x"] for call in world.calls()))
    assert all(call["children"]["Pod.v1"] == {} for call in world.calls())


def test_a_changed_child_wakes_only_its_parent(world):
    world.hooks.answer("/sync", lambda request: children("of-" + request["parent"]["metadata"]["name"]))
    world.thing("a")
    world.thing("b")
    world.run(world.composite())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["of-a", "of-b"])
    calls = world.quiet()
    world.delete(CONFIGMAPS, "of-b")
    world.synced_after(calls)
    world.eventually(lambda: world.names(CONFIGMAPS) == ["of-a", "of-b"])
    world.quiet()
    assert {call["parent"]["metadata"]["name"] for call in world.calls()[calls:]} == {"b"}


def test_a_type_that_is_not_served_is_an_error_and_the_rest_goes_on(world):
    odd = {"apiVersion": "example.org/v9", "kind": "Odd", "metadata": {"name": "o"}}
    world.hooks.answer("/sync", {"children": [odd, configmap("x")], "status": {"seen": True}})
    world.thing()
    world.run(world.composite())
    assert "Odd" in world.eventually(world.sync_events)[0]["message"]
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"] and (world.status() or {}).get("seen"))
    world.expected.add("child never observed")
