"""What Metacontroller observed of one cluster, read into records for the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core import cluster as clusters
from core import job as jobs
from core import names, pods, revisions, spec, times
from core.cluster import Cluster, ClusterStatus, RejectedRevision, Report
from core.job_status import JobStatus, read_status
from core.states import Phase
from hooks.protocol import Request

LABEL_COMES_BACK = timedelta(seconds=5)


@dataclass(frozen=True)
class Pod:
    """One Flink pod; `dead` when it will never run again, `trouble` is the kubelet's or scheduler's reason."""

    name: str
    uid: str
    role: str
    revision: str
    incarnation: int
    dead: bool
    started_at: str  # when Flink started in it, '' when it never did
    ended_at: str  # when it ended by itself, '' when it did not
    trouble: str


@dataclass(frozen=True)
class BoundJob:
    """A FlinkJob of this cluster, as far as the cluster cares; `parallelism` is what it needs, now or soon."""

    name: str
    holds: bool
    parallelism: int


@dataclass(frozen=True)
class Observed:
    cluster: Cluster  # as it shall be: with the pods from before an update that failed
    rejected: RejectedRevision  # that update, if the spec still wants it
    status: ClusterStatus
    report: Report
    pods: tuple[Pod, ...]
    jobs: tuple[BoundJob, ...]
    held_by: dict[str, str]  # by name; since when it is not seen any more, '' while it is
    supervisor: str  # why no supervisor runs, '' when one does or only needs time
    now: datetime

    @property
    def target(self) -> str:
        """The revision that shall run."""
        return clusters.revision(self.cluster, self.report.restarts)

    @property
    def misses_a_holder(self) -> bool:
        """It may only have lost its label."""
        return any(self.held_by.values())


def read(request: Request, now: datetime) -> Observed:
    declared, status = clusters.read(request.parent), clusters.read_status(request.parent)
    report = clusters.report(declared, status)
    cluster = revisions.in_force(declared, status, report)
    bound = tuple(_bound_job(job) for job in request.related_of(names.JOB) if _runs_on(job, cluster.name))
    return Observed(
        cluster=cluster,
        rejected=RejectedRevision() if cluster is declared else report.rejected,
        status=status,
        report=report,
        pods=tuple(pod(item) for item in request.of("Pod")),
        jobs=bound,
        held_by=_held_by(bound, {} if cluster.deleting else status.held_by, now),
        supervisor=_supervisor(request),
        now=now,
    )


def _held_by(jobs: tuple[BoundJob, ...], before: Mapping[str, str], now: datetime) -> dict[str, str]:
    """A job that held it and is not seen any more may only have lost its label, until the job hook puts it back."""
    seen = {job.name for job in jobs}
    missing = {name: since or times.to_text(now) for name, since in before.items() if name not in seen}
    holders = {job.name: "" for job in jobs if job.holds}
    return holders | {name: since for name, since in missing.items() if _is_recent(since, now)}


def _is_recent(since: str, now: datetime) -> bool:
    moment = times.from_text(since)
    return moment is not None and now - moment < LABEL_COMES_BACK


def _supervisor(request: Request) -> str:
    """Its pods are a Deployment's. They are not in the request while an older answer of customize is in force."""
    found = request.related.get("Pod", [])
    if any(pods.is_ready(item) for item in found):
        return ""
    return next((told for item in found if (told := pod(item).trouble)), "")


def _runs_on(job: Mapping[str, Any], cluster: str) -> bool:
    """By the label, which the job hook sets and the supervisor goes by."""
    return (job["metadata"].get("labels") or {}).get(names.LABEL_CLUSTER) == cluster


def pod(item: Mapping[str, Any]) -> Pod:
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    return Pod(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        role=labels.get(names.LABEL_ROLE, ""),
        revision=labels.get(names.LABEL_REVISION, ""),
        incarnation=pods.incarnation_of(item),
        dead=pods.is_dead(item),
        started_at=pods.started_at(item),
        ended_at=pods.ended_at(item),
        trouble=f"pod {metadata['name']}: {trouble}" if (trouble := pods.trouble(item)) else "",
    )


def _bound_job(item: Mapping[str, Any]) -> BoundJob:
    """A job whose spec or status cannot be read still holds what its status says that it holds."""
    raw = item.get("status") or {}
    name, holds = item["metadata"]["name"], bool(spec.text(raw, "clusterRevision"))
    in_force = spec.whole(raw, "jobParallelism", 0) if holds else 0
    try:
        wanted = _wanted(jobs.read(item), read_status(item))
    except (ValueError, TypeError):
        wanted = 0
    return BoundJob(name=name, holds=holds, parallelism=max(in_force, wanted))


def _wanted(job: jobs.Job, status: JobStatus) -> int:
    """The parallelism that the job will run with, if it is to run: TaskManagers come up while it is on its way."""
    if job.deleting:
        return 0
    coming = status.supervisor_status in (Phase.UNKNOWN, Phase.STARTING, Phase.STARTED)
    back = status.supervisor_status == Phase.STOPPING and status.stop.next == Phase.STARTING
    return job.parallelism if coming or back else 0
