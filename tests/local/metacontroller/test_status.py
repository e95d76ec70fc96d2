"""Cases 8 to 11: who may write a status, and what it costs when it never compares equal."""

import pytest

from clients.kube import Invalid
from clients.kube.resources import CONFIGMAPS
from local.metacontroller.guards import HOT_LOOP

from .places import THINGS
from .toys import attach, children


def test_case_08_what_a_second_writer_puts_into_the_status_of_a_composite_is_lost(world):
    def answer(request):
        if len(world.calls()) == 1:
            world.write_status(theirs=1)
        return children("x")

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(world.composite(ignore_status=True))
    world.eventually(lambda: world.status() == {"seen": True, "observedGeneration": 1})


def test_case_08_conflicts_that_do_not_end_are_a_success_and_drop_the_error_of_the_children(local):
    """Only here: each write is overtaken."""

    def before(method, path, body):
        if path.endswith("/things/a/status"):
            local.poke()
        if method == "POST" and path.endswith("/configmaps"):
            raise Invalid(422, "Invalid", "no such configmaps")

    local.place.spy.before = before
    local.hooks.answer("/sync", children("x"))
    local.thing()
    local.run(local.composite())
    local.synced_after(3)
    assert ("PUT", "things/a/status") not in local.place.spy.writes
    assert local.sync_events() == []


def test_case_09_with_status_null_a_second_writers_status_is_kept_by_a_decorator(world):
    def answer(request):
        if len(world.calls()) == 1:
            world.write_status(theirs=1)
        return attach("x", status=None)

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(world.decorator())
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    assert world.status() == {"theirs": 1}


def test_case_09_a_stale_status_write_ends_a_decorators_sync_silently_and_the_next_event_repairs(world):
    seen = []

    def answer(request):
        if len(world.calls()) == 1:
            world.write_status(theirs=1)
        seen.append(world.names(CONFIGMAPS))
        return attach("x", status={"theirs": request["object"].get("status", {}).get("theirs", 0), "mine": 1})

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(world.decorator())
    world.eventually(lambda: world.status() == {"theirs": 1, "mine": 1})
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert seen[:2] == [[], []], "no attachments in the sync that conflicted"
    assert world.sync_events() == []


ODD = {"text": None, "b": 1.0}
STATUSES = [
    (None, {"observedGeneration": 1}),
    (ODD, {"b": 1, "observedGeneration": 1}),
    ({"observedGeneration": 77, "deep": {"x": [{"y": 1}]}}, {"observedGeneration": 1, "deep": {"x": [{"y": 1}]}}),
]


@pytest.mark.parametrize(("status", "stored"), STATUSES, ids=["null", "odd-members", "own-generation"])
def test_case_10_a_status_that_never_compares_equal_costs_one_write_per_sync_and_no_loop(world, status, stored):
    world.hooks.answer("/sync", {"children": [], "status": status})
    world.thing()
    world.run(world.composite())
    world.eventually(lambda: world.status() == stored)
    assert world.synced_again() == 1
    if world.local:
        writes = world.place.spy.writes
        before = len(writes)
        world.synced_again()
        assert writes[before:] == [("PUT", "things/a/status")] * (status is ODD)


def test_case_11_a_status_that_counts_is_a_hot_loop(world):
    world.hooks.answer("/sync", lambda request: {"children": [], "status": {"n": len(world.calls())}})
    world.thing()
    world.run(world.composite())
    world.synced_after(10)
    world.expect(HOT_LOOP)


def test_case_11_a_status_that_counts_is_no_loop_if_status_changes_are_ignored(world):
    world.hooks.answer("/sync", lambda request: {"children": [], "status": {"n": len(world.calls())}})
    world.thing()
    world.run(world.composite(ignore_status=True))
    world.eventually(world.status)
    assert world.synced_again() == 1


def test_a_decorator_injects_no_generation_and_sets_deletes_and_leaves_labels_and_annotations(world):
    labels, annotations = {"new": "1", "old": None}, {"note": "n"}
    world.hooks.answer("/sync", attach(labels=labels, annotations=annotations, status={"s": {"t": 1}}))
    world.thing(labels={"old": "1", "other": "1"})
    world.run(world.decorator())
    world.eventually(lambda: world.get(THINGS)["metadata"]["labels"] == {"new": "1", "other": "1"})
    world.quiet()
    assert world.get(THINGS)["metadata"]["annotations"] == {"note": "n"}
    assert world.status() == {"s": {"t": 1}}
