"""What the guards find, and what they let pass. More of what they find: the conformance cases that expect it."""

import itertools
import json

import pytest
import requests

from clients.kube.resources import CONFIGMAPS, PODS
from local.metacontroller import Guards
from local.metacontroller.guards import ANNOTATION, EMPTY, HOT_LOOP, RECREATED, REPLAY, different, dropped, ended
from local.metacontroller.objects import key_of

from .places import THINGS
from .toys import children, configmap, pod


@pytest.fixture
def replayed(local):
    """A world whose requests are all sent twice."""
    local.place.guards = Guards()
    return local


def settle(world, answer, *kinds, **options):
    """A parent with this answer, until nothing happens any more."""
    world.hooks.answer("/sync", answer)
    world.thing()
    world.run(world.composite(types=kinds, **options))
    world.synced_after(0)
    world.quiet()


def test_a_finding_names_parent_child_and_what_happened_and_comes_once(local):
    child = {**configmap("x"), "metadata": {"name": "x", "annotations": {"port": 9249}}}
    settle(local, {"children": [child], "status": {}})
    local.synced_again()
    (finding,) = local.place.guards.findings
    parent, child = f"Thing {local.ns}/a", f"ConfigMap {local.ns}/x"
    assert str(finding) == f"{ANNOTATION}: {parent}, {child}: port: 9249 makes it lose all its annotations"
    local.expect(ANNOTATION)


def test_an_answer_that_changes_by_itself_is_found(replayed):
    count = itertools.count()
    settle(replayed, lambda request: children(status={"n": next(count)}), ignore_status=True)
    assert replayed.place.guards.findings[0].what.endswith("differently: status, status")
    replayed.expect(REPLAY)


def test_a_customize_answer_that_changes_by_itself_is_found(replayed):
    count = itertools.count()

    def rules(request):
        rule = {"apiVersion": "v1", "resource": "configmaps", "names": [f"c{next(count)}"]}
        return {"relatedResources": [rule]}

    replayed.hooks.answer("/customize", rules)
    settle(replayed, children(), customize="v2")
    replayed.expect(REPLAY)


def test_a_deadline_that_passes_between_two_questions_is_no_finding(replayed):
    answers = iter([children("x")])
    settle(replayed, lambda request: next(answers, children("x", status={"late": True})))
    assert replayed.status() == {"late": True, "observedGeneration": 1}


def test_a_hook_that_is_away_for_the_second_question_is_no_finding(replayed):
    answers = iter([children("x")])
    replayed.hooks.answer("/sync", lambda request: next(answers, (500, {}, b"away")))
    replayed.thing()
    replayed.run(replayed.composite())
    replayed.eventually(lambda: replayed.names(CONFIGMAPS) == ["x"])


def test_a_delay_may_differ():
    answer = {"children": [], "resyncAfterSeconds": 1.25}
    assert different(answer, {"children": [], "resyncAfterSeconds": 1.2}) == []
    assert different(answer, {"children": [], "status": {}}) == ["status"]
    assert different({"status": {"n": 1}}, {"status": {"n": 1.0}}) == ["status"]


@pytest.mark.parametrize("again", [{"resyncAfterSeconds": 0.001}, (429, {}, b"")], ids=["resync", "429"])
def test_asking_to_be_asked_again_at_once_is_a_hot_loop(local, again):
    answer = again if isinstance(again, tuple) else children(**again)
    local.hooks.answer("/sync", answer)
    local.thing()
    local.run(local.composite())
    local.expect(HOT_LOOP)


def test_many_edits_from_outside_are_no_hot_loop(local):
    sizes = lambda request: children(status={"size": request["parent"]["spec"]["size"]})  # noqa: E731
    settle(local, sizes)
    for size in range(30):
        local.patch(THINGS, "a", {"spec": {"size": size}})
        local.eventually(lambda size=size: local.status()["size"] == size)


def doomed(name, version):
    head = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": f"{version}"}
    head["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": head}


@pytest.mark.parametrize("makes", [False, True], ids=["a takedown", "a new one for each"])
def test_what_the_kubelet_does_with_a_deleted_pod_excuses_a_takedown_only(makes):
    """A cluster that is taken down, with an event or more for each pod, is no hot loop; pods without end are one."""
    guards = Guards(hot=2)
    thing = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "ns", "uid": "u"}}
    parent = key_of(thing)
    for turn in range(4):
        if makes:
            guards.creating(thing, pod(f"p{turn + 1}"))
        guards.write(lambda turn=turn: answered(doomed(f"p{turn}", turn)))
        guards.synced("c", parent)
        guards.woken("c", parent, doomed(f"p{turn}", turn), as_child=True)
        guards.woken("c", parent, doomed(f"p{turn}", f"1{turn}"), as_child=True)
    assert [finding.guard for finding in guards.findings] == [HOT_LOOP] * makes


def answered(obj):
    response = requests.Response()
    response._content = json.dumps(obj).encode()
    return response


def test_a_child_that_comes_and_goes_by_itself_is_found(local):
    names = itertools.cycle([["x"], ["x"], []])
    local.hooks.answer("/sync", lambda request: children(*next(names), resyncAfterSeconds=0.01))
    local.thing()
    local.run(local.composite())
    local.expect(RECREATED)
    local.expected.add(HOT_LOOP)


def test_a_child_that_an_edit_takes_away_and_another_brings_back_is_no_finding(local):
    local.hooks.answer("/sync", lambda request: children(*"x" * request["parent"]["spec"]["size"]))
    local.thing()
    local.run(local.composite())
    for size in (1, 0, 1, 0, 1):
        local.patch(THINGS, "a", {"spec": {"size": size}})
        local.eventually(lambda size=size: local.names(CONFIGMAPS) == ["x"] * size)


def test_a_pod_that_has_failed_may_be_made_again(local):
    def answer(request):
        pods = request["children"]["Pod.v1"].values()
        failed = any(item["status"]["phase"] == "Failed" for item in pods)
        return {"children": [] if failed else [pod()], "status": {}}

    settle(local, answer, PODS, method="OnDelete")
    made = local.history(PODS)
    for number in range(2):
        local.patch(PODS, "p", {"status": {"phase": "Failed"}}, subresource="status")
        local.eventually(lambda number=number: [kind for kind, *_ in made].count("ADDED") > number)


@pytest.mark.parametrize(
    ("status", "over"),
    [
        ({"phase": "Running"}, False),
        ({"phase": "Succeeded"}, True),
        ({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 1}}}]}, True),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, True),
        ({"conditions": [{"type": "Failed", "status": "False"}]}, False),
    ],
)
def test_what_has_ended(status, over):
    assert ended({"status": status}) is over


def test_an_empty_value_counts_only_where_the_server_leaves_it_out(local):
    kept = pod()
    kept["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    settle(local, {"children": [kept], "status": {}}, PODS)
    local.hooks.answer("/sync", {"children": [pod("q", env=[]), kept], "status": {}})
    local.synced_again()
    local.expect(EMPTY)
    assert {finding.child for finding in local.place.guards.findings} == {f"Pod {local.ns}/q"}


def test_the_path_of_what_is_left_out():
    wanted = {"a": [{"name": "x", "env": []}], "b": {"c": ""}, "d": {}}
    assert list(dropped({"a": [{"name": "x"}], "b": {}, "d": {}}, wanted)) == ["a[0].env", "b.c"]
