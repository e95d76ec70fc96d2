"""Stopping: the intent is written; now Flink takes the savepoint and ends the job, in one step of its own.

The job lets go of its cluster when it is over in Flink and its savepoint's path is stored, or when it is known lost. A
savepoint that fails ends the stop, not the job.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import times
from core.job_status import SAVEPOINT, JobStatus, Stop
from core.states import Phase, StoppedBy
from supervisor import recovery, search, steps
from supervisor.decision import Cancel, Decision, Event, Reason, StopJob, parted
from supervisor.readiness import pausing
from supervisor.world import Sight, World

SMALL = 3.0  # seconds: most savepoints take less
AGAIN = timedelta(seconds=10)  # until the last savepoint of a job that is deleted is tried once more
CANCELLING = timedelta(seconds=30)  # for what is left of a deletion then


def decide(world: World) -> Decision:
    stop, flink = world.status.stop, world.flink
    if not world.status.job_id or not world.status.holds_cluster:
        return _next(world, world.status, "nothing runs")
    if world.lost:
        return _lost(world)
    if flink.sight != Sight.SEEN:
        return steps.same(world, "waiting for the JobManager to answer: the job may well run", delay=steps.BUSY)
    if world.job.deleting and stop.next != Phase.TERMINATED:
        return _deleted_meanwhile(world)
    return _with_savepoint(world) if stop.savepoint else _by_cancel(world)


def _lost(world: World) -> Decision:
    world, stop = replace(world, status=search.begun(world)), world.status.stop
    if stop.next == Phase.STARTING and not (stop.forget or stop.start_from or world.job.deleting):
        return steps.lost(world)  # Flink's high availability may bring it back
    sought = steps.sought(world.status) if stop.next == Phase.STARTING and not world.job.deleting else ""
    return _next(world, world.status.but(job_status=""), f"the job was lost with its JobManager{sought}")


def _deleted_meanwhile(world: World) -> Decision:
    stop = world.status.stop
    changed = Stop(
        trigger_id=stop.trigger_id,
        savepoint=stop.savepoint,
        directory=stop.directory,
        drain=stop.drain,
        next=Phase.TERMINATED,
        reason=stop.reason if steps.began_wrong(stop) else "deleted",
        requested_at=stop.requested_at,
    )
    failure = steps.but_savepoints(world.status.failure)
    return steps.same(world, "deleted while it was stopping", delay=0.0, stop=changed, failure=failure)


def _by_cancel(world: World) -> Decision:
    if world.flink.alive:
        decision = steps.same(world, "cancelling the job", delay=steps.BUSY, job_status=world.flink.status)
        return steps.act(decision, Cancel(world.status.job_id))
    stop = world.status.stop
    wrong = steps.began_wrong(stop)
    if world.flink.status == "FINISHED" and not wrong:
        return _ended_before(world)
    teaches = not stop.forget and not wrong
    status = recovery.with_checkpoint(world, world.status) if teaches else world.status
    return _next(world, status.but(job_status=world.flink.status), f"the job is {world.flink.status}")


def _with_savepoint(world: World) -> Decision:
    operation, flink = world.flink.operation, world.flink
    if pausing(world) and flink.alive:
        wanted = world.job.savepoint.on_delete
        return steps.same(world, world.status.message) if wanted else _last_one_failed(world, world.status.failure)
    if operation and operation.state == "FAILED":
        return savepoint_failed(world, operation.failure or "Flink does not say why")
    path = operation.location if operation else _from_history(world)
    if path:
        return _saved(world, path)
    if flink.terminal:
        if operation:
            return steps.same(world, "waiting for the savepoint's path", delay=steps.BUSY)
        return _ended_before(world)
    if operation:
        # The savepoint may be complete, and sinks have committed on it, before the operation says so.
        decision = steps.same(world, "stopping the job with a savepoint", delay=_pace(world))
        return replace(decision, status=recovery.with_checkpoint(world, decision.status))
    stop = world.status.stop
    action = StopJob(world.status.job_id, stop.trigger_id, stop.directory, stop.drain, world.job.savepoint.format)
    return steps.act(steps.same(world, "stopping the job with a savepoint", delay=steps.ANXIOUS), action)


def _pace(world: World) -> float:
    """A job that has stopped so is FINISHED: Flink discards its checkpoints, and only the JobManager knows where the
    savepoint is."""
    asked = times.from_text(world.status.stop.requested_at)
    young = asked is not None and world.now - asked < timedelta(seconds=SMALL)
    return steps.ANXIOUS if young else steps.BUSY


def _from_history(world: World) -> str:
    """The savepoint of a job that is over, when Flink has forgotten the operation."""
    if not world.flink.terminal:
        return ""
    if path := recovery.unstored_savepoint(world):
        return path
    stored = next((point for point in world.status.recovery_points if point.type == SAVEPOINT), None)
    return stored.path if stored and stored.timestamp >= world.status.stop.requested_at else ""


def _ended_before(world: World) -> Decision:
    """It ended by itself before it was stopped. One that has finished is done: only a person makes it run again."""
    stop, flink = world.status.stop, world.flink
    finished = flink.status == "FINISHED"
    if finished and stop.stopped_by not in (StoppedBy.PERSON, StoppedBy.NOBODY):
        return steps.ended(world)
    status = recovery.with_checkpoint(world, world.status).but(job_status=flink.status)
    if finished:
        status = recovery.with_result(status)
    return _next(world, status, f"the job was {flink.status} before it was stopped")


def _saved(world: World, path: str) -> Decision:
    """The path is stored as soon as it is known; the job is let go of when it is over."""
    status = _mended(world.status)
    if status.savepoint_path != path:  # as a recovery point it may be known before its operation is
        ours = world.flink.operation is not None
        status = recovery.with_savepoint(status, path, times.to_text(world.now), world.history_limit, ours=ours)
    if not world.flink.terminal:
        why = "the savepoint is taken, waiting for the job to end"
        return Decision(status.but(message=why), why, _pace(world))
    status = recovery.with_result(status).but(job_status=world.flink.status)
    return _next(world, status, f"stopped with savepoint {path}")


def savepoint_failed(world: World, text: str) -> Decision:
    """The job goes on. What the spec or the cluster wants is tried again later, what a person asked for is not."""
    stop = world.status.stop
    why = f"SavepointFailed: {text}"
    events = (Event("SavepointFailed", why),)
    if stop.next == Phase.TERMINATED:
        return replace(_last_one_failed(world, why), events=events)
    if world.flink.terminal:
        return _ended_before(world)
    retry = world.now + timedelta(seconds=max(10, world.job.restart.delay))
    status = world.status.but(
        supervisor_status=Phase.STARTED,
        stop=Stop(),
        failure=why,
        retry_at="" if stop.stopped_by == StoppedBy.PERSON else times.to_text(retry),
        message=why,
        savepoint_end_timestamp=times.to_text(world.now),
    )
    return Decision(status, why, steps.SOON, events=events)


def _last_one_failed(world: World, why: str) -> Decision:
    """It is tried again for as long as the deletion can wait. Then it was a wish, and the deletion a decision."""
    stop, job, retry = world.status.stop, world.job, world.now + AGAIN
    since = times.from_text(job.deleting)
    waits = since is not None and retry + CANCELLING <= since + timedelta(seconds=job.deletion_deadline)
    if job.savepoint.on_delete and waits and world.flink.alive:
        again = replace(stop, trigger_id=steps.operation_id(world, "stop"))
        text = f"{why}; next try at {times.to_text(retry)}"
        return steps.same(world, text, stop=again, failure=why, retry_at=times.to_text(retry))
    without = Stop(next=stop.next, reason=stop.reason, requested_at=stop.requested_at)
    return steps.same(world, f"{why}; cancelling the job without", delay=0.0, stop=without, failure=why)


def _mended(status: JobStatus) -> JobStatus:
    """A savepoint that failed is over when the job is stopped, with another one or without."""
    return status.but(failure=steps.but_savepoints(status.failure))


def _next(world: World, status: JobStatus, why: str) -> Decision:
    """Lets go of the cluster and goes where the stop was to lead."""
    stop = status.stop
    phase = Phase.TERMINATED if world.job.deleting else stop.next
    if phase != Phase.STARTING:
        why += recovery.told(status, why)
    if phase != Phase.TERMINATED or status.job_status == "FINISHED":  # with the savepoint, or by itself
        status = _mended(status)
    unhealthy = stop.stopped_by == StoppedBy.SUPERVISOR
    failed = unhealthy or stop.stopped_by == StoppedBy.FLINK
    status = steps.released(status).but(
        supervisor_status=phase,
        job_id="",
        job_status="FAILED" if failed else "" if phase == Phase.STARTING else status.job_status,
        stopped_by=stop.stopped_by if phase == Phase.STOPPED else StoppedBy.NOBODY,
        message=why,
    )
    if failed:
        return steps.fail(_seen_as(world, status), *parted(status.failure), ran=unhealthy)
    if stop.stopped_by == StoppedBy.PERSON and phase == Phase.STARTING:
        status = steps.fresh_delivery(status)
        if not stop.savepoint:  # then as much lost work as there is now was asked for
            status = status.but(accepted_path=recovery.start_point(status) or "")
    if not status.update.planned:
        status = status.but(update=status.update.over)
    if stop.forget:
        status = recovery.forgotten(status)
    if stop.start_from:
        status = recovery.chosen(status, stop.start_from, times.to_text(world.now))
    reason: Reason = "JobRestarting" if phase == Phase.STARTING else "JobStopped"
    return Decision(status, f"{why}: {stop.reason}", 0.0, events=(Event(reason, f"{why} ({stop.reason})"),))


def _seen_as(world: World, status: JobStatus) -> World:
    return World(world.now, world.job, status, world.cluster)
