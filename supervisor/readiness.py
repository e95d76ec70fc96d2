"""A job that runs and to which nothing is to be done: is it ready, is it still, and when to look again. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import times
from core.states import Phase, StoppedBy
from supervisor import moves, recovery, rollback, settings, stability, steps
from supervisor.decision import Decision
from supervisor.world import World


def noted(world: World) -> World:
    """With what this look proves about an update, before anything is decided on it: nobody may have looked for long.
    What has written state is never taken back, unless it began with another state than it was told to."""
    status, flink = world.status, world.flink
    judged = status.supervisor_status == Phase.STOPPING and status.stop.stopped_by == StoppedBy.FLINK
    runs = flink.alive and flink.tasks_run and flink.checkpointing == 0
    works = runs or flink.status == "FINISHED" or recovery.has_written(world)
    if judged or not status.job_id or not works:
        return world
    return replace(world, status=moves.proven(rollback.proven(status))) if recovery.began_as_told(world) else world


def watch(world: World, why: str = "", *, delay: float | None = None) -> Decision:
    """Nothing to do but look: is it ready, and is it still?"""
    status, flink = world.status, world.flink
    settled = flink.tasks_run and _checkpointed(world)
    ready_at = status.ready_at or (times.to_text(world.now) if settled else "")
    changes: dict[str, object] = {"job_status": flink.status, "ready_at": ready_at}
    if ready_at:
        changes["accepted_path"] = ""
    if not flink.tasks_run:
        changes["ready_at"] = ready_at = ""
        trouble = f"TasksNotRunning: {flink.exception or 'not all of its tasks run'}"
        changes |= {"failure": trouble} if flink.exception else {}
        why = f"{trouble}; {why}" if why else trouble
    elif not settled:
        why = why or "waiting for its first checkpoint"
    if _recovered(world, ready_at):
        changes |= {"failures": 0, "failure": "", "retry_at": ""}
    pace = _pace(world) if ready_at else steps.pace(flink.age)
    return steps.same(world, why or "running", delay=pace if delay is None else delay, **changes)


def _checkpointed(world: World) -> bool:
    """One checkpoint completed since the start, where checkpointing is on."""
    return world.flink.checkpointing == 0 or recovery.has_written(world)


def _pace(world: World) -> float:
    """Seconds until the next look: often enough to see each checkpoint while Flink still retains it."""
    if not world.flink.checkpointing:
        return world.cluster.polling_interval
    # Half of the retained ones are for the time that a look itself takes.
    retained = settings.retained_checkpoints(world.status.delivery.flink_configuration, world.flink_settings)
    window = world.flink.checkpointing * (retained - 1) / 2
    return min(world.cluster.polling_interval, max(0.5, window / 2))


def _recovered(world: World, ready_at: str) -> bool:
    """Failures in a row are over when the job has been ready for as long as a restart would have waited (and is found
    healthy), a loss as soon as it is ready again. That a savepoint failed is over when the next one is there."""
    status, since = world.status, times.from_text(ready_at)
    if since is None or pausing(world):
        return False
    if status.failure.startswith("SavepointFailed") and not status.failures:
        # One that a person asked for stays in sight; what the other was for is not wanted any more.
        return bool(status.retry_at) and not steps.changes(world)
    if not status.failures:
        return not status.ready_at
    return world.now - since >= timedelta(seconds=max(world.job.restart.delay, stability.probation(world)))


def pausing(world: World) -> bool:
    """After a savepoint that failed: what it was for is tried again later."""
    retry = times.from_text(world.status.retry_at)
    return retry is not None and world.now < retry
