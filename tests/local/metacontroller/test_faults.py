"""The faulty watch: what it does to events, and that it never makes an object go back in time."""

import threading
import time
from collections import Counter, defaultdict

import pytest

from clients.kube import Changed, Listed
from clients.kube.resources import CONFIGMAPS
from local.metacontroller import Faults, Strikes
from local.metacontroller import faults as faults_module

from .toys import children, configmap

OBJECTS, CHANGES = 5, 40


def change(name, version):
    body = {**configmap(name), "metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version)}}
    return Changed("MODIFIED", body)


@pytest.fixture
def source(monkeypatch):
    """A watch that says at once all that happens, and the newest of it after each break."""

    def watch(client, resource, *, stop):
        newest = [change(f"c{n}", CHANGES).object for n in range(OBJECTS)]
        first = not lists
        lists.append(1)
        yield Listed(() if first else tuple(newest))
        if first:
            for version in range(1, CHANGES + 1):
                for n in range(OBJECTS):
                    yield change(f"c{n}", version)
        stop.wait(20)

    lists = []
    monkeypatch.setattr(faults_module, "watch", watch)
    return lists


def seen(faults):
    """The (name, version) in the order in which they come, until all are up to date."""
    stop, found, newest = threading.Event(), [], {}
    for event in faults.watch(None, CONFIGMAPS, stop=stop):
        objects = event.items if isinstance(event, Listed) else [event.object]
        for item in objects:
            metadata = item["metadata"]
            newest[metadata["name"]] = int(metadata["resourceVersion"])
            found.append((metadata["name"], newest[metadata["name"]]))
        if list(newest.values()) == [CHANGES] * OBJECTS:
            stop.set()
    return found


def by_name(found):
    versions = defaultdict(list)
    for name, version in found:
        versions[name].append(version)
    return versions


@pytest.mark.parametrize("seed", range(5))
def test_objects_overtake_each_other_but_never_go_back_in_time(source, seed):
    faults = Faults(seed, lag=0.05, repeats=0.3, drops=0.0)
    found = seen(faults)
    assert all(versions == sorted(versions) for versions in by_name(found).values())
    assert [version for _, version in found] != sorted(version for _, version in found), "reordered between objects"
    assert faults.done["lags"] == OBJECTS * CHANGES


def test_events_come_again_but_only_while_they_are_the_newest(source):
    faults = Faults(1, lag=0.01, repeats=0.5, drops=0.0)
    found = seen(faults)
    assert faults.done["repeats"] > 10
    assert all(versions == sorted(versions) for versions in by_name(found).values())
    assert max(Counter(found).values()) >= 1


def test_a_broken_watch_is_followed_by_a_list(source):
    faults = Faults(1, lag=0.01, repeats=0.0, drops=0.05)
    found = seen(faults)
    assert faults.done["drops"] == len(source) - 1 >= 1
    assert all(versions == sorted(versions) for versions in by_name(found).values())


def test_the_same_seed_draws_the_same(source, monkeypatch):
    def shares(seed):
        del source[:]
        faults = Faults(seed, lag=0.0, repeats=0.0, drops=0.02)
        return len(seen(faults))

    assert shares(3) == shares(3)
    assert len({shares(seed) for seed in range(6)}) > 1


def test_strikes_go_on_after_one_that_fails_and_end():
    count = []

    def deed():
        count.append(1)
        if len(count) == 1:
            raise RuntimeError("the first one fails")

    faults = Faults(1, restarts=0.01)
    strikes = Strikes(faults, "loop", deed)
    strikes.start()
    deadline = time.monotonic() + 20
    while len(count) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    strikes.stop()
    assert faults.done["loop"] == len(count) >= 3


def test_a_killed_loop_writes_nothing_more_and_the_next_life_finishes(local):
    """It dies while its hook is thinking: the answer is never acted on."""
    entered, release = threading.Event(), threading.Event()

    def answer(request):
        entered.set()
        release.wait(20)
        return children("x")

    local.hooks.answer("/sync", answer)
    local.thing()
    local.run(local.composite())
    assert entered.wait(20)
    loop = local.place.loops[0]
    killing = threading.Thread(target=loop.kill)
    killing.start()
    while not loop.killed:
        time.sleep(0.01)
    release.set()
    killing.join()
    assert local.names(CONFIGMAPS) == [] and local.place.spy.writes == []
    loop.start()
    local.eventually(lambda: local.names(CONFIGMAPS) == ["x"])
