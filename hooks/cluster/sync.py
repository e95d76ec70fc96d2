"""The cluster controller's hooks: from a FlinkCluster to its pods, Service and supervisor, and its status."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core import names, times
from hooks.children import jobmanager, supervisor, taskmanager
from hooks.cluster import lifecycle, observed, scaling, status
from hooks.cluster.lifecycle import Lifecycle
from hooks.cluster.observed import Observed
from hooks.protocol import Request, Resource, as_applied, finished

# A published Stopping is acted on by the sync that sees it; this is for the case that no event brings that sync.
RESYNC = 2.0


def sync(request: Request, problems: list[str], now: datetime) -> dict[str, Any]:
    """`problems` is what is wrong with the spec: then everything stays as it is."""
    if problems:
        return unchanged(request, problems)
    seen = observed.read(request, now)
    wanted = scaling.wanted(seen)
    life = lifecycle.decide(seen, task_managers=wanted)
    answer = {
        "status": _status(request, seen, life, wanted),
        "children": finished(_children(request, seen, life, wanted)),
    }
    waits = life.phase == "Stopping" or life.reason == lifecycle.FAILING
    return {**answer, "resyncAfterSeconds": RESYNC} if waits else answer


def finalize(request: Request, problems: list[str], now: datetime) -> dict[str, Any]:
    """The same, until the jobs have let go or the deadline of the deletion has passed; then nothing shall be left.

    The supervisor stays until the jobs have let go: it is the one that stops them. Nothing holds a deletion up for
    ever: not a spec that is wrong, nor, after the deadline, a pod on a node that is lost.
    """
    seen = observed.read(replace(request, parent={**request.parent, "spec": {}}) if problems else request, now)
    wanted = scaling.wanted(seen)
    started = times.from_text(seen.cluster.deleting) or now
    passed = now >= started + timedelta(seconds=seen.cluster.deletion_deadline)
    life = lifecycle.decide(seen, task_managers=wanted, deadline_passed=passed)
    waiting = life.phase != "Terminated"
    children = _as_they_are(request) if problems else _children(request, seen, life, wanted)
    left = [item for kind in ("Pod", "Service", "Deployment") for item in request.of(kind)]
    return {
        "status": _status(request, seen, life, wanted),
        "children": finished(children) if waiting else [],
        "finalized": not waiting and (passed or not left),
        "resyncAfterSeconds": RESYNC,
    }


def customize(parent: Resource) -> dict[str, Any]:
    """The FlinkJobs of this cluster: the job hook labels each with the cluster that it runs on."""
    metadata = parent["metadata"]
    rule = {
        "apiVersion": names.API_VERSION,
        "resource": "flinkjobs",
        "namespace": metadata.get("namespace", ""),
        "labelSelector": {"matchLabels": {names.LABEL_CLUSTER: metadata["name"]}},
    }
    return {"relatedResources": [rule]}


def unchanged(request: Request, problems: list[str]) -> dict[str, Any]:
    """What runs goes on exactly as it is; the condition says what is wrong."""
    previous = request.parent.get("status") or {}
    generation = request.parent["metadata"].get("generation", 0)
    now = times.newest(request.everything())
    return {
        "status": status.invalid(previous, problems, generation=generation, now=now),
        "children": finished(_as_they_are(request)),
    }


def _as_they_are(request: Request) -> list[Resource]:
    return as_applied(item for items in request.children.values() for item in items)


def _status(request: Request, seen: Observed, life: Lifecycle, wanted: int) -> dict[str, Any]:
    previous = request.parent.get("status") or {}
    return status.make_status(
        seen, life, task_managers=wanted, previous=previous, now=times.newest(request.everything())
    )


def _children(request: Request, seen: Observed, life: Lifecycle, wanted: int) -> list[Resource]:
    children = supervisor.make_all(seen.cluster)
    if not life.has_pods:
        return children
    if life.phase == "Stopping":
        # The pods stay as they are: built from the old revision, which the spec does not say any more.
        pods = [item for item in request.of("Pod") if observed.pod(item).incarnation == life.incarnation]
        alive = [item for item in pods if not observed.pod(item).dead]
        return children + as_applied([*alive, *request.of("Service")])
    children += [
        jobmanager.make_pod(seen.cluster, revision=life.revision, incarnation=life.incarnation),
        jobmanager.make_service(seen.cluster, revision=life.revision, incarnation=life.incarnation),
    ]
    for name in scaling.pod_names(seen, life, wanted):
        number = int(name.rsplit("-", 1)[1])
        children.append(
            taskmanager.make_pod(seen.cluster, revision=life.revision, incarnation=life.incarnation, number=number)
        )
    return children
