"""What a Loop refuses to host, how it begins again, and how Events are limited."""

import pytest

from clients.kube.resources import CONFIGMAPS
from local.metacontroller import SyncError, Unsupported
from local.metacontroller.events import Events
from local.store import Ill

from .places import THINGS
from .toys import children, configmap


@pytest.mark.parametrize("method", ["RollingRecreate", "RollingInPlace", "Sideways"])
def test_rolling_and_unknown_update_methods_are_refused(local, method):
    with pytest.raises(Unsupported, match=method):
        local.run(local.composite(method=method))


def test_a_controller_of_another_kind_is_refused(local):
    with pytest.raises(Unsupported):
        local.run({**local.composite(), "kind": "ControllerRevision"})


def test_a_parent_without_status_subresource_is_refused(local):
    with pytest.raises(Unsupported, match="status"):
        local.run(local.composite(parentResource={"apiVersion": "v1", "resource": "configmaps"}))


def test_a_type_that_is_not_served_is_an_error_at_the_start(local):
    with pytest.raises(SyncError, match="nothings"):
        local.run(local.composite(childResources=[{"apiVersion": "v1", "resource": "nothings"}]))


def test_a_service_without_a_known_address_is_refused(local):
    controller = local.composite()
    webhook = {"service": {"name": "elsewhere", "namespace": "mc"}, "path": "/sync"}
    controller["spec"]["hooks"]["sync"]["webhook"] = webhook
    with pytest.raises(Unsupported, match="mc/elsewhere"):
        local.run(controller)


def test_a_seed_shuffles_inside_a_type_the_same_way_each_time(local):
    names = [f"c{n}" for n in range(8)]
    local.hooks.answer("/sync", {"children": [configmap(name) for name in names], "status": {}})
    orders = []
    for seed in (7, 7, None):
        local.thing("a")
        made = local.history(CONFIGMAPS)
        stop = local.run(local.composite(), seed=seed)
        local.eventually(lambda made=made: len(made) == 8)
        stop()
        orders.append([name for kind, name, *_ in made if kind == "ADDED"])
        local.delete(THINGS, "a")
        local.eventually(lambda: not local.names(CONFIGMAPS))
    assert orders[0] == orders[1] != names
    assert orders[2] == names


def test_events_of_one_object_are_a_burst_and_then_one_in_five_minutes(local):
    now = [0.0]
    events = Events(local.client, clock=lambda: now[0])
    thing = local.thing()
    for number in range(40):
        events.warn(thing, f"trouble {number}")
    assert len(local.sync_events()) == 25
    now[0] += 301
    for number in range(3):
        events.warn(thing, f"later {number}")
    assert len(local.sync_events()) == 26
    assert local.sync_events()[0]["involvedObject"]["name"] == "a"


def test_a_loop_that_finds_no_api_when_it_is_started_again_begins_later(local, emulator):
    """As its container would."""
    local.hooks.answer("/sync", children("x"))
    local.thing()
    local.run(local.composite())
    local.eventually(lambda: local.names(CONFIGMAPS) == ["x"])
    local.hooks.answer("/sync", children("x", "y"))
    (loop,) = emulator.loops
    emulator.trouble.begin(Ill.LOST, 1.0, 0)
    loop.restart()
    assert not loop.settled()
    emulator.trouble.end()
    local.eventually(lambda: local.names(CONFIGMAPS) == ["x", "y"])
