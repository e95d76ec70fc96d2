"""Who may act: the table of decisions, and two candidates for one Lease that is written with its precondition."""

from __future__ import annotations

import copy
import itertools
import threading
from datetime import UTC, datetime

import pytest

from clients.kube import AlreadyExists, Conflict, NotFound, Unreachable
from supervisor import leader as module
from supervisor import lease
from supervisor.leader import Leader
from supervisor.lease import Move, Sight, decide, held, look, released

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def of(holder: str, *, renewed: str = "1", duration: int = 15) -> dict:
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}}


@pytest.mark.parametrize(
    ("found", "leading", "age", "move"),
    [
        (None, False, 0, Move.TAKE),
        (of(""), False, 0, Move.TAKE),
        (of("me"), False, 0, Move.RENEW),  # taken, and the answer was lost
        (of("me"), True, 99, Move.RENEW),
        (of("other"), False, 0, Move.WAIT),
        (of("other"), False, 14.9, Move.WAIT),
        (of("other"), False, 15, Move.TAKE),
        (of("other", duration=60), False, 15, Move.WAIT),
        (of("other"), True, 0, Move.LOST),
        (of("other"), True, 99, Move.LOST),
        (None, True, 0, Move.TAKE),
    ],
)
def test_the_decision(found, leading, age, move):
    sight = look(found, None, 100.0)
    assert decide(sight, identity="me", leading=leading, now=100.0 + age) == move


@pytest.mark.parametrize("renewed", ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
def test_the_holders_clock_says_nothing(renewed):
    """Only that it changed does."""
    first = look(of("other", renewed=renewed), None, 0.0)
    assert decide(first, identity="me", leading=False, now=14.0) == Move.WAIT
    same = look(of("other", renewed=renewed), first, 14.0)
    assert decide(same, identity="me", leading=False, now=15.0) == Move.TAKE
    changed = look(of("other", renewed="later"), same, 15.0)
    assert decide(changed, identity="me", leading=False, now=29.0) == Move.WAIT
    assert changed == Sight("other", "later", 15.0, 15.0)


def test_a_holder_ends_before_another_begins():
    assert lease.RENEW_DEADLINE < lease.DURATION
    assert sum(module.TIMEOUT) + lease.RETRY_PERIOD < lease.RENEW_DEADLINE


def test_what_is_written():
    first = held(None, "a", MOMENT)
    assert first["renewTime"] == first["acquireTime"] == "2026-03-01T00:00:00.000000Z"
    again = held({"spec": first}, "a", MOMENT.replace(second=2))
    assert (again["acquireTime"], again["renewTime"]) == (first["acquireTime"], "2026-03-01T00:00:02.000000Z")
    free = released({"spec": again}, MOMENT)
    assert look({"spec": free}, None, 0.0).holder == ""
    assert [held({"spec": spec}, "b", MOMENT)["leaseTransitions"] for spec in (again, free)] == [1, 1]


class Kube:
    """One Lease, and its resourceVersion as the precondition."""

    def __init__(self) -> None:
        self.lease, self.versions, self.answers = None, itertools.count(1), True

    def _stored(self, body):
        self.lease = copy.deepcopy({**body, "metadata": {**body["metadata"], "resourceVersion": next(self.versions)}})

    def get(self, resource, name, *, namespace):
        if not self.answers:
            raise Unreachable("no", sent=True)
        if self.lease is None:
            raise NotFound(404, "NotFound", name)
        return copy.deepcopy(self.lease)

    def create(self, resource, body, *, namespace):
        if self.lease:
            raise AlreadyExists(409, "AlreadyExists", "there")
        self._stored(body)

    def replace(self, resource, body, *, namespace):
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "changed")
        self._stored(body)

    @property
    def holder(self) -> str:
        return self.lease["spec"]["holderIdentity"]


@pytest.fixture
def now(monkeypatch):
    time = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    monkeypatch.setattr(Leader, "_keep", lambda self: None)
    return time


def candidate(kube) -> Leader:
    owner = {"apiVersion": "v", "kind": "K", "metadata": {"name": "n", "uid": "u", "labels": {}}}
    return Leader(kube, "team", "supervisor-demo", owner=lambda: owner)


def leads(leader: Leader) -> bool:
    leader._try()
    return leader._leading


def test_one_leads_and_the_next_follows_at_once_when_it_lets_go(now):
    kube = Kube()
    one, two = candidate(kube), candidate(kube)
    assert one.campaign(threading.Event()) and not leads(two)
    assert kube.holder == one.identity != two.identity
    assert kube.lease["metadata"]["ownerReferences"] == [{"apiVersion": "v", "kind": "K", "name": "n", "uid": "u"}]
    one.release()
    assert leads(two) and kube.holder == two.identity
    one.release()
    assert kube.holder == two.identity


def test_a_dead_holder_is_followed_when_its_lease_has_not_changed_for_long_enough(now):
    kube = Kube()
    one, two = candidate(kube), candidate(kube)
    assert leads(one) and not leads(two)
    now[0] += 14.9
    assert not leads(two) and one.lost
    now[0] += 0.1
    assert leads(two)
    one._try()
    assert one._lost


@pytest.mark.parametrize("trouble", ["silence", "conflict"])
def test_a_holder_that_cannot_renew_has_lost_it_after_the_deadline(now, monkeypatch, trouble):
    kube = Kube()
    one = candidate(kube)
    assert leads(one)

    def refuse(*args, **more):
        raise Conflict(409, "Conflict", "changed")

    kube.answers = trouble != "silence"
    monkeypatch.setattr(kube, "replace", refuse)
    now[0] += 9.9
    one._try()
    assert not one.lost
    now[0] += 0.1
    one._try()
    assert one.lost


def test_who_is_told_to_end_before_it_leads_never_does(now):
    kube, stop = Kube(), threading.Event()
    stop.set()
    assert not candidate(kube).campaign(stop)
    assert kube.lease is None
