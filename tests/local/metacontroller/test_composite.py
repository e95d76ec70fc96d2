"""Conformance cases of a CompositeController: a loop between an API and toy hooks over HTTP."""

import threading

import pytest

from clients.kube import resources

from .apis import CONFIGMAPS, NS, PODS, THINGS
from .conftest import children, configmap, eventually, pod

APPLIED = "metacontroller.k8s.io/last-applied-configuration"


def test_1_children_are_created_with_owner_label_and_annotation_and_then_it_is_quiet(world, composite):
    world.hooks.answer("/sync", children("x", "y", "z"))
    thing = world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y", "z"])
    calls = world.quiet()
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
    assert world.get(THINGS)["status"] == {"seen": True, "observedGeneration": 1}
    world.poke()
    world.synced_after(calls)
    assert world.quiet() == calls + 1
    assert [write for write in world.api.writes if write[1] == "configmaps"] == [
        ("create", "configmaps", name) for name in "xyz"
    ]
    request = world.calls()[-1]
    assert sorted(request) == ["children", "controller", "finalizing", "parent", "related"]
    assert sorted(request["children"]["ConfigMap.v1"]) == ["ns/x", "ns/y", "ns/z"]
    assert request["related"] == {} and request["finalizing"] is False


def test_2_a_child_dropped_from_the_answer_is_deleted_and_the_others_stay(world, composite):
    world.hooks.answer("/sync", children("x", "y", "z"))
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y", "z"])
    kept = world.get(CONFIGMAPS, "x")
    world.hooks.answer("/sync", children("x", "z"))
    world.poke()
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "z"])
    world.quiet()
    assert world.get(CONFIGMAPS, "x") == kept
    assert sorted(world.calls()[-1]["children"]["ConfigMap.v1"]) == ["ns/x", "ns/z"]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("answer", [{}, None])
def test_3_an_empty_answer_deletes_every_child_and_the_status(world, composite, version, answer):
    world.hooks.answer("/sync", children("x", "y"))
    world.thing()
    world.run(composite(version))
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.hooks.answer("/sync", answer)
    world.poke()
    eventually(lambda: world.names(CONFIGMAPS) == [])
    eventually(lambda: world.get(THINGS).get("status") == {"observedGeneration": 1})
    assert world.sync_events() == []


def test_3_v1_keys_are_bare_names_and_every_type_is_present(world, composite):
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(composite("v1", children=[PODS]))
    eventually(lambda: any(list(call["children"]["ConfigMap.v1"]) == ["x"] for call in world.calls()))
    assert all(call["children"]["Pod.v1"] == {} for call in world.calls())


def test_4_an_unknown_field_is_ignored_in_v1_and_an_error_in_v2(world, composite):
    world.hooks.answer("/sync", children("x", error="boom"))
    world.thing()
    loop = world.run(composite("v1"))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    loop.stop()
    world.hooks.answer("/sync", {"error": "boom"})
    world.run(composite("v2"))
    (event,) = eventually(world.sync_events)
    assert "strict" in event["message"] and event["type"] == "Warning"
    assert world.names(CONFIGMAPS) == ["x"], "nothing of such an answer is applied"


def test_5_a_null_child_is_an_error_that_says_what_it_would_do(world, composite):
    world.hooks.answer("/sync", {"status": {"x": 1}, "children": [None, configmap("x")]})
    world.thing()
    world.run(composite())
    (event,) = eventually(world.sync_events)
    assert "would crash Metacontroller" in event["message"]
    assert world.names(CONFIGMAPS) == [] and "status" not in world.get(THINGS)


@pytest.mark.parametrize(
    "bad", [(500, {}, b"no database"), (204, {}, b""), (200, {}, b"<html>"), (200, {}, b""), (200, {}, b"[]")]
)
def test_6_an_unusable_answer_changes_nothing_and_is_tried_again_until_it_is_good(world, composite, bad):
    answers = iter([bad] * 4)
    world.hooks.answer("/sync", lambda request: next(answers, children("x")))
    thing = world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    (event,) = world.sync_events()
    assert event["involvedObject"]["uid"] == thing["metadata"]["uid"]
    assert event["message"].startswith("Sync error: ") and event["count"] == 4
    assert [write for write in world.api.writes if write[1] != "things"] == [("create", "configmaps", "x")]


def test_7_a_429_is_no_failure_and_has_no_event(world, composite):
    answers = iter([(429, {}, b"slow down")] * 3)
    world.hooks.answer("/sync", lambda request: next(answers, children("x")))
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    assert world.sync_events() == []


def test_8_what_a_second_writer_puts_into_the_status_is_lost(world, composite):
    def answer(request):
        if len(world.calls()) == 1:
            world.api.patch(THINGS, "a", {"status": {"theirs": 1}}, namespace=NS, subresource="status")
        return children("x")

    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(composite(ignore_status=True))
    eventually(lambda: world.get(THINGS).get("status") == {"seen": True, "observedGeneration": 1})
    assert ("status", "things", "a") in world.api.writes


