"""Steps that several states take: begin a stop, let go of the cluster, fail, come back after a loss. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from core import canonical, names, times
from core import job as jobs
from core.job import Job
from core.job_status import Delivery, JobStatus, Stability, Stop, Update
from core.states import Phase, RestartPolicy, SavepointMode, StoppedBy
from supervisor import moves, recovery, rollback, settings
from supervisor.decision import Action, Decision, Event, Reason
from supervisor.world import World

BUSY = 0.2  # seconds between two looks while Flink is doing what was asked of it
ANXIOUS = 0.02  # ... while a JobManager that ends takes something along that only it knows
QUICK, SOON = 0.05, 1.0  # ... while something else is on its way
JOB_LOST: Reason = "JobLost"
RESTORE_MISMATCH: Reason = "RestoreMismatch"


def pace(seconds: float) -> float:
    """Seconds until the next look at what has been going on in Flink for so long: often at first, then not for ever."""
    return min(SOON, max(QUICK, seconds / 10))


def same(world: World, why: str, *, delay: float = SOON, **changes: object) -> Decision:
    """Stay in this state."""
    return Decision(world.status.but(message=why, **changes), why, delay)


def to(world: World, phase: Phase, why: str, *, delay: float = 0.0, **changes: object) -> Decision:
    """Go to another state; look again at once."""
    return Decision(world.status.but(supervisor_status=phase, message=why, **changes), why, delay)


def deleted(world: World) -> Decision:
    """Nothing of it runs. An Event says where its state is, if it has any."""
    way = recovery.told(world.status)
    decision = to(world, Phase.TERMINATED, f"deleted{way}")
    return replace(decision, events=(Event("JobStopped", decision.why),)) if way else decision


def suspended(world: World) -> str:
    """Why the spec lets the job not run."""
    return "suspended by spec.suspend" if world.job.suspend else "suspended: spec.jobParallelism is 0"


def changes(world: World) -> str:
    """What the spec says now and the running job does not, '' for nothing."""
    job, status = world.job, world.status
    if not job.parallelism:
        return suspended(world)
    if status.digest.get("bootstrap") != job.bootstrap_digest:
        same = status.delivery.bootstrap == job.bootstrap_spec
        return f"{'flinkConfiguration' if same else 'the bootstrap spec'} changed"
    if status.job_parallelism != job.parallelism:
        return f"the parallelism changes from {status.job_parallelism} to {job.parallelism}"
    return ""


def operation_id(world: World, purpose: str) -> str:
    """32 hex digits that Flink knows a savepoint or stop by; ours, so that a repeated request is the same one, and not
    the one before, however soon it follows."""
    return canonical.digest([world.job.uid, world.status.attempt, purpose, world.now.isoformat()], 32)


def stop(
    world: World,
    why: str,
    *,
    next: Phase,
    by: StoppedBy,
    savepoint: bool,
    forget: bool = False,
    start_from: str = "",
    **more: object,
) -> Decision:
    """Begin to stop the running job: the intent, with its trigger id; Stopping does the rest. A job that stops with a
    savepoint is FINISHED, so that a checkpoint of its own to start from would be gone."""
    own = f"/{world.status.job_id}/" in start_from and outlives_the_run(world)
    savepoint = savepoint and not own
    intent = Stop(
        trigger_id=operation_id(world, "stop"),
        savepoint=savepoint,
        directory=savepoint_directory(world) if savepoint else "",
        drain=savepoint and world.job.drain and by == StoppedBy.PERSON,
        next=next,
        stopped_by=by,
        reason=why,
        requested_at=times.to_text(world.now),
        forget=forget,
        start_from=start_from,
    )
    changes = {"supervisor_status": Phase.STOPPING, "stop": intent, "message": why, "ready_at": "", "retry_at": ""}
    status = world.status.but(**changes, **more)
    return Decision(status, why, 0.0)


def but_savepoints(failure: str) -> str:
    """'' when it is that a savepoint failed."""
    return "" if failure.startswith("SavepointFailed") else failure


def began_wrong(stop: Stop) -> bool:
    """Is it stopped because it did not begin where it was told to? What it wrote is no way back."""
    return stop.reason.startswith(RESTORE_MISMATCH)


def savepoint_directory(world: World) -> str:
    """Of the run that there is; '' for none, which Flink refuses."""
    target = world.job.savepoint.target_path
    return target or settings.savepoint_directory(world.status.delivery.flink_configuration, world.flink_settings)


def wants_savepoint(world: World, *, by_person: bool = False) -> bool:
    """Automatic takes one with every stop, unless a person said without. Manual cancels: the newest checkpoint is then
    where the job comes back from. So it is when the tasks do not run: no savepoint would ever complete, and the edit
    that is to mend the job would wait for one. A checkpoint that goes with the run is no way back in any mode."""
    if world.cluster.without_savepoint or (by_person and world.job.without_savepoint) or moves.leaves(world):
        return False
    automatic = world.job.savepoint.mode == SavepointMode.AUTOMATIC and world.flink.tasks_run
    return automatic or not outlives_the_run(world) or recovery.start_point(world.status) is None


def outlives_the_run(world: World) -> bool:
    """Is its newest checkpoint stored outside of the JobManager, and kept when the run is cancelled?"""
    checkpoints = world.flink.checkpoints
    newest = checkpoints.latest_completed if checkpoints else None
    retained = settings.retains_checkpoints(world.status.delivery.flink_configuration, world.flink_settings)
    return retained and (newest is None or bool(newest.external_path))


def held(world: World) -> dict[str, Any]:
    """What says which pods the job holds from now on."""
    cluster = world.cluster
    return {
        "cluster_name": cluster.name,
        "cluster_uid": cluster.uid,
        "label_selector": names.selector(cluster.name),
        "cluster_revision": cluster.revision,
        "incarnation": cluster.incarnation,
    }


def released(status: JobStatus) -> JobStatus:
    """Lets go of the cluster: nothing of the job runs, and what it left is in the recovery points."""
    return status.but(
        cluster_revision="",
        job_parallelism=0,
        savepoint_trigger_id="",
        savepoint_job_id="",
        ready_at="",
        retry_at="",
        stop=Stop(),
        stability=Stability(),
    )


def lost(world: World) -> Decision:
    """The JobManager that ran the job is gone. It starts again from its newest recovery point, whatever the policy; but
    not for ever with an update that may be what ends the JobManager."""
    failures = world.status.failures
    if rollback.is_trial(world, world.status):
        failures += 1
        if failures >= rollback.LOSSES:
            return _rolled_back(world, f"{JOB_LOST}: {failures} times in a row, the update was never ready")
    status = released(recovery.unseen(world.status, world.status.job_id)).but(
        job_id="",
        job_status="",
        job_parallelism=world.status.job_parallelism,  # should Flink bring the run back
        update=world.status.update if world.status.ready_at else world.status.update.over,
        failures=failures,
        failure=f"{JOB_LOST}: the JobManager that ran it is gone",
    )
    point = recovery.start_point(status)
    way = "no recovery point of it is known" if point is None else f"it comes back from {point or 'an empty state'}"
    why = f"the job was lost with its JobManager; {way}{sought(status)}"
    return Decision(
        status.but(supervisor_status=Phase.STARTING, message=why),
        why,
        0.0,
        events=(Event(JOB_LOST, why),),
    )


def sought(status: JobStatus) -> str:
    """What is done before its next start, as a part of a sentence."""
    return f"; {status.lost_state.what} is looked for first" if recovery.is_sought(status) else ""


def recoverable(world: World) -> str:
    """The run that was lost with its JobManager, which Flink's high availability may bring back; '' for none."""
    status = world.status
    waits = status.supervisor_status == Phase.STARTING and status.failure.startswith(JOB_LOST)
    waits = waits and not moves.has_left(world)
    return jobs.flink_job_id(world.job.uid, status.attempt) if waits else ""


