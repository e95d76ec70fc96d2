"""Does a job that runs also get on? Flink restarts tasks by itself, for ever if need be, and says RUNNING. Pure.

What is counted is in the status, so that a new supervisor goes on counting. It changes only when something happened,
and an answer that did not come changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core import times
from core.job_status import Stability
from core.states import Phase, RestartPolicy, StoppedBy, UnhealthyPolicy
from supervisor import recovery, steps
from supervisor.decision import Decision, Event, Reason, parted
from supervisor.world import World

LOOP: Reason = "RestartLoop"
NO_CHECKPOINT: Reason = "NoCheckpoint"
MISSED = 5  # intervals without a completed checkpoint


def judged(world: World) -> World:
    """With what this look has shown in its status."""
    if not world.flink.alive:
        return world
    stability = _checkpoints(world, _restarts(world, world.status.stability))
    return replace(world, status=world.status.but(stability=stability))


def announced(world: World, decision: Decision) -> Decision:
    """With an Event when it turned unhealthy just now; `world` is as it was before."""
    before, after = world.status.stability.trouble, decision.status.stability.trouble
    if not after or parted(before)[0] == parted(after)[0]:
        return decision
    return replace(decision, events=(*decision.events, Event(*parted(after))))


def restart(world: World) -> Decision | None:
    """A run that does not get on ends like one that failed: the restart policy and its back-off go on from there."""
    status, wanted = world.status, world.job.restart
    if not status.stability.trouble or wanted.unhealthy_policy != UnhealthyPolicy.RESTART:
        return None
    if wanted.policy == RestartPolicy.NEVER or status.savepoint_trigger_id or not _can_come_back(world):
        return None
    why = status.stability.trouble
    return steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.SUPERVISOR, savepoint=False, failure=why)


def probation(world: World) -> int:
    """Seconds for which a new run must do well before its failures are forgotten, so that each one waits longer."""
    wanted = world.job.restart
    return wanted.unhealthy_window if wanted.unhealthy_policy == UnhealthyPolicy.RESTART else 0


def _can_come_back(world: World) -> bool:
    """By itself, with all that it has completed: nothing is given up for a run that may be no better."""
    status = recovery.with_checkpoint(world, world.status).but(ready_until=times.to_text(world.now))
    again = recovery.work_since(status, recovery.start_point(status))
    limit = world.job.savepoint.max_state_age
    too_old = bool(limit) and again is not None and again > limit
    return steps.outlives_the_run(world) and not too_old and recovery.start_point(status) is not None


def _restarts(world: World, known: Stability) -> Stability:
    """Counted in windows, one after the other. One in which nothing happened has no end, and is not written."""
    count, since = world.flink.restarts, times.from_text(known.restarts_at)
    if count is None:
        return known
    wanted, grown, loops = world.job.restart, count - known.restarts, known.trouble.startswith(LOOP)
    many = grown > wanted.unhealthy_restarts
    here = replace(known, restarts=count, restarts_at=times.to_text(world.now))
    if loops and not many:
        here = replace(here, trouble="")
    if since is None or grown < 0:
        return here
    if world.now - since < timedelta(seconds=wanted.unhealthy_window):
        return replace(known, trouble=_loop(world, grown, since)) if many and not loops else known
    return here if grown or loops else known


def _loop(world: World, grown: int, since: datetime) -> str:
    span = times.span(int((world.now - since).total_seconds()))
    last = world.flink.exception or world.status.failure.removeprefix("TasksNotRunning: ")
    return f"{LOOP}: Flink restarted its tasks {grown} times in {span}{'; the last: ' + last if last else ''}"


def _checkpoints(world: World, known: Stability) -> Stability:
    """While all its tasks run. A savepoint is progress too."""
    flink, misses = world.flink, known.trouble.startswith(NO_CHECKPOINT)
    if not flink.checkpointing or flink.checkpoints is None:
        return known
    healthy = replace(known, trouble="") if misses else known
    if not flink.tasks_run:
        return replace(healthy, checkpoint_at="")
    newest, since = recovery.newest_completed(world), times.from_text(known.checkpoint_at)
    here = replace(healthy, checkpoint=newest, checkpoint_at=times.to_text(world.now))
    if since is None:
        return here
    window = timedelta(seconds=max(world.job.restart.unhealthy_window, MISSED * flink.checkpointing))
    if newest != known.checkpoint:
        # Written now and then: the next one that is missing is noticed so much later.
        return here if misses or world.now - since >= window / 4 else known
    if known.trouble or world.now - since < window:
        return known
    span = times.span(int((world.now - since).total_seconds()))
    failed = f"; {flink.checkpoints.failed} failed" if flink.checkpoints.failed else ""
    return replace(known, trouble=f"{NO_CHECKPOINT}: its tasks run, and none was completed for {span}{failed}")