def test_8_conflicts_that_do_not_end_are_a_success_and_drop_the_error_of_the_children(world, composite):
    def before_write(verb, resource, obj):
        if verb == "status" and resource == THINGS:
            world.api.patch(THINGS, "a", {"metadata": {"annotations": {"n": str(len(world.api.writes))}}}, namespace=NS)
        if verb == "create" and resource == CONFIGMAPS:
            raise world.invalid("no such configmaps")

    world.api.before_write = before_write
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(composite())
    world.synced_after(3)
    assert ("status", "things", "a") not in world.api.writes
    assert world.sync_events() == []


@pytest.mark.parametrize("status", [None, {"a": None, "b": 1.0}, {"observedGeneration": 77, "deep": {"x": [{"y": 1}]}}])
def test_10_a_status_that_never_compares_equal_costs_one_write_per_sync_and_no_loop(world, composite, status):
    world.hooks.answer("/sync", {"children": [], "status": status})
    world.thing()
    world.run(composite())
    eventually(lambda: world.get(THINGS).get("status", {}).get("observedGeneration") == 1)
    calls = world.quiet()
    writes = len(world.api.writes)
    world.poke()
    world.synced_after(calls)
    assert world.quiet() == calls + 1
    expected = [("replace", "things", "a")] + [("status", "things", "a")] * (status == {"a": None, "b": 1.0})
    assert world.api.writes[writes:] == expected


def test_11_a_status_that_counts_is_a_hot_loop_unless_status_changes_are_ignored(world, composite):
    world.hooks.answer("/sync", lambda request: {"children": [], "status": {"n": len(world.calls())}})
    world.thing()
    loop = world.run(composite())
    world.synced_after(10)
    loop.stop()
    count = len(world.calls())
    world.run(composite(ignore_status=True))
    world.synced_after(count)
    assert world.quiet() == count + 1


def test_15_foreign_fields_of_a_child_stay_and_own_ones_go(world, composite):
    world.hooks.answer("/sync", {"children": [configmap("x", mine="1", both="1")], "status": {}})
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.api.patch(CONFIGMAPS, "x", {"data": {"theirs": "2", "both": "2"}}, namespace=NS)
    eventually(lambda: world.get(CONFIGMAPS, "x")["data"]["both"] == "1")
    world.hooks.answer("/sync", {"children": [configmap("x", both="1")], "status": {}})
    world.poke()
    eventually(lambda: world.get(CONFIGMAPS, "x")["data"] == {"theirs": "2", "both": "1"})


def test_16_an_immutable_field_fails_while_siblings_and_status_go_on(world, composite):
    def before_write(verb, resource, obj):
        if verb == "replace" and resource == PODS:
            raise world.invalid("spec: Forbidden: pod updates may not change fields")

    world.api.before_write = before_write
    world.hooks.answer("/sync", {"children": [pod(image="i:1")], "status": {"step": 1}})
    world.thing()
    world.run(composite(children=[PODS]))
    eventually(lambda: world.names(PODS) == ["p"])
    world.hooks.answer("/sync", {"children": [pod(image="i:2"), pod("q"), configmap("x")], "status": {"step": 2}})
    world.poke()
    eventually(lambda: world.names(PODS) == ["p", "q"] and world.names(CONFIGMAPS) == ["x"])
    eventually(lambda: world.get(THINGS).get("status", {}).get("step") == 2)
    assert "Forbidden" in eventually(world.sync_events)[0]["message"]
    assert world.get(PODS, "p")["spec"]["containers"][0]["image"] == "i:1"


def test_19_a_name_that_somebody_else_has_is_passed_over_in_silence(world, composite):
    foreign = world.api.create(CONFIGMAPS, configmap("x", theirs="1"), namespace=NS)
    world.hooks.answer("/sync", children("x", "y"))
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["x", "y"])
    world.quiet()
    assert world.get(CONFIGMAPS, "x") == foreign
    assert list(world.calls()[-1]["children"]["ConfigMap.v1"]) == ["ns/y"]
    assert world.sync_events() == []


def test_25_a_resync_comes_when_asked_for_and_only_then(world, composite):
    delays = iter([0.05, 0.1])
    world.hooks.answer("/sync", lambda request: children(resyncAfterSeconds=next(delays, 0)))
    world.thing()
    world.run(composite(ignore_status=True))
    world.synced_after(2)
    assert world.quiet() == 3


def test_25_fifty_events_during_one_run_make_exactly_one_more(world, composite):
    release, entered = threading.Event(), threading.Event()

    def answer(request):
        if len(world.calls()) == 2:
            entered.set()
            release.wait(30)
        return children("x")

    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(composite(ignore_status=True), workers=5)
    before = eventually(lambda: world.names(CONFIGMAPS)) and world.quiet()
    world.hooks.answer("/sync", lambda request: entered.set() or (release.wait(30) and children("x")))
    world.poke()
    assert entered.wait(30)
    for _ in range(50):
        world.poke()
    eventually(world.api.delivered)
    assert len(world.calls()) == before + 1, "one worker at a time for a parent"
    release.set()
    assert world.quiet() == before + 2


