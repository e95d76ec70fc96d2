"""The cluster controller's hooks: from a FlinkCluster to its pods, Service and supervisor, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core import names, times
from core.states import Phase
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
    life, wanted = _decided(seen)
    answer = {
        "status": _status(request, seen, life, wanted),
        "children": finished(_children(request, seen, life, wanted)),
    }
    waits = life.phase == Phase.STOPPING or life.reason == lifecycle.FAILING or seen.misses_a_holder
    waits = waits or bool(scaling.resting(seen, life))
    return {**answer, "resyncAfterSeconds": RESYNC} if waits else answer


def finalize(request: Request, problems: list[str], now: datetime) -> dict[str, Any]:
    """The same, until the jobs have let go or the deadline of the deletion has passed; then nothing shall be left.

    The supervisor stays until the jobs have let go: it is the one that stops them. Nothing holds a deletion up for
    ever: not a spec that is wrong, nor, after the deadline, a pod on a node that is lost.
    """
    seen = observed.read(replace(request, parent={**request.parent, "spec": {}}) if problems else request, now)
    started = times.from_text(seen.cluster.deleting) or now
    passed = now >= started + timedelta(seconds=seen.cluster.deletion_deadline)
    life, wanted = _decided(seen, deadline_passed=passed)
    waiting = life.phase != Phase.TERMINATED
    children = _as_they_are(request) if problems else _children(request, seen, life, wanted)
    left = [item for kind in ("Pod", "Service", "Deployment") for item in request.of(kind)]
    return {
        "status": _status(request, seen, life, wanted),
        "children": finished(children) if waiting else [],
        "finalized": not waiting and (passed or not left),
        "resyncAfterSeconds": RESYNC,
    }


def customize(parent: Resource) -> dict[str, Any]:
    """The FlinkJobs of this cluster, which the job hook labels with it, and the pods of its supervisor."""
    name = parent["metadata"]["name"]
    return {
        "relatedResources": [
            _related(parent, names.API_VERSION, "flinkjobs", {names.LABEL_CLUSTER: name}),
            _related(parent, "v1", "pods", {names.LABEL_CLUSTER: name, names.LABEL_ROLE: names.SUPERVISOR}),
        ]
    }


def _related(parent: Resource, api_version: str, resource: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "resource": resource,
        "namespace": parent["metadata"].get("namespace", ""),
        "labelSelector": {"matchLabels": dict(labels)},
    }


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
    """A supervisor of its own is none of it where all share one."""
    kinds = ("Pod", "Service") if request.install.shared_supervisor else request.children
    return as_applied(item for kind in kinds for item in request.of(kind))


def _status(request: Request, seen: Observed, life: Lifecycle, wanted: int) -> dict[str, Any]:
    previous = request.parent.get("status") or {}
    return status.make_status(
        seen, life, task_managers=wanted, previous=previous, now=times.newest(request.everything())
    )


def _decided(seen: Observed, *, deadline_passed: bool = False) -> tuple[Lifecycle, int]:
    """And how many TaskManagers: while it is stopping those that there were, as the slots may be the new spec's."""
    wanted = scaling.wanted(seen)
    life = lifecycle.decide(seen, task_managers=wanted, deadline_passed=deadline_passed)
    return life, seen.status.task_managers if life.phase == Phase.STOPPING else wanted


def _children(request: Request, seen: Observed, life: Lifecycle, wanted: int) -> list[Resource]:
    children = _supervisor(request, seen)
    if not life.has_pods:
        return children
    if life.phase == Phase.STOPPING:
        return children + as_applied(request.of("Service")) + _pods_of_the_old_spec(request, seen, life, wanted)
    children += [
        jobmanager.make_pod(seen.cluster, revision=life.revision, incarnation=life.incarnation),
        jobmanager.make_service(seen.cluster, revision=life.revision, incarnation=life.incarnation),
    ]
    return children + _taskmanagers(seen, life, scaling.pod_names(seen, life, wanted))


def _supervisor(request: Request, seen: Observed) -> list[Resource]:
    install = request.install
    return [] if install.shared_supervisor else supervisor.make_all(seen.cluster, role=install.supervisor_role)


def _taskmanagers(seen: Observed, life: Lifecycle, pods: list[str]) -> list[Resource]:
    """They differ in their names only."""
    return _named(taskmanager.make_pod(seen.cluster, revision=life.revision, incarnation=life.incarnation), pods)


def _named(model: Resource, pods: list[str]) -> list[Resource]:
    return [{**model, "metadata": {**model["metadata"], "name": name}} for name in pods]


def _pods_of_the_old_spec(request: Request, seen: Observed, life: Lifecycle, wanted: int) -> list[Resource]:
    """The pods stay as they are, by what was applied: the spec may say something else by now.

    A TaskManager in a dead one's place is a copy of it: without it no job on it could take its last savepoint.
    """
    shall = scaling.pod_names(seen, life, wanted)
    own = {pod.name for pod in seen.pods if pod.incarnation == life.incarnation and (not pod.dead or pod.name in shall)}
    kept = as_applied(item for item in request.of("Pod") if item["metadata"]["name"] in own)
    if not life.jobmanager or life.jobmanager.dead:
        return kept
    observed_names = {pod.name for pod in seen.pods}
    return kept + _copies(request, seen, life, [name for name in shall if name not in observed_names])


def _copies(request: Request, seen: Observed, life: Lifecycle, fresh: list[str]) -> list[Resource]:
    """Where none is left to copy, it is made from the spec, if that is still the one."""
    models = {pod.name for pod in scaling.those_of(seen, life)}
    applied = as_applied(item for item in request.of("Pod") if item["metadata"]["name"] in models)
    if model := next((pod for pod in applied if "spec" in pod), None):
        return _named(model, fresh)
    return _taskmanagers(seen, life, fresh) if seen.target == life.revision else []
