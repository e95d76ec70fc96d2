"""Slots that are somebody's before Flink counts them as taken: those of a submission on its way, of a job whose tasks
wait for slots in Flink, and of one that has stopped to start again. Without this, two jobs that wait for one slot would
both be submitted, and a job that is edited would lose its slots to one that waits."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from core.job_status import JobStatus
from core.states import Phase, StoppedBy
from supervisor import steps
from supervisor.jobmanager import Look
from supervisor.world import TERMINAL, Sight, World

# Since it was last said that a job has a right to them: one that stopped, and does not start, then waits as any other.
KEPT = timedelta(seconds=60)


class Claim(NamedTuple):
    slots: int
    until: datetime


class Claims:
    """Of the jobs of one cluster, by uid. For all of their threads."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._over: set[str] = set()
        self._lock = threading.Lock()

    def left(self, uid: str, free: int) -> int:
        """Of the slots that Flink calls free, those that no other job claims."""
        with self._lock:
            return self._left(uid, free)

    def take(self, uid: str, slots: int, free: int, until: datetime) -> bool:
        """For a submission, which may take so long; False when others were first."""
        with self._lock:
            if self._left(uid, free) < slots:
                return False
            self._hold(uid, slots, until)
            return True

    def hold(self, uid: str, slots: int, now: datetime) -> None:
        """Again and again, as long as the job has a right to them."""
        with self._lock:
            self._hold(uid, slots, now + KEPT)

    def hand_over(self, uid: str, status: JobStatus, look: Look, now: datetime) -> None:
        """From the run of a job that has just ended to its next one, before any other job sees what is free now."""
        run = look.jobs.get(status.job_id)
        if run and run.status in TERMINAL and _comes_back(status):
            self.hold(uid, status.job_parallelism, now)

    def release(self, uid: str) -> None:
        """Its tasks have their slots, or nothing of it is there. What is free was counted before: see settle()."""
        with self._lock:
            self._over.add(uid)

    def settle(self, jobs: Collection[str], now: datetime) -> None:
        """Before Flink is asked anew what is free; `jobs` are those that there are."""
        with self._lock:
            alive = set(jobs) - self._over
            self._claims = {uid: claim for uid, claim in self._claims.items() if uid in alive and now < claim.until}
            self._over.clear()

    def _left(self, uid: str, free: int) -> int:
        return max(0, free - sum(claim.slots for other, claim in self._claims.items() if other != uid))

    def _hold(self, uid: str, slots: int, until: datetime) -> None:
        self._claims[uid] = Claim(slots, until)
        self._over.discard(uid)


def waits_in_flink(world: World) -> bool:
    """Was it submitted, and do its tasks not have their slots yet? One that Flink restarts has them still, or waits
    for them in a moment."""
    status, flink = world.status, world.flink
    if not status.job_id or world.problems:
        return False
    if flink.sight == Sight.SEEN:
        return flink.alive and not flink.has_slots and flink.status not in ("RESTARTING", "FAILING", "CANCELLING")
    return status.supervisor_status == Phase.STARTING and not steps.overdue(world, status.started_at)


def is_between_runs(world: World) -> bool:
    """Has it stopped to start again?"""
    status = world.status
    starts = status.supervisor_status == Phase.STARTING and not status.job_id
    return starts or (world.flink.terminal and _comes_back(status))


def _comes_back(status: JobStatus) -> bool:
    """On the same pods."""
    stop = status.stop
    here = stop.stopped_by in (StoppedBy.PERSON, StoppedBy.SPEC)
    return status.supervisor_status == Phase.STOPPING and stop.next == Phase.STARTING and here