def ended(world: World) -> Decision:
    """The job is over in Flink, by itself or by another hand."""
    if world.flink.status == "FAILED":
        return fail(world, "JobFailed", world.flink.exception or "Flink does not say why")
    status = recovery.with_checkpoint(world, world.status)
    if world.flink.status == "FINISHED":
        status = recovery.with_result(status)
    status = released(status).but(job_status=world.flink.status)
    why = f"the job is {world.flink.status} in Flink"
    return Decision(
        status.but(supervisor_status=Phase.STOPPED, stopped_by=StoppedBy.FLINK, failures=0, failure="", message=why),
        why,
        0.0,
        events=(Event("JobFinished" if world.flink.status == "FINISHED" else "JobCanceled", why),),
    )


def fail(world: World, reason: Reason, text: str, *, ran: bool = False) -> Decision:
    """The job does not run, and nobody wanted that. The restart policy decides, in Stopped.

    A start (not one that `ran`) that failed because its recovery point is not there any more falls to a newer one of
    that run, else to the one before.
    """
    known = recovery.with_checkpoint(world, world.status)
    unreadable = known.restore_path and not (ran or known.ready_at) and recovery.is_missing(known.restore_path, text)
    if unreadable and (newer := recovery.beside(known)):
        why = f"{known.restore_path} cannot be read, looking for a newer one"
        changes = {"supervisor_status": Phase.STARTING, "job_id": "", "lost_state": newer, "message": why}
        return Decision(released(known).but(**changes), why, 0.0)
    if unreadable and (older := recovery.next_point(released(known))):
        why = f"{known.restore_path} cannot be read, trying what else is known: {text}"
        status = older.but(supervisor_status=Phase.STARTING, job_id="", message=why)
        return Decision(status, why, 0.0, events=(Event("RecoveryPointUnreadable", why),))
    if unreadable:
        reason, text = "RecoveryPointUnreadable", f"no recovery point that is known can be read: {text}"
    why = f"{reason}: {text}"
    failures = known.failures + 1
    # A JAR that does not come says little about the update: a node or a registry may be well again.
    again = reason == "BootstrapFailed" and failures < rollback.LOSSES
    if rollback.is_trial(world, known) and not again:
        return _rolled_back(replace(world, status=known), why)
    status = released(known).but(
        supervisor_status=Phase.STOPPED,
        stopped_by=StoppedBy.FLINK,
        job_id="",
        job_status="FAILED",
        failures=failures,
        failure=why,
        retry_at=times.to_text(world.now + timedelta(seconds=pause(world, failures))),
        unreadable=(),
        digest={**known.digest, "bootstrap": known.delivery.digest},  # what failed; an edit since then is tried at once
        message=why,
    )
    if reason == "BootstrapFailed":
        status = fresh_delivery(status)
    return Decision(status, why, 0.0, events=(Event(reason, why),))


