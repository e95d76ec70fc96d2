"""A FlinkJob's conditions and the Toolbox's summary fields, from the status that was decided. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import conditions, times
from core.conditions import Condition
from core.job_status import JobStatus
from core.states import HEALTHY, Phase, ResourceStatus, RestartPolicy, StoppedBy
from supervisor import steps
from supervisor.world import World

SILENT = "JobManagerSilent"


def described(world: World, status: JobStatus) -> JobStatus:
    """The status with everything that only describes it."""
    job, cluster = world.job, world.cluster
    running = status.supervisor_status == Phase.STARTED
    settled = status.supervisor_status in (Phase.STARTED, Phase.STOPPED, Phase.TERMINATED)
    on_its_way = bool(status.savepoint_trigger_id) or (running and not status.ready_at)
    behind = running and bool(steps.changes(replace(world, status=status)))
    as_wanted = not (world.problems or status.rejected.digest or behind)
    return status.but(
        resource_status=ResourceStatus.UPDATED if settled and as_wanted and not on_its_way else ResourceStatus.UPDATING,
        cluster_health=HEALTHY if cluster.answering and cluster.phase == Phase.STARTED else "",
        savepoint_mode=str(job.savepoint.mode),
        restart_policy=str(job.restart.policy),
        observed_generation=job.generation,
        conditions=_stored(world, status, _conditions(world, status)),
    )


def _stored(world: World, status: JobStatus, told: list[Condition]) -> tuple[dict[str, object], ...]:
    now = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple(conditions.merged(status.conditions, told, generation=world.job.generation, now=now))


def _conditions(world: World, status: JobStatus) -> list[Condition]:
    phase = status.supervisor_status
    ready, reason = (False, "InvalidSpec") if world.problems else _ready(world, status)
    waits = phase == Phase.STARTING and world.cluster.suspended and not status.holds_cluster
    down = waits or (phase in (Phase.STOPPED, Phase.TERMINATED) and not ready and not _failed(status))
    stalled, what = _stalled(world, status, down)
    progressing = not ready and not down and not stalled
    why, trouble = _trouble(world, status, progressing)
    return [
        Condition(conditions.READY, ready, reason, what or status.message),
        Condition(conditions.PROGRESSING, progressing, reason, status.message),
        Condition(conditions.DEGRADED, bool(why), why or "AsExpected", trouble),
        Condition(conditions.SUSPENDED, down, reason if down else "Running", status.message if down else ""),
        Condition(conditions.STALLED, bool(stalled), stalled or "AsExpected", what),
    ]


def _trouble(world: World, status: JobStatus, progressing: bool) -> tuple[str, str]:
    """What went wrong last, or that it has been on its way for longer than the cluster's taskTimeout; else empty."""
    if trouble := status.stability.trouble:
        return trouble.split(":", 1)[0], trouble
    if status.rejected.digest:
        return _rejected(status), status.rejected.failure
    if status.failure:
        return status.failure.split(":", 1)[0], status.failure
    if _is_silent(world, status):
        return SILENT, status.message
    before = conditions.find(status.conditions, conditions.PROGRESSING)
    since = times.from_text(before.get("lastTransitionTime")) if before.get("status") == "True" else None
    if not progressing or since is None or world.now - since < timedelta(seconds=world.cluster.task_timeout):
        return "", ""
    return "Overdue", f"not ready for more than {world.cluster.task_timeout} s: {status.message}"


def _ready(world: World, status: JobStatus) -> tuple[bool, str]:
    phase, job = status.supervisor_status, world.job
    if phase == Phase.STARTED:
        if status.rejected.digest:
            return False, _rejected(status)
        if status.digest.get("bootstrap") != job.bootstrap_digest:
            return False, "Updating"  # while it waits for slots to have more parallelism, it is ready as it runs
        if _is_silent(world, status):
            return False, SILENT
        return bool(status.ready_at), "Running" if status.ready_at else "WaitingForTasks"
    if phase == Phase.STOPPED and status.stopped_by == StoppedBy.FLINK:
        # A batch job that is done is all that it should be.
        return status.job_status == "FINISHED", status.job_status.capitalize() or "Stopped"
    if phase == Phase.STOPPED:
        return False, "Suspended" if status.stopped_by == StoppedBy.SPEC else "Stopped"
    return False, str(phase)


def _is_silent(world: World, status: JobStatus) -> bool:
    """As its cluster says it too. Whether one job's answer comes in time is no matter."""
    return status.supervisor_status == Phase.STARTED and not world.cluster.answering


def _rejected(status: JobStatus) -> str:
    return "UpdateRefused" if status.rejected.failure.startswith("UpdateRefused") else "RolledBack"


def _failed(status: JobStatus) -> bool:
    """Unless somebody wants since then that it does not run."""
    return status.job_status == "FAILED" and status.stopped_by not in (StoppedBy.PERSON, StoppedBy.SPEC)


def _stalled(world: World, status: JobStatus, down: bool) -> tuple[str, str]:
    """Why it waits for a person, and in words; empty when it does not."""
    if world.problems:
        return "InvalidSpec", status.message
    if status.rejected.digest and not down:
        way_out = "the spec from before runs: mend this one, or start the job to have it tried again"
        return _rejected(status), f"{status.rejected.failure}; {way_out}"
    word, phase = status.failure.split(":")[0], status.supervisor_status
    waits = word in ("StateUnknown", "StateTooOld") and phase == Phase.STARTING
    # It is tried again, and rarely mends itself.
    unreadable = word == "RecoveryPointUnreadable" and phase in (Phase.STARTING, Phase.STOPPED) and not down
    if waits or unreadable:
        return word, status.failure
    failed = status.supervisor_status == Phase.STOPPED and _failed(status)
    ends = world.job.restart.policy == RestartPolicy.NEVER and not steps.starts_again(world.job, status)
    return ("Failed", status.failure) if failed and ends else ("", "")
