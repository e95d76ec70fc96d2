"""Started: the job's tasks run. What ends that, what changes it, and the savepoints of a running job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Any

from core import schedule, times
from core.job_status import JobStatus, RejectedSpec
from core.states import Phase, StoppedBy
from supervisor import delivery, history, recovery, rollback, stability, steps
from supervisor.decision import Decision, Event, TakeSavepoint
from supervisor.readiness import pausing, watch
from supervisor.world import Sight, World


def decide(world: World) -> Decision:
    seen = stability.judged(world)
    guards = (
        _lost,
        _silent,
        _over,
        _deleting,
        _cluster_goes,
        _request,
        _pause,
        delivery.no_update,
        _new_spec,
        _unproven,
        stability.restart,
        _savepoint,
        history.tidied,
    )
    return stability.announced(world, _followed(seen, _first(seen, *guards)))


def hold(world: World) -> Decision:
    """While its spec is wrong: it is watched, and a savepoint that was asked for is waited for."""
    asked = (_savepoint,) if world.status.savepoint_trigger_id else ()
    return _first(world, _lost, _silent, _over, *asked)


def _first(world: World, *guards: Callable[[World], Decision | None]) -> Decision:
    decision = next(filter(None, (guard(world) for guard in guards)), None)
    return _with_checkpoint(world, decision or watch(world))


def _followed(world: World, decision: Decision) -> Decision:
    """A start of the cluster without savepoint that did not stop this job was not about it. One that is yet to stop it
    is told by `without_savepoint`."""
    cluster, status = world.cluster, decision.status
    pending = cluster.without_savepoint or cluster.phase not in (Phase.STARTING, Phase.STARTED)
    if pending or status.supervisor_status != Phase.STARTED:
        return decision
    return replace(decision, status=status.but(forgets=cluster.forgets))


def _with_checkpoint(world: World, decision: Decision) -> Decision:
    """Whatever is decided: a checkpoint that was seen is a way back."""
    if (
        decision.status.supervisor_status == Phase.STARTING
        or decision.status.recovery_points != world.status.recovery_points
    ):
        return decision
    return replace(decision, status=recovery.with_checkpoint(world, decision.status))


def _lost(world: World) -> Decision | None:
    return steps.lost(world) if world.lost else None


def _silent(world: World) -> Decision | None:
    """Unknown is not failed: the job may well run."""
    if world.flink.sight == Sight.SEEN:
        return None
    return steps.same(world, "the JobManager does not answer; the job may well run")


def _over(world: World) -> Decision | None:
    return steps.ended(world) if world.flink.terminal else None


def _deleting(world: World) -> Decision | None:
    if not world.job.deleting:
        return None
    savepoint, failure = world.job.savepoint.on_delete, steps.but_savepoints(world.status.failure)
    return steps.stop(
        world, "deleted", next=Phase.TERMINATED, by=StoppedBy.NOBODY, savepoint=savepoint, failure=failure
    )


def _cluster_goes(world: World) -> Decision | None:
    """A stop by a person ends as the restart policy says; a new revision or a suspension brings the job back."""
    cluster = world.cluster
    if cluster.phase not in (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATED) or pausing(world):
        return None
    savepoint = steps.wants_savepoint(world)
    if cluster.stopped or cluster.deleting:
        why = "the cluster is stopped" if cluster.stopped else "the cluster is deleted"
        return steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.CLUSTER, savepoint=savepoint)
    why = "the cluster is suspended" if cluster.suspended else "the cluster gets new pods"
    return steps.stop(world, why, next=Phase.STARTING, by=StoppedBy.CLUSTER, savepoint=savepoint)


def _request(world: World) -> Decision | None:
    """What a person asks for with the annotation."""
    savepoint = steps.wants_savepoint(world, by_person=True)
    match world.job.action:
        case "STOP":
            decision = steps.stop(
                world, "stopped on request", next=Phase.STOPPED, by=StoppedBy.PERSON, savepoint=savepoint
            )
        case "START":
            decision = steps.stop(
                world,
                "restarted on request",
                next=Phase.STARTING,
                by=StoppedBy.PERSON,
                savepoint=savepoint,
                forget=world.job.without_savepoint,
                start_from=world.job.from_savepoint,
                rejected=RejectedSpec(),
            )
        case "TRIGGER_SAVEPOINT" if not world.status.savepoint_trigger_id:
            decision = _take_savepoint(world, "a savepoint on request")
        case "FORGET_SAVEPOINT":
            why = "recovery points forgotten on request"
            decision = Decision(recovery.forgotten_so_far(world).but(message=why), why, steps.SOON)
        case _:
            return None
    return replace(decision, handled=True)


def _pause(world: World) -> Decision | None:
    """After a savepoint that failed: the job goes on, and the change it was for is tried again later."""
    if not pausing(world) or not (steps.changes(world) or world.cluster.phase == Phase.STOPPING):
        return None
    return _meanwhile(world, f"{world.status.failure}; next try at {world.status.retry_at}")


def _meanwhile(world: World, why: str, delay: float = inf) -> Decision:
    """While a change has to wait, the job is as any other one that runs."""
    decision = _savepoint(world) or watch(world, why)
    return replace(decision, delay=min(decision.delay, delay))


def _new_spec(world: World) -> Decision | None:
    why = steps.changes(world)
    if not why:
        return None
    if rollback.is_superseded(world):
        # It will begin where this update began.
        return steps.stop(world, why, next=Phase.STARTING, by=StoppedBy.SPEC, savepoint=False)
    savepoint = steps.wants_savepoint(world)
    if not world.job.parallelism:
        return steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.SPEC, savepoint=savepoint)
    there = world.cluster.slots_free + world.status.job_parallelism
    if there < world.job.parallelism:
        # The job goes on until there is room for it.
        return _meanwhile(world, f"{why}: waiting for slots, {there} of {world.job.parallelism} are there")
    if world.status.digest.get("bootstrap") != world.job.bootstrap_digest and (ahead := delivery.look_ahead(world)):
        looked = replace(world, status=ahead.status)
        if ahead.events or (ahead.action and not world.status.savepoint_trigger_id):
            return replace(watch(looked, ahead.why, delay=ahead.delay), action=ahead.action, events=ahead.events)
        return _meanwhile(looked, ahead.why, ahead.delay)
    return steps.stop(world, why, next=Phase.STARTING, by=StoppedBy.SPEC, savepoint=savepoint)


def _unproven(world: World) -> Decision | None:
    """An update that runs, and does not become Ready in time."""
    if not rollback.overdue(world):
        return None
    text = world.flink.exception or ("no checkpoint completes" if world.flink.tasks_run else "its tasks do not run")
    why = f"UpdateNotReady: {text}"
    return steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.FLINK, savepoint=False, failure=why)


def _take_savepoint(world: World, why: str) -> Decision:
    trigger = steps.operation_id(world, "savepoint")
    decision = steps.same(
        world,
        why,
        delay=steps.BUSY,
        savepoint_trigger_id=trigger,
        savepoint_job_id=world.status.job_id,
        savepoint_request_timestamp=times.to_text(world.now),
        savepoint_directory=steps.savepoint_directory(world),
    )
    return steps.act(decision, _savepoint_action(world, decision.status))


def _savepoint_action(world: World, status: JobStatus) -> TakeSavepoint:
    """As the status says: a repetition is the same request."""
    wanted = world.job.savepoint
    directory = status.savepoint_directory or wanted.target_path
    return TakeSavepoint(status.job_id, status.savepoint_trigger_id, directory, wanted.format)


def _savepoint(world: World) -> Decision | None:
    """The one that is on its way, or the next of the period."""
    status = world.status
    if status.savepoint_trigger_id:
        return _savepoint_on_its_way(world)
    due = _due(world)
    return _take_savepoint(world, "a periodic savepoint") if due and world.now >= due else None


def _due(world: World) -> datetime | None:
    """When the next periodic savepoint is to be taken, if the job stays ready until then."""
    status, wanted = world.status, world.job.savepoint
    ready = times.from_text(status.ready_at)
    if ready is None:
        return None
    last, ended = map(times.from_text, (status.savepoint_request_timestamp, status.savepoint_end_timestamp))
    return schedule.due(wanted.interval, wanted.schedule, world.job.uid, last=last or ready, ended=ended, ready=ready)


def _savepoint_on_its_way(world: World) -> Decision:
    status, operation = world.status, world.flink.operation
    if operation is None:
        # Flink does not know it: the request was lost, or the result has expired.
        if path := recovery.unstored_savepoint(world):
            return _savepoint_done(world, path)
        decision = steps.same(world, "asking for the savepoint", delay=steps.BUSY)
        return steps.act(decision, _savepoint_action(world, status))
    if operation.location:
        return _savepoint_done(world, operation.location)
    if operation.state == "FAILED":
        return savepoint_failed(world, operation.failure or "Flink does not say why")
    return watch(world, "a savepoint is being taken", delay=steps.BUSY)


def _ended(world: World) -> dict[str, Any]:
    return {"savepoint_trigger_id": "", "savepoint_job_id": "", "savepoint_end_timestamp": times.to_text(world.now)}


def savepoint_failed(world: World, text: str) -> Decision:
    """The job goes on; the next savepoint is the next one asked for, or the next of the period."""
    why = f"SavepointFailed: {text}"
    decision = steps.same(world, why, failure=why, **_ended(world))
    return Decision(decision.status, why, decision.delay, events=(Event("SavepointFailed", why),))


def _savepoint_done(world: World, path: str) -> Decision:
    why = f"savepoint {path}"
    now, ours = times.to_text(world.now), world.flink.operation is not None
    status = recovery.with_checkpoint(world, world.status)  # before it: see with_savepoint
    status = recovery.with_savepoint(status, path, now, world.history_limit, ours=ours).but(
        message=why, **_ended(world)
    )
    status = status.but(failure=steps.but_savepoints(status.failure))
    return Decision(status, why, steps.SOON, events=(Event("SavepointCompleted", why),))