def _rolled_back(world: World, why: str) -> Decision:
    """The spec that was Ready last runs again. The reason is in `rejected`: without a `failure`, no run of the update
    that Flink brings back is taken for the job."""
    status = released(rollback.taken_back(world, why)).but(
        supervisor_status=Phase.STARTING, job_id="", job_status="", started_at="", message=why
    )
    told = f"the update failed, the spec from before runs again: {why}"
    return Decision(status, told, 0.0, events=(Event("RolledBack", told),))


def pause(world: World, failures: int) -> float:
    """Seconds: restartDelay, doubled with each failure in a row, up to restartMaxDelay."""
    restart = world.job.restart
    return float(min(restart.delay * 2 ** min(failures - 1, 20), max(restart.max_delay, restart.delay)))


def overdue(world: World, since: str, seconds: float | None = None) -> bool:
    """Has it taken longer than that? Without: than restartTimeout."""
    moment, limit = times.from_text(since), world.job.restart.timeout if seconds is None else seconds
    return moment is not None and world.now - moment > timedelta(seconds=limit)


def lacks_its_jar(status: JobStatus) -> bool:
    """Is it stopped because its JAR could not be carried?"""
    return status.stopped_by == StoppedBy.FLINK and status.failure.startswith("BootstrapFailed")


def starts_again(job: Job, status: JobStatus) -> bool:
    """Does a stopped job start again by itself? Never one that a person stopped, never one that finished. The policy is
    about runs that failed: a job that worked comes back when its JAR can be carried again, whatever it says."""
    policy = job.restart.policy
    if lacks_its_jar(status) and status.stable.digest:
        return True
    if status.stopped_by == StoppedBy.CLUSTER:
        return policy == RestartPolicy.ALWAYS
    if status.stopped_by == StoppedBy.FLINK and status.job_status == "FAILED":
        return policy in (RestartPolicy.ALWAYS, RestartPolicy.ONLY_IF_FAILED)
    return status.stopped_by == StoppedBy.FLINK and status.job_status == "CANCELED" and policy == RestartPolicy.ALWAYS


def fresh_delivery(status: JobStatus) -> JobStatus:
    """The JAR is carried anew: an image's tag may point to something else by now."""
    number = max(status.delivery.number, status.update.delivery.number)
    return status.but(jar_id="", delivery=Delivery(number=number), update=Update())


def act(decision: Decision, action: Action) -> Decision:
    return replace(decision, action=action)
