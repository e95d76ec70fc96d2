"""The supervisor's report about its cluster, and what people ask of the cluster itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core import cluster as clusters
from core import job as jobs
from core import names, revisions
from core.cluster import Cluster, ClusterStatus, RejectedRevision, Report
from core.states import Phase
from supervisor import trial
from supervisor.decision import Event
from supervisor.jobmanager import Look

_STOPPED, _RESTARTED = "stopped on request", "restarted on request"


@dataclass(frozen=True)
class Told:
    """The next report; `handled` when a person's request is in it, so that its annotation can be reset."""

    report: Report
    handled: bool
    why: str
    events: tuple[Event, ...] = ()


def tell(
    cluster: Cluster,
    status: ClusterStatus,
    look: Look,
    found: Iterable[Mapping[str, Any]],
    *,
    looked: bool,
    idle: Mapping[str, datetime],
    now: datetime,
) -> Told:
    """`found` are its FlinkJobs, `looked` says whether their statuses are of this JobManager as it is, `idle` since
    when a TaskManager has had all its slots free."""
    before = clusters.report(cluster, status)
    if _carried_out(cluster, status, before):
        over = before.message in (_STOPPED, _RESTARTED)
        before = replace(before, without_savepoint=False, message="" if over else before.message)
    report = replace(
        before,
        revision=status.revision,
        incarnation=status.incarnation,
        answering=look.answering,
        flink_version=look.overview.version if look.overview else before.flink_version,
        task_managers=look.overview.task_managers if look.overview else 0,
        releasable=_releasable(cluster, status, look, idle, now),
    )
    told = _request(cluster, status, trial.judged(cluster, status, report, found, looked, now))
    return replace(told, events=_events(before, told.report))


def _events(before: Report, report: Report) -> tuple[Event, ...]:
    if report.rejected.revision in ("", before.rejected.revision):
        return ()
    return (Event("RolledBack", f"the update failed, the pods from before come back: {report.rejected.failure}"),)


def _carried_out(cluster: Cluster, status: ClusterStatus, report: Report) -> bool:
    """Is the stop or restart over? `without-savepoint` holds for this one, not for the next edit."""
    if report.stopped:
        return status.phase == Phase.STOPPED
    runs = status.phase in (Phase.STARTING, Phase.STARTED)
    here = revisions.in_force(cluster, status, report)
    return runs and status.revision == clusters.revision(here, report.restarts)


def _request(cluster: Cluster, status: ClusterStatus, report: Report) -> Told:
    """START of a running cluster is a restart: the same spec, new pods, the jobs taken along."""
    action = jobs.requested_action(cluster.annotations)
    without = cluster.annotations.get(names.WITHOUT_SAVEPOINT, "").lower() == "true"
    if not action:
        return Told(report, False, "")
    if action == "STOP":
        told = replace(report, stopped=True, without_savepoint=without, message=_STOPPED)
        return Told(told, True, _STOPPED)
    forgets = report.forgets + (1 if without else 0)
    if action == "START" and report.stopped:
        report = replace(report, rejected=RejectedRevision())
        told = replace(report, stopped=False, without_savepoint=False, forgets=forgets, message="")
        return Told(told, True, "started on request")
    if action == "START" and not cluster.suspend:
        restarts = report.restarts + 1
        told = replace(report, restarts=restarts, without_savepoint=without, forgets=forgets, message=_RESTARTED)
        return Told(told, True, _RESTARTED)
    why = f"{action} does not apply to a cluster" if action != "START" else "cannot start: spec.suspend is true"
    return Told(replace(report, message=why), True, why)


def _releasable(
    cluster: Cluster, status: ClusterStatus, look: Look, idle: Mapping[str, datetime], now: datetime
) -> tuple[str, ...]:
    """The pods that may go: more than is wanted, and idle for longer than rescaleDelay since then."""
    surplus = len(look.task_managers) - status.task_managers
    patience = timedelta(seconds=cluster.supervisor.rescale_delay)
    if status.phase != Phase.STARTED or surplus <= 0:
        return ()
    return tuple(sorted(name for name, since in idle.items() if now - since >= patience))


def idle_since(before: Mapping[str, datetime], look: Look, now: datetime) -> dict[str, datetime]:
    """Since when each TaskManager is idle; a TaskManager's id is its pod's name."""
    free: Iterable[str] = (item.id for item in look.task_managers if item.slots and item.free_slots == item.slots)
    return {name: before.get(name, now) for name in free}
