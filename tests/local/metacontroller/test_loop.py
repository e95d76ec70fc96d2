"""What a Loop refuses to host, and how Events are limited."""

import pytest

from local.metacontroller import SyncError, Unsupported
from local.metacontroller.events import Events

from .apis import EVENTS, PODS
from .conftest import configmap, eventually


@pytest.mark.parametrize("method", ["RollingRecreate", "RollingInPlace", "Sideways"])
def test_rolling_and_unknown_update_methods_are_refused(world, composite, method):
    with pytest.raises(Unsupported, match=method):
        world.run(composite(method=method))


def test_a_controller_of_another_kind_is_refused(world, composite):
    with pytest.raises(Unsupported):
        world.run({**composite(), "kind": "ControllerRevision"})


def test_a_parent_without_status_subresource_is_refused(world, composite):
    with pytest.raises(Unsupported, match="status"):
        world.run(composite(parentResource={"apiVersion": "v1", "resource": "configmaps"}))


def test_a_type_that_is_not_served_is_an_error_at_the_start(world, composite):
    with pytest.raises(SyncError, match="nothings"):
        world.run(composite(childResources=[{"apiVersion": "v1", "resource": "nothings"}]))


def test_a_service_without_a_known_address_is_refused(world, composite):
    controller = composite()
    controller["spec"]["hooks"]["sync"]["webhook"]["service"]["name"] = "elsewhere"
    with pytest.raises(Unsupported, match="mc/elsewhere"):
        world.run(controller)


def test_a_seed_shuffles_inside_a_type_the_same_way_each_time(world, composite):
    names = [f"c{n}" for n in range(8)]
    world.hooks.answer("/sync", {"children": [configmap(name) for name in names], "status": {}})
    orders = []
    for seed in (7, 7, None):
        world.thing(f"t{len(orders)}")
        loop = world.run(composite(), seed=seed)
        eventually(lambda: len(world.names(world.CONFIGMAPS)) == 8)
        loop.stop()
        orders.append([write[2] for write in world.api.writes if write[:2] == ("create", "configmaps")])
        world.api.delete(world.THINGS, f"t{len(orders) - 1}", namespace="ns")
        world.api.writes.clear()
    assert orders[0] == orders[1] != names
    assert orders[2] == names


def test_events_of_one_object_are_a_burst_and_then_one_in_five_minutes(world):
    now = [0.0]
    events = Events(world.api, clock=lambda: now[0])
    thing = world.thing()
    for number in range(40):
        events.warn(thing, f"trouble {number}")
    assert len(world.sync_events()) == 25
    now[0] += 301
    for number in range(3):
        events.warn(thing, f"later {number}")
    assert len(world.sync_events()) == 26
    assert world.api.list(EVENTS)["items"][0]["involvedObject"]["name"] == "a"


def test_two_controllers_chain_a_child_is_the_others_parent(world, composite):
    first, second = composite(), composite()
    second["metadata"]["name"] = "second"
    first["spec"]["childResources"] = [
        {"apiVersion": "example.org/v1", "resource": "gadgets", "updateStrategy": {"method": "InPlace"}}
    ]
    second["spec"]["parentResource"] = {"apiVersion": "example.org/v1", "resource": "gadgets"}
    second["spec"]["childResources"] = [{"apiVersion": "v1", "resource": "pods"}]
    second["spec"]["hooks"]["sync"]["webhook"]["path"] = "/second"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"n": 1}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    world.hooks.answer(
        "/sync",
        lambda request: {
            "children": [gadget],
            "status": {"below": [g.get("status") for g in request["children"]["Gadget.example.org/v1"].values()]},
        },
    )
    world.hooks.answer("/second", {"children": [pod], "status": {"ready": True}})
    world.thing()
    world.run(first, second)
    eventually(lambda: world.names(PODS) == ["p"])
    below = [{"observedGeneration": 1, "ready": True}]
    eventually(lambda: world.get(world.THINGS).get("status", {}).get("below") == below)
    world.quiet()
