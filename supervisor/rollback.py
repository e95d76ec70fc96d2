"""An update that does not become Ready is taken back: the spec that was Ready last runs again, from where the update
began. A spec that failed is remembered, and not tried again before it is edited or a person starts the job. Pure.

The spec that runs is the one that was delivered (`status.delivery`), whatever people have written since.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import job as jobs
from core import times
from core.job_status import JobStatus, RejectedSpec, StableSpec
from core.states import Phase
from supervisor import recovery
from supervisor.world import World

LOSSES = 3  # JobManagers that an update may take with it, and tries to carry its JAR


def as_run(world: World) -> World:
    """With the stable spec in place of the one that was taken back or refused, until that one is edited, and of the one
    that was only looked at when the run was lost."""
    job, status = world.job, world.status
    stable = jobs.with_bootstrap(job, status.stable.bootstrap, status.stable.flink_configuration)
    if comes_back(status):
        return replace(world, job=stable)
    if not status.rejected.digest:
        return world
    if status.rejected.digest != job.bootstrap_digest:
        return replace(world, status=status.but(rejected=RejectedSpec()))
    return replace(world, job=stable)


def comes_back(status: JobStatus) -> bool:
    """Was a run lost that was Ready, while an update of it was looked at? It comes back as it was, whatever becomes of
    the update's JAR."""
    looks = status.update.delivery.digest not in ("", status.stable.digest) and not status.update.planned
    return looks and status.supervisor_status == Phase.STARTING


def proven(status: JobStatus) -> JobStatus:
    """The spec of the run that is Ready is the one to come back to."""
    run = status.delivery
    if status.stable.digest == run.digest:
        return status
    return status.but(stable=StableSpec(run.bootstrap, run.flink_configuration, run.digest, status.attempt))


def counted(status: JobStatus, attempt: int) -> StableSpec:
    """With one more attempt of the stable spec, if this is one."""
    return replace(status.stable, attempt=attempt) if status.stable.digest == status.delivery.digest else status.stable


def is_trial(world: World, status: JobStatus) -> bool:
    """Is this the run of an update, of which nobody knows yet whether it works?"""
    return world.job.restart.rollback and status.unproven


def overdue(world: World) -> bool:
    """Has the update had the time in which it must become Ready: restartTimeout, and that of one checkpoint more?"""
    status, flink = world.status, world.flink
    started = times.from_text(status.started_at)
    if started is None or status.ready_at or flink.checkpointing is None or not is_trial(world, status):
        return False
    return world.now - started > timedelta(seconds=world.job.restart.timeout + flink.checkpointing)


def is_superseded(world: World) -> bool:
    """Was an update edited again before it was Ready?"""
    job, status = world.job, world.status
    edited = status.delivery.digest != job.bootstrap_digest and bool(job.parallelism)
    return edited and not status.ready_at and is_trial(world, status)


def given_up(world: World) -> JobStatus:
    """The status in which an update that was never Ready is over: what its runs wrote is no way back, but the savepoint
    that was taken for it."""
    status = world.status
    runs = {jobs.flink_job_id(world.job.uid, number + 1) for number in range(status.stable.attempt, status.attempt)}
    return recovery.without_runs(status, runs).but(unreadable=(), failures=0, failure="")


def taken_back(world: World, why: str) -> JobStatus:
    """... and rejected."""
    return given_up(world).but(rejected=RejectedSpec(world.status.delivery.digest, why, times.to_text(world.now)))
