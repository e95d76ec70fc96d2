"""Slots that are somebody's before Flink counts them as taken: those of a submission on its way, of a job whose tasks
wait for slots in Flink, and of one that is to run again. Without this, two jobs that wait for one slot would both be
submitted, and a job that is edited, or loses its JobManager, would lose its slots to one that only waited."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from core import times
from core.job_status import JobStatus
from core.states import Phase, StoppedBy
from supervisor import steps
from supervisor.decision import Decision, Run
from supervisor.jobmanager import Look
from supervisor.world import TERMINAL, Sight, World

KEPT = timedelta(seconds=60)  # since it was last said that a job has a right to them


class Claim(NamedTuple):
    slots: int
    until: datetime
    returns: bool  # of a job that is to run again: nothing to another one that is, lest they wait for each other


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

    def take(self, uid: str, slots: int, free: int, until: datetime) -> int | None:
        """For a submission, which may take so long. None, or how many are left when others were first."""
        with self._lock:
            if (left := self._left(uid, free)) < slots:
                return left
            self._hold(uid, slots, until, False)
            return None

    def hold(self, uid: str, slots: int, now: datetime, *, returns: bool = False) -> None:
        """Again and again, as long as the job has a right to them."""
        with self._lock:
            self._hold(uid, slots, now + KEPT, returns)

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
        own = self._claims.get(uid)
        others = (claim for other, claim in self._claims.items() if other != uid)
        return max(0, free - sum(claim.slots for claim in others if not (claim.returns and own and own.returns)))

    def _hold(self, uid: str, slots: int, until: datetime, returns: bool) -> None:
        before = self._claims.get(uid)
        self._claims[uid] = Claim(slots, max(until, before.until) if before else until, returns)
        self._over.discard(uid)


def asked(world: World, decision: Decision) -> int:
    """Slots that this decision needs: for a submission, or for a stop after which the job is to have more of them."""
    status, stop = world.status, decision.status.stop
    if isinstance(decision.action, Run):
        return 0 if status.job_id else decision.action.parallelism
    here = stop.stopped_by in (StoppedBy.PERSON, StoppedBy.SPEC) and stop.next == Phase.STARTING
    stops = decision.status.supervisor_status == Phase.STOPPING and not world.flink.terminal
    return max(0, world.job.parallelism - status.job_parallelism) if stops and here else 0


def is_between_runs(world: World, decision: Decision) -> bool:
    """Has its run ended, or is its next one on its way?"""
    ended = world.flink.terminal and world.status.supervisor_status != Phase.STOPPED
    return ended or starts(world.status) or starts(decision.status)


def waits_in_flink(world: World) -> bool:
    """Was it submitted, and do its tasks not have their slots yet? One that Flink restarts has them still, or waits
    for them in a moment."""
    status, flink = world.status, world.flink
    since = max(status.started_at, status.ready_until)  # as text they are in the order of time
    if not status.job_id or world.problems or steps.overdue(world, since):
        return False
    if flink.sight == Sight.SEEN:
        return flink.alive and not flink.has_slots and flink.status not in ("RESTARTING", "FAILING", "CANCELLING")
    return status.supervisor_status == Phase.STARTING


def has_just_ended(status: JobStatus, look: Look) -> bool:
    """Is its run over, or gone, and nothing decided yet? There may be a next one."""
    run, phase = look.jobs.get(status.job_id), status.supervisor_status
    if run:
        return run.status in TERMINAL and phase != Phase.STOPPED
    return look.answering and phase in (Phase.STARTED, Phase.STOPPING)


def comes_back(status: JobStatus, now: datetime, timeout: int) -> bool:
    """Did it work until a moment ago? Then it goes before those that never ran, whether it was stopped for its next
    run, lost with its pods, or taken back to the spec from before; not for ever, lest it hold them up in vain."""
    since = times.from_text(max(status.ready_until, status.rejected.at))
    return starts(status) and since is not None and now - since <= timedelta(seconds=timeout)


def starts(status: JobStatus) -> bool:
    """Is its next run on its way, and not submitted?"""
    return status.supervisor_status == Phase.STARTING and not status.job_id
