"""A FlinkJob's conditions and the Toolbox's summary fields, from the status that was decided. Pure."""

from __future__ import annotations

from core import conditions
from core.conditions import Condition
from core.job_status import JobStatus
from core.states import HEALTHY, Phase, ResourceStatus, StoppedBy
from supervisor.world import World


def described(world: World, status: JobStatus) -> JobStatus:
    """The status with everything that only describes it."""
    job, cluster = world.job, world.cluster
    running = status.supervisor_status == Phase.STARTED
    settled = status.supervisor_status in (Phase.STARTED, Phase.STOPPED, Phase.TERMINATED)
    on_its_way = bool(status.savepoint_trigger_id) or (running and not status.ready_at)
    return status.but(
        resource_status=ResourceStatus.UPDATED if settled and not on_its_way else ResourceStatus.UPDATING,
        cluster_health=HEALTHY if cluster.answering and cluster.phase == Phase.STARTED else "",
        savepoint_mode=str(job.savepoint.mode),
        restart_policy=str(job.restart.policy),
        observed_generation=job.generation,
        conditions=_stored(world, status, _conditions(world, status)),
    )


def invalid(world: World) -> JobStatus:
    """The status of a job whose spec is wrong: what runs goes on, and the condition says what is wrong."""
    text = "; ".join(world.problems)
    told = [
        Condition(conditions.READY, False, "InvalidSpec", text),
        Condition(conditions.STALLED, True, "InvalidSpec", text),
    ]
    return world.status.but(
        observed_generation=world.job.generation, conditions=_stored(world, world.status, told), message=text
    )


def _stored(world: World, status: JobStatus, told: list[Condition]) -> tuple[dict[str, object], ...]:
    now = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple(conditions.merged(status.conditions, told, generation=world.job.generation, now=now))


def _conditions(world: World, status: JobStatus) -> list[Condition]:
    phase = status.supervisor_status
    ready, reason = _ready(status)
    waits = phase == Phase.STARTING and world.cluster.suspended and not status.holds_cluster
    down = waits or (phase in (Phase.STOPPED, Phase.TERMINATED) and not ready and status.job_status != "FAILED")
    stalled = _stalled(world, status)
    why = status.failure.split(":", 1)[0] if status.failure else ""
    return [
        Condition(conditions.READY, ready, reason, status.message),
        Condition(conditions.PROGRESSING, not ready and not down and not stalled, reason, status.message),
        Condition(conditions.DEGRADED, bool(why), why or "AsExpected", status.failure),
        Condition(conditions.SUSPENDED, down, reason if down else "Running", status.message if down else ""),
        Condition(conditions.STALLED, bool(stalled), stalled or "AsExpected", status.failure if stalled else ""),
    ]


def _ready(status: JobStatus) -> tuple[bool, str]:
    phase = status.supervisor_status
    if phase == Phase.STARTED:
        return bool(status.ready_at), "Running" if status.ready_at else "WaitingForTasks"
    if phase == Phase.STOPPED and status.stopped_by == StoppedBy.FLINK:
        # A batch job that is done is all that it should be.
        return status.job_status == "FINISHED", status.job_status.capitalize() or "Stopped"
    if phase == Phase.STOPPED:
        return False, "Suspended" if status.stopped_by == StoppedBy.SPEC else "Stopped"
    return False, str(phase)


def _stalled(world: World, status: JobStatus) -> str:
    """Why it waits for a person, '' when it does not."""
    if status.failure.startswith("StateUnknown") and status.supervisor_status == Phase.STARTING:
        return "StateUnknown"
    failed = status.supervisor_status == Phase.STOPPED and status.job_status == "FAILED"
    return "Failed" if failed and world.job.restart.policy == "Never" else ""
