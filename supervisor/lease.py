"""Who may act, when several processes could: the holder of a coordination.k8s.io/v1 Lease. Pure.

Nobody's clock is compared with another's: a holder is gone when its Lease has not changed for as long as it is good
for, by the clock of the one who looks. The times are those of client-go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core import spec

DURATION = 15  # seconds without a change after which another may take it
RENEW_DEADLINE = 10.0  # seconds without a renewal after which its holder ends: well before another may begin
RETRY_PERIOD = 2.0  # seconds between two tries, to renew as well as to take

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Sight:
    """The Lease as it was seen, and since when it has been like that; `holder` is '' when nobody has it."""

    holder: str
    renewed: str
    duration: float
    since: float

    def age(self, now: float) -> float:
        return now - self.since


def look(lease: Resource | None, before: Sight | None, now: float) -> Sight:
    """`lease` is None when there is none."""
    body = spec.part(lease or {}, "spec")
    holder, renewed = spec.text(body, "holderIdentity"), spec.text(body, "renewTime")
    same = before is not None and (before.holder, before.renewed) == (holder, renewed)
    duration = float(spec.whole(body, "leaseDurationSeconds", DURATION))
    return Sight(holder, renewed, duration, before.since if same and before else now)


class Move(StrEnum):
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"
    LOST = "lost"  # another has it: stop acting at once


def decide(sight: Sight, *, identity: str, leading: bool, now: float) -> Move:
    if sight.holder == identity:
        return Move.RENEW
    if leading and sight.holder:
        return Move.LOST
    if not sight.holder or sight.age(now) >= sight.duration:
        return Move.TAKE
    return Move.WAIT


def held(lease: Resource | None, identity: str, moment: datetime) -> dict[str, Any]:
    """The spec with which `identity` has it from now on."""
    before = spec.part(lease or {}, "spec")
    time = _micros(moment)
    mine = before.get("holderIdentity") == identity
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": DURATION,
        "acquireTime": before.get("acquireTime") if mine else time,
        "renewTime": time,
        "leaseTransitions": spec.whole(before, "leaseTransitions", 0) + (0 if mine or not lease else 1),
    }


def released(lease: Resource, moment: datetime) -> dict[str, Any]:
    """The spec with which the next one may take it at once."""
    return {**spec.part(lease, "spec"), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micros(moment)}


def _micros(moment: datetime) -> str:
    """Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
