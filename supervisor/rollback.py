"""An update that does not become Ready is taken back: the spec that was Ready last runs again, from where the update
began. A spec that failed is remembered, and not tried again before it is edited or a person starts the job. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import job as jobs
from core import times
from core.job_status import JobStatus, RejectedSpec, StableSpec
from supervisor.world import World


def as_run(world: World) -> World:
    """With the stable spec in place of the one that was rejected; an edit of that one ends its rejection."""
    job, status = world.job, world.status
    if not status.rejected.digest:
        return world
    if status.rejected.digest != job.bootstrap_digest or not job.restart.rollback:
        return replace(world, status=status.but(rejected=RejectedSpec()))
    return replace(world, job=jobs.with_bootstrap(job, status.stable.bootstrap, status.stable.flink_configuration))


def proven(world: World, status: JobStatus) -> JobStatus:
    """The spec of the run that is Ready is the one to come back to."""
    job = world.job
    if status.digest.get("bootstrap") != job.bootstrap_digest or status.stable.digest == job.bootstrap_digest:
        return status
    stable = StableSpec(job.bootstrap_spec, job.flink_configuration, job.bootstrap_digest, status.attempt)
    return status.but(stable=stable)


def counted(world: World, attempt: int) -> StableSpec:
    """With one more attempt of the stable spec, if this is one."""
    stable = world.status.stable
    return replace(stable, attempt=attempt) if stable.digest == world.job.bootstrap_digest else stable


def is_trial(world: World, status: JobStatus) -> bool:
    """Is this the run of an update, of which nobody knows yet whether it works?"""
    job, stable = world.job, status.stable
    tried = status.delivery.digest == job.bootstrap_digest
    return job.restart.rollback and bool(stable.digest) and tried and stable.digest != job.bootstrap_digest


def overdue(world: World) -> bool:
    """Has the update had the time in which it must become Ready: restartTimeout, and once its tasks run that of one
    more checkpoint?"""
    status, flink = world.status, world.flink
    started = times.from_text(status.started_at)
    if started is None or status.ready_at or flink.checkpointing is None or not is_trial(world, status):
        return False
    checkpoint = flink.checkpointing if flink.tasks_run else 0.0
    return world.now - started > timedelta(seconds=world.job.restart.timeout + checkpoint)


def taken_back(world: World, status: JobStatus, why: str, trials: frozenset[str]) -> JobStatus:
    """The status in which the update is rejected. What its runs (`trials`, Flink's ids) wrote is no way back, but the
    savepoint that was taken for it."""
    points = tuple(point for point in status.recovery_points if point.job_id not in trials)
    return status.but(
        rejected=RejectedSpec(world.job.bootstrap_digest, why, times.to_text(world.now)),
        recovery_points=points,
        unreadable=(),
    )
