"""A cycle for each FlinkCluster, as the watches bring and take them; and which cluster an object belongs to."""

from __future__ import annotations

import threading

import pytest

from clients.kube import Changed, Listed
from core import names
from supervisor import fleet as module
from supervisor.cache import Scope
from supervisor.fleet import Fleet


def item(name: str, cluster: str = "", namespace: str = "test") -> dict:
    labels = {names.LABEL_CLUSTER: cluster} if cluster else {}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.fixture
def fleet():
    made = Fleet(None, [Scope("test")])
    yield made
    made.stop()
    assert made.ended.wait(20)


@pytest.mark.defect(11)
def test_what_belongs_to_a_cluster_follows_its_label(fleet):
    pods = fleet._watches[0].pods
    rung = []
    pods._changed = rung.append
    pods._take(Listed((item("p", "a"), item("q", "a"), item("p", "a", "other"))))
    assert [pod["metadata"]["name"] for pod in pods.of(("test", "a"))] == ["p", "q"]
    rung.clear()
    pods._take(Changed("MODIFIED", item("p", "b")))
    assert set(rung) == {("test", "a"), ("test", "b")}
    assert [len(pods.of(("test", key))) for key in "ab"] == [1, 1]
    pods._take(Changed("DELETED", item("p", "b")))
    assert set(pods.clusters()) == {("test", "a"), ("other", "a")}
    rung.clear()
    pods._take(Listed(()))
    assert set(rung) == {("test", "a"), ("other", "a")} and not pods.clusters()


def test_cycles_come_and_go_with_their_clusters(fleet, monkeypatch):
    began, may_end = threading.Semaphore(0), threading.Event()

    def run(cycle) -> None:
        began.release()
        while not cycle._stop.is_set() and cycle._watches.clusters.of(cycle._key):
            cycle._bell.wait(20)
            cycle._bell.clear()
        may_end.wait(20)

    monkeypatch.setattr(module.ClusterCycle, "run", run)
    monkeypatch.setattr(module.ClusterCycle, "secrets", property(lambda cycle: frozenset({cycle.name})))
    watches = fleet._watches[0]
    fleet.start()
    watches.clusters._take(Listed((item("a"), item("b"))))
    watches.jobs._take(Listed(()))
    assert not fleet.ready and not fleet.cycles()
    watches.pods._take(Listed(()))
    assert began.acquire(timeout=20) and began.acquire(timeout=20)
    assert sorted(cycle.name for cycle in fleet.cycles()) == ["a", "b"]
    assert fleet.secrets() == {"a", "b"}
    watches.clusters._take(Changed("DELETED", item("a")))
    watches.clusters._take(Changed("ADDED", item("a")))
    may_end.set()
    watches.clusters._take(Changed("ADDED", item("c")))
    assert began.acquire(timeout=20)
