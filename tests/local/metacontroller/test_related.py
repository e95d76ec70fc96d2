"""Customize rules: which combinations are allowed, what they select, and whom a related object wakes."""

import pytest

from clients.kube.resources import CONFIGMAPS
from local.metacontroller.errors import SyncError
from local.metacontroller.related import check_rule, selects

from .places import GADGETS, THINGS
from .toys import configmap

SPACES = {"ns": {"team": "a"}, "other": {"team": "b"}}


def related(name="x", namespace="ns", **labels):
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


def selected(rule, obj, home="", namespaced=True):
    return selects(rule, obj, home, namespaced=namespaced, namespace_labels=SPACES.get)


@pytest.mark.parametrize(
    ("rule", "home"),
    [
        ({"names": ["x"], "labelSelector": {}}, ""),
        ({"names": ["x"], "namespaceSelector": {}}, ""),
        ({"namespace": "ns", "namespaceSelector": {}}, ""),
        ({"namespaceSelector": {}}, "ns"),
        ({"namespace": "other"}, "ns"),
    ],
)
def test_rules_that_no_one_may_have(rule, home):
    with pytest.raises(SyncError):
        check_rule(rule, home, namespaced=True)


def test_a_namespace_selector_needs_namespaced_objects():
    with pytest.raises(SyncError):
        check_rule({"namespaceSelector": {}}, "", namespaced=False)
    check_rule({"namespaceSelector": {}}, "", namespaced=True)


@pytest.mark.parametrize("rule", [{}, {"labelSelector": {}}])
def test_without_anything_a_rule_selects_all_namespaces_in_v2_and_the_own_one_in_v1(rule):
    assert selected(rule, related(namespace="other"))
    assert selected(rule, related(namespace="ns"), home="ns")
    assert not selected(rule, related(namespace="other"), home="ns")
    assert selected(rule, related(namespace=""), home="ns", namespaced=False)


def test_names_namespace_and_selectors():
    assert selected({"names": ["x", "y"]}, related(namespace="other"))
    assert not selected({"names": ["y"]}, related())
    assert selected({"namespace": "ns"}, related())
    assert not selected({"namespace": "ns", "names": ["x"]}, related(namespace="other"))
    assert selected({"namespace": "ns", "labelSelector": {"matchLabels": {"a": "1"}}}, related(a="1"))
    assert not selected({"labelSelector": {"matchLabels": {"a": "1"}}}, related(a="2"))
    by_team = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
    assert selected(by_team, related())
    assert not selected(by_team, related(namespace="other"))
    assert not selected(by_team, related(namespace="unknown"))


def rules(*rules):
    return {"relatedResources": list(rules)}


def gadget(world, name, owner):
    body = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": name, "labels": {"of": owner}}}
    return world.create(GADGETS, body)


def test_related_objects_are_sent_and_wake_the_right_parents_only(world):
    def customize(request):
        name = request["parent"]["metadata"]["name"]
        selector = {"matchLabels": {"of": name}}
        return rules({"apiVersion": "example.org/v1", "resource": "gadgets", "labelSelector": selector})

    world.hooks.answer("/customize", customize)
    world.hooks.answer("/sync", {"children": [], "status": {}})
    gadget(world, "g1", "a")
    world.thing("a")
    world.thing("b")
    world.run(world.composite(customize="v2"))
    world.synced_after(1)
    calls = world.quiet()
    by_parent = {call["parent"]["metadata"]["name"]: call["related"] for call in world.calls()}
    assert list(by_parent["a"]["Gadget.example.org/v1"]) == [f"{world.ns}/g1"]
    assert by_parent["b"] == {"Gadget.example.org/v1": {}}
    gadget(world, "g2", "b")
    world.synced_after(calls)
    world.quiet()
    assert {call["parent"]["metadata"]["name"] for call in world.calls()[calls:]} == {"b"}
    calls = len(world.calls())
    world.patch(GADGETS, "g2", {"metadata": {"labels": {"of": "a"}}})
    world.synced_after(calls + 1)
    world.quiet()
    woken = {call["parent"]["metadata"]["name"] for call in world.calls()[calls:]}
    assert woken == {"a", "b"}, "whoever selected the old state, and whoever selects the new one"


def test_the_customize_answer_is_kept_for_a_generation(world):
    world.hooks.answer("/customize", rules({"apiVersion": "v1", "resource": "configmaps"}))
    world.hooks.answer("/sync", {"children": [], "status": {}})
    world.thing()
    world.run(world.composite(customize="v2"))
    world.synced_after(0)
    calls = world.quiet()
    world.poke()
    world.synced_after(calls)
    calls = world.quiet()
    assert len(world.calls("/customize")) == 1
    world.patch(THINGS, "a", {"spec": {"size": 2}})
    world.synced_after(calls)
    world.quiet()
    assert len(world.calls("/customize")) == 2
    assert sorted(world.calls("/customize")[0]) == ["controller", "parent"]


def test_v1_hides_what_is_in_other_namespaces_and_v2_shows_it(world):
    world.client.create(CONFIGMAPS, configmap("far"), namespace=world.other)
    world.create(CONFIGMAPS, configmap("near"))
    world.hooks.answer("/customize", rules({"apiVersion": "v1", "resource": "configmaps"}))
    world.hooks.answer("/sync", {"children": [], "status": {}})
    world.thing()
    stop = world.run(world.composite("v2", customize="v2"))
    world.eventually(lambda: world.calls())
    found = world.calls()[-1]["related"]["ConfigMap.v1"]
    assert {f"{world.ns}/near", f"{world.other}/far"} <= set(found)
    stop()
    count = len(world.calls())
    world.run(world.composite("v1", customize="v1", suffix="-2"))
    world.synced_after(count)
    found = world.calls()[-1]["related"]["ConfigMap.v1"]
    assert "near" in found and not {"far", f"{world.other}/far"} & set(found)


@pytest.mark.parametrize("answer", [rules({"apiVersion": "v1", "resource": "nothings"}), [], (500, {}, b"broken")])
def test_a_customize_hook_that_fails_fails_the_sync(world, answer):
    world.hooks.answer("/customize", answer)
    world.hooks.answer("/sync", {"children": [], "status": {}})
    world.thing()
    world.run(world.composite(customize="v2"))
    world.eventually(world.sync_events)
    assert world.calls() == []
