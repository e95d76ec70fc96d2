"""What shall happen, drawn from a seed: the same seed and kinds give the same steps, however many are taken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# What a person does before the faults come, so that they hit something under way. Nothing in two cases of seven.
ACTIONS = ("", "", "savepoint", "restart", "scale", "edit-job", "edit-cluster")

# Kind → whether it lasts. The others are over in a moment.
ANYWHERE = {
    "jobmanager-killed": False,
    "taskmanager-killed": False,
    "supervisor-killed": False,
    "bootstrap-killed": False,
    "hooks-killed": False,
    "metacontroller-restarted": False,
    "jobmanager-deleted": False,
    "taskmanager-deleted": False,
    "supervisor-deleted": False,
}
# They need to get at the processes, at the API store and at the way from the supervisor to Flink.
LOCAL = {
    "jobmanager-frozen": True,
    "taskmanager-frozen": True,
    "supervisor-frozen": True,
    "api-conflict": True,
    "api-error": True,
    "api-hang": True,
    "api-lost": True,
    "watches-cut": False,
    "watches-late": True,
    "rest-refused": True,
    "rest-hang": True,
    "rest-lost": True,
    "submission-lost": False,
}
API_STOPPED = {"api-stopped": True}

TWO_AT_ONCE = 0.25
# Seconds. The long ones outlast the supervisor's own time-outs.
GAP, SHORT, LONG = (0.0, 2.0), (1.0, 6.0), (12.0, 20.0)
LONG_SHARE = 0.15


@dataclass(frozen=True)
class Fault:
    """`after` so many seconds from the first one; `pick` chooses the victim among those that are there, 0 <= pick < 1;
    `share` is that of the requests that meet it."""

    kind: str
    after: float
    seconds: float
    pick: float
    share: float


@dataclass(frozen=True)
class Step:
    """Somebody does something with the job that `pick` chooses, and `gap` seconds later it begins."""

    number: int
    action: str
    pick: float
    gap: float
    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        return " + ".join(fault.kind for fault in self.faults)


BEGINNING = Step(-1, "start", 0.0, 0.0, ())  # before the first one


def step(seed: int, number: int, kinds: Sequence[str]) -> Step:
    """The step of that number. All draws are made from its number alone."""
    draw = random.Random(f"{seed}/{number}")
    action, pick, gap = draw.choice(ACTIONS), _share(draw), draw.uniform(*GAP)
    wanted = draw.sample(sorted(kinds), min(len(kinds), 2 if draw.random() < TWO_AT_ONCE else 1))
    faults = tuple(_fault(draw, kind, later) for later, kind in enumerate(wanted))
    return Step(number, action, pick, round(gap, 2), faults)


def _fault(draw: random.Random, kind: str, later: int) -> Fault:
    after = draw.uniform(0.0, SHORT[1]) * bool(later)
    lasts = (ANYWHERE | LOCAL | API_STOPPED)[kind]
    seconds = draw.uniform(*(LONG if draw.random() < LONG_SHARE else SHORT)) if lasts else 0.0
    return Fault(kind, round(after, 2), round(seconds, 2), _share(draw), draw.choice((0.3, 0.6, 1.0)))


def _share(draw: random.Random) -> float:
    return draw.randrange(1000) / 1000