def test_a_changed_child_wakes_only_its_parent(world, composite):
    world.hooks.answer("/sync", lambda request: children("of-" + request["parent"]["metadata"]["name"]))
    world.thing("a")
    world.thing("b")
    world.run(composite())
    eventually(lambda: world.names(CONFIGMAPS) == ["of-a", "of-b"])
    calls = world.quiet()
    world.api.delete(CONFIGMAPS, "of-b", namespace=NS)
    eventually(lambda: world.names(CONFIGMAPS) == ["of-a", "of-b"])
    world.quiet()
    assert {call["parent"]["metadata"]["name"] for call in world.calls()[calls:]} == {"b"}


def test_a_type_that_is_not_declared_is_created_and_never_seen(world, composite):
    world.hooks.answer("/sync", {"children": [pod()], "status": {}})
    world.thing()
    world.run(composite())
    eventually(lambda: world.names(PODS) == ["p"])
    world.hooks.answer("/sync", {"children": [], "status": {}})
    calls = world.quiet()
    world.poke()
    world.synced_after(calls)
    world.quiet()
    assert world.names(PODS) == ["p"]


def test_a_type_that_is_not_served_is_an_error_and_the_rest_goes_on(world, composite):
    odd = {"apiVersion": "example.org/v9", "kind": "Odd", "metadata": {"name": "o"}}
    world.hooks.answer("/sync", {"children": [odd, configmap("x")], "status": {"seen": True}})
    world.thing()
    world.run(composite())
    assert "can't find kind 'Odd'" in eventually(world.sync_events)[0]["message"]
    assert world.names(CONFIGMAPS) == ["x"] and world.get(THINGS)["status"]["seen"]


def test_types_go_by_group_and_deletes_before_creates(world, composite):
    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(composite(children=[PODS]))
    eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    world.quiet()
    world.api.writes.clear()
    world.hooks.answer("/sync", {"children": [pod("q"), pod("p"), configmap("z"), configmap("y")], "status": {}})
    world.poke()
    eventually(lambda: world.names(PODS) == ["p", "q"])
    world.quiet()
    assert [write for write in world.api.writes if write[1] != "things"] == [
        ("delete", "configmaps", "x"),
        ("create", "configmaps", "y"),
        ("create", "configmaps", "z"),
        ("create", "pods", "p"),
        ("create", "pods", "q"),
    ]


TEMPLATE = {"metadata": {"labels": {"app": "d"}}, "spec": pod()["spec"]}
JOB_TEMPLATE = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
WORKLOADS = [
    {
        **pod(),
        "spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"name": "ui", "containerPort": 8081}]}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "d"}, "ports": [{"name": "ui", "port": 8081}]},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": TEMPLATE},
    },
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": JOB_TEMPLATE}},
]


@pytest.mark.parametrize("method", ["InPlace", "Recreate"])
def test_12_what_the_server_fills_in_makes_no_difference(store, composite, method):
    store.hooks.answer("/sync", {"children": WORKLOADS, "status": {}})
    store.thing()
    types = [resources.PODS, resources.SERVICES, resources.DEPLOYMENTS, resources.JOBS]
    store.run(composite(children=types, method=method))
    eventually(lambda: store.names(resources.JOBS) == ["j"])
    calls = store.quiet()
    store.poke()
    store.synced_after(calls)
    store.quiet()
    assert all(len(group) == 1 for key, group in store.calls()[-1]["children"].items() if key != "ConfigMap.v1")
    assert "imagePullPolicy" in store.get(PODS, "p")["spec"]["containers"][0], "the server filled in something"
    assert sorted(write for write in store.api.writes if write[1] != "things") == [
        ("create", "deployments", "d"),
        ("create", "jobs", "j"),
        ("create", "pods", "p"),
        ("create", "services", "s"),
    ]


@pytest.mark.parametrize(
    "container", [{"env": [{"name": "E", "value": ""}]}, {"resources": {"limits": {"cpu": "1000m"}}}]
)
def test_14_an_answer_that_is_not_canonical_is_a_difference_for_ever(store, composite, container):
    answer = pod()
    answer["spec"]["containers"][0].update(container)
    store.hooks.answer("/sync", {"children": [answer], "status": {}})
    store.thing()
    store.run(composite(children=[resources.PODS], method="Recreate"))
    eventually(lambda: store.api.writes.count(("delete", "pods", "p")) >= 2)


def test_16_the_store_itself_refuses_to_change_a_pod(store, composite):
    store.hooks.answer("/sync", {"children": [pod()], "status": {"step": 1}})
    store.thing()
    store.run(composite(children=[resources.PODS]))
    eventually(lambda: store.names(PODS) == ["p"])
    changed = pod()
    changed["spec"]["containers"][0]["args"] = ["--new"]
    store.hooks.answer("/sync", {"children": [changed, configmap("x")], "status": {"step": 2}})
    store.poke()
    eventually(lambda: store.get(THINGS).get("status", {}).get("step") == 2 and store.names(CONFIGMAPS) == ["x"])
    assert "Forbidden" in eventually(store.sync_events)[0]["message"]
