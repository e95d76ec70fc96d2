"""Cases 24 and 25: caches that are behind, delays, and bursts."""

import threading

from clients.kube import Changed, watch
from clients.kube.resources import CONFIGMAPS, JOBS

from .places import THINGS
from .toys import children, configmap, job


class Gate:
    """A watch that holds back the changes of some resources while it is shut. A cache behind it sees the past."""

    def __init__(self, *resources):
        self._resources = resources
        self._open = threading.Event()
        self.held = 0

    def watch(self, client, resource, *, stop):
        for found in watch(client, resource, stop=stop):
            if resource in self._resources and isinstance(found, Changed):
                self.held += 1
                while not self._open.wait(0.02):
                    if stop.is_set():
                        return
            yield found

    def open(self):
        self._open.set()


def test_case_24_a_child_that_is_not_visible_yet_is_not_made_twice(local):
    """Only here, where a cache can be held back."""
    gate = Gate(CONFIGMAPS)
    local.hooks.answer("/sync", children("x"))
    local.thing()
    made = local.history(CONFIGMAPS)
    local.run(local.composite(), watch=gate.watch)
    local.eventually(lambda: local.names(CONFIGMAPS) == ["x"])
    for count in range(1, 4):
        local.poke()
        local.synced_after(count)
    assert local.calls()[-1]["children"]["ConfigMap.v1"] == {}
    gate.open()
    local.eventually(lambda: local.calls()[-1]["children"]["ConfigMap.v1"])
    local.quiet()
    assert [kind for kind, *_ in made] == ["ADDED"]
    assert local.sync_events() == []


def test_case_24_a_status_that_is_not_visible_yet_runs_no_job_twice(local):
    """The hook stops wanting its Job when it sees in the status, not in its own answer, that it is done."""
    gate = Gate(THINGS)

    def answer(request):
        done = request["parent"].get("status", {}).get("done")
        found = request["children"]["Job.batch/v1"].values()
        complete = any(item["status"].get("succeeded") for item in found)
        return {"children": [] if done else [job()], "status": {"done": bool(done or complete)}}

    local.hooks.answer("/sync", answer)
    local.thing()
    made = local.history(JOBS)
    local.run(local.composite(types=[JOBS]), watch=gate.watch)
    local.eventually(lambda: local.names(JOBS) == ["j"])
    local.patch(JOBS, "j", {"status": {"succeeded": 1}}, subresource="status")
    local.eventually(lambda: (local.status() or {}).get("done") is True)
    for number in range(3):  # more syncs that do not see it
        calls = len(local.calls())
        local.patch(JOBS, "j", {"metadata": {"annotations": {"n": str(number)}}})
        local.synced_after(calls)
    assert not local.calls()[-1]["parent"].get("status", {}).get("done")
    assert local.names(JOBS) == ["j"]
    gate.open()
    local.eventually(lambda: local.names(JOBS) == [])
    local.quiet()
    assert [kind for kind, *_ in made if kind != "MODIFIED"] == ["ADDED", "DELETED"]


def test_case_25_a_resync_comes_when_asked_for_is_not_cancelled_and_does_not_come_again(world):
    """0.5 s, then 60 s, which is too late to be seen, then none."""
    delays = iter([0.5, 60, 0])
    world.hooks.answer("/sync", lambda request: children(resyncAfterSeconds=next(delays, 0)))
    world.thing()
    world.run(world.composite(ignore_status=True))
    world.synced_after(1)
    first, second = world.hooks.calls("/sync")[:2]
    assert second.at - first.at >= 0.45
    assert world.quiet() == 2


def test_case_25_fifty_events_during_one_run_make_exactly_one_more(world):
    release, entered = threading.Event(), threading.Event()

    def answer(request):
        entered.set()
        release.wait(9)
        return children("x")

    world.hooks.answer("/sync", children("x"))
    world.thing()
    world.run(world.composite(ignore_status=True), workers=5)
    world.eventually(lambda: world.names(CONFIGMAPS) == ["x"])
    before = world.quiet()
    world.hooks.answer("/sync", answer)
    world.poke()
    assert entered.wait(world.place.patience)
    for _ in range(50):
        world.poke()
    world.place.delivered()
    assert len(world.calls()) == before + 1, "one worker at a time for a parent"
    release.set()
    assert world.quiet() == before + 2


def test_a_list_after_a_broken_watch_tells_of_what_went_meanwhile(local):
    """Only here: the watch ends when told to, and everything until the next list is missed."""
    broken, again = threading.Event(), threading.Event()

    def breaking(client, resource, *, stop):
        source = watch(client, resource, stop=stop)
        for found in source:
            if resource == CONFIGMAPS and broken.is_set() and isinstance(found, Changed):
                source.close()
                again.wait(20)
                yield from watch(client, resource, stop=stop)
                return
            yield found

    local.hooks.answer("/sync", children("x", "y"))
    local.thing()
    local.run(local.composite(), watch=breaking)
    local.eventually(lambda: local.names(CONFIGMAPS) == ["x", "y"])
    calls = local.quiet()
    broken.set()
    local.create(CONFIGMAPS, configmap("breaks-it"))
    local.delete(CONFIGMAPS, "x")
    again.set()
    local.synced_after(calls)
    local.eventually(lambda: "x" in local.names(CONFIGMAPS))
