"""A job on its cluster's revisions. One that was never Ready on an update of the cluster begins anew, on whatever comes
after it, where that update began: what it wrote there may be unreadable to another Flink. Pure."""

from __future__ import annotations

from dataclasses import replace

from core import job as jobs
from core.job_status import JobStatus, RunsOn
from core.states import Phase
from supervisor import recovery
from supervisor.world import World


def arrived(world: World) -> RunsOn:
    """The revision that the next attempts run on."""
    cluster, here = world.cluster, world.status.runs_on
    if cluster.revision in ("", here.revision):
        return here
    return RunsOn(cluster.revision, world.status.attempt + 1, trial=cluster.on_trial)


def proven(status: JobStatus) -> JobStatus:
    """Ready on the revision that it runs on."""
    here = status.runs_on
    if here.revision != status.cluster_revision:
        here = RunsOn(status.cluster_revision, status.attempt)
    return status.but(runs_on=replace(here, ready=True))


def leaves(world: World) -> bool:
    """Does it leave an update for other pods, never Ready?"""
    here, cluster = world.status.runs_on, world.cluster
    goes_on = cluster.phase == Phase.STOPPING and not cluster.going_down
    return here.unproven and here.revision == cluster.revision and goes_on


def has_left(world: World) -> bool:
    here = world.status.runs_on
    return here.unproven and world.cluster.revision not in ("", here.revision)


def given_up(world: World) -> JobStatus:
    """Without what its runs wrote on the update, where anything older is known."""
    status = world.status
    attempts = range(status.runs_on.attempt, status.attempt + 1)
    runs = {jobs.flink_job_id(world.job.uid, attempt) for attempt in attempts}
    older = recovery.without_runs(status, runs)
    kept = older if older.recovery_points else status
    return kept.but(unreadable=(), failures=0, failure="", runs_on=RunsOn())
