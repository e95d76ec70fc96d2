"""The verdict about a cluster's revision: it works, or it is an update that did not in its time. Pure.

It works as soon as a job is Ready on it, and without jobs when its JobManager answers and its TaskManagers are there.
From then on what its jobs write is their newest state, and it is never taken back, whatever another job does. Nor is it
while nobody knows whether a job runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from core import cluster as clusters
from core import job as jobs
from core import redaction, revisions, times
from core.cluster import Cluster, ClusterStatus, RejectedRevision, Report, Trial
from core.job import Job
from core.job_status import JobStatus, read_status
from core.states import Phase, StoppedBy

MAX_FAILURE = 700
RUNS = (Phase.STARTING, Phase.STARTED)


class _On(Enum):
    """How a job does on a revision."""

    READY = auto()  # or it was
    ABSENT = auto()  # it is not to run
    RUNNING = auto()  # its tasks run, and have not been restarted
    UNKNOWN = auto()  # it may get on, or wait for something else
    FAILING = auto()


@dataclass(frozen=True)
class _Seen:
    name: str
    on: _On
    holds: bool
    says: str


def judged(
    cluster: Cluster,
    status: ClusterStatus,
    report: Report,
    found: Iterable[Mapping[str, Any]],
    looked: bool,
    now: datetime,
) -> Report:
    """The report with the verdict. `cluster` is what is declared, `found` are its FlinkJobs; `looked`: their statuses
    say what the JobManager shows, or that it shows nothing."""
    if report.rejected.revision != clusters.revision(cluster, report.restarts) or not cluster.rollback:
        report = replace(report, rejected=RejectedRevision())
    revision = status.revision
    if revision in ("", report.stable):
        return replace(report, trial=Trial())
    seen = [_seen(item, revision, report.answering, now) for item in found]
    if _works(status, seen):
        other = report.rejected.revision != revision
        return replace(
            report, stable=revision, trial=Trial(), rejected=report.rejected if other else RejectedRevision()
        )
    wanted = clusters.revision(revisions.in_force(cluster, status, report), report.restarts)
    if not status.on_trial or status.phase not in RUNS or revision != wanted:
        return replace(report, trial=Trial())
    if report.trial.revision != revision:
        return replace(report, trial=Trial(revision, times.to_text(now)))
    since = times.from_text(report.trial.since) or now
    if now - since <= timedelta(seconds=cluster.update_timeout) or not looked:
        return report
    if report.answering and any(job.on == _On.RUNNING for job in seen):
        # What goes wrong from now on has its time to get well again.
        return replace(report, trial=Trial(revision, times.to_text(now)))
    if _may_work(report, seen):
        return report
    failure = redaction.redacted(_failure(status, seen), redaction.secrets_of(cluster.flink_configuration))
    return replace(
        report, trial=Trial(), rejected=RejectedRevision(revision, failure[:MAX_FAILURE], times.to_text(now))
    )


def _works(status: ClusterStatus, seen: list[_Seen]) -> bool:
    bare = status.phase == Phase.STARTED and all(job.on == _On.ABSENT for job in seen)
    return bare or any(job.on == _On.READY for job in seen)


def _may_work(report: Report, seen: list[_Seen]) -> bool:
    """Does a job get on, or is it not known whether one runs?"""
    silent = not report.answering and any(job.holds for job in seen)
    return silent or any(job.on == _On.UNKNOWN for job in seen)


def _failure(status: ClusterStatus, seen: list[_Seen]) -> str:
    """Of a job only when the cluster itself is as it should be."""
    failing = (f"FlinkJob {job.name}: {job.says}" for job in seen if job.on == _On.FAILING)
    return next(failing, status.trouble) if status.phase == Phase.STARTED else status.trouble


def _seen(item: Mapping[str, Any], revision: str, answering: bool, now: datetime) -> _Seen:
    name = item["metadata"]["name"]
    try:
        status = read_status(item)
    except ValueError as error:
        return _Seen(name, _On.UNKNOWN, True, str(error))  # of a later version: it may hold the cluster
    try:
        on = _judged(jobs.read(item), status, revision, answering, now)
    except (ValueError, TypeError):
        on = _On.UNKNOWN  # a spec that is wrong says nothing about the cluster
    return _Seen(name, on, status.holds_cluster, status.failure or status.message)


def _judged(job: Job, status: JobStatus, revision: str, answering: bool, now: datetime) -> _On:
    here = status.runs_on.revision == revision
    if here and status.runs_on.ready:
        return _On.READY
    if job.deleting or not job.parallelism:
        return _On.ABSENT
    if status.supervisor_status == Phase.STOPPED:
        failed = here and status.stopped_by == StoppedBy.FLINK and status.job_status == "FAILED"
        return _On.FAILING if failed else _On.ABSENT
    if status.supervisor_status == Phase.STOPPING:
        return _On.ABSENT if status.stop.next in (Phase.STOPPED, Phase.TERMINATED) else _On.UNKNOWN
    if status.failure.startswith(("StateUnknown", "StateTooOld")) or status.message.startswith("InvalidSpec"):
        return _On.UNKNOWN  # what waits for a person does not wait for the cluster
    tasks_run = status.supervisor_status == Phase.STARTED and not status.message.startswith("TasksNotRunning")
    if tasks_run and not status.stability.trouble:
        return _On.UNKNOWN if status.stability.restarts else _On.RUNNING
    # A JAR on its way to a JobManager that ends again and again is carried again and again.
    started = times.from_text(status.started_at or (status.delivery.requested_at if answering else ""))
    young = started is not None and now - started <= timedelta(seconds=job.restart.timeout)
    return _On.UNKNOWN if young else _On.FAILING
