"""The deployment controller's hook: from a FlinkDeployment to one FlinkCluster and its FlinkJobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import canonical, conditions, names, spec, times
from core.conditions import Condition
from core.states import Phase, ResourceStatus
from hooks import merging
from hooks.cluster import status as statuses
from hooks.protocol import Request, Resource, as_applied, finished


def sync(request: Request, problems: list[str]) -> dict[str, Any]:
    """`problems` is what is wrong with the spec: then the cluster and the jobs stay as they are."""
    parent = request.parent
    previous, now = parent.get("status") or {}, times.newest(request.everything())
    generation = parent["metadata"].get("generation", 0)
    if problems := problems or list(merging.clashes(parent["spec"], "spec")):
        observed = [item for items in request.children.values() for item in items]
        return {
            "status": statuses.invalid(previous, problems, generation=generation, now=now),
            "children": finished(as_applied(observed)),
        }
    children = [_cluster(request), *(_job(request, entry) for entry in spec.items(parent["spec"], "jobs"))]
    return {"status": _status(request, children, now), "children": finished(children)}


def _cluster(request: Request) -> Resource:
    metadata = request.parent["metadata"]
    body = spec.part(request.parent["spec"], "cluster")
    # Required, and yet it may be null: a null is not sent, so what it means is.
    slots = spec.part(body, "taskManager")
    body["taskManager"] = {**slots, "taskSlots": spec.whole(slots, "taskSlots", 1)}
    return _child(request, names.CLUSTER, metadata["name"], body, "taskManagers", names.labels(metadata["name"]))


def _job(request: Request, entry: Mapping[str, Any]) -> Resource:
    cluster = request.parent["metadata"]["name"]
    name = f"{cluster}-{entry['name']}"
    body = {**spec.part(entry, "spec"), "clusterName": cluster}
    return _child(request, names.JOB, name, body, "jobParallelism", names.labels(cluster, job=entry["name"]))


def _child(
    request: Request, kind: str, name: str, body: dict[str, Any], scale: str, labels: dict[str, str]
) -> Resource:
    """A child whose `scale` field belongs to the scale subresource once it exists: an autoscaler or `kubectl scale`
    is never fought over. An edit of the field in the FlinkDeployment itself is passed on, once: the child remembers
    which value was declared last."""
    observed = next((item for item in request.of(kind) if item["metadata"].get("name") == name), None)
    declared = str(spec.whole(body, scale, 0))
    if observed:
        remembered = (observed["metadata"].get("annotations") or {}).get(names.DECLARED)
        if remembered == declared:
            body[scale] = spec.part(observed, "spec").get(scale)
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": request.parent["metadata"].get("namespace"),
            "labels": {**labels, **_install(request.parent)},
            "annotations": {names.DECLARED: declared},
        },
        "spec": body,
    }


def _install(parent: Resource) -> dict[str, str]:
    labels = parent["metadata"].get("labels") or {}
    return {names.LABEL_INSTALL: labels[names.LABEL_INSTALL]} if names.LABEL_INSTALL in labels else {}


def _status(request: Request, children: list[Resource], now: str) -> dict[str, Any]:
    parent = request.parent
    previous = parent.get("status") or {}
    observed = {(item["kind"], item["metadata"]["name"]): item for kind in request.children.values() for item in kind}
    found = [observed.get((child["kind"], child["metadata"]["name"])) for child in children]
    waiting = [_waiting(child, item) for child, item in zip(children, found, strict=True)]
    waiting += [_leaving(item) for item in observed.values() if item not in found]
    failed, degraded = (
        [text for child, item in zip(children, found, strict=True) if (text := _said(child, item, type))]
        for type in (conditions.STALLED, conditions.DEGRADED)
    )
    ready = not any(waiting)
    status = {
        "resourceStatus": str(ResourceStatus.UPDATED if ready else ResourceStatus.UPDATING),
        "clusterStatus": _phase(found[0]),
        "jobs": [_job_status(child, item) for child, item in zip(children[1:], found[1:], strict=True)],
        "digest": _digest(children),
        "conditions": conditions.merged(
            previous.get("conditions") or [],
            _conditions("; ".join(filter(None, waiting)), "; ".join(failed), "; ".join(degraded)),
            generation=parent["metadata"].get("generation", 0),
            now=now,
        ),
    }
    return statuses.stamped(canonical.stripped(status), previous, now)


def _waiting(child: Resource, observed: Resource | None) -> str:
    """What this child is not yet, '' when it is as its spec wants it: ready, finished or suspended."""
    who = f"{child['kind']} {child['metadata']['name']}"
    if observed is None:
        return f"{who}: not there yet"
    if not _has(observed, child):
        return f"{who}: is being updated"
    if conditions.is_true(observed, conditions.READY) or conditions.is_true(observed, conditions.SUSPENDED):
        return ""
    condition = conditions.find((observed.get("status") or {}).get("conditions"), conditions.READY)
    if condition.get("status") == "True":
        return f"{who}: ready, but for an older spec"
    return f"{who}: {condition.get('message') or _phase(observed)}"


def _leaving(observed: Resource) -> str:
    """A job that the spec has no more."""
    told = (observed.get("status") or {}).get("message") if observed["metadata"].get("deletionTimestamp") else ""
    return f"{observed['kind']} {observed['metadata']['name']}: is being deleted{': ' + told if told else ''}"


def _has(observed: Resource, child: Resource) -> bool:
    """Was this spec applied? Else what the child says is about the one before."""
    applied = as_applied([observed])[0].get("spec")
    return applied is None or applied == canonical.without_nulls(child["spec"])


def _said(child: Resource, observed: Resource | None, type: str) -> str:
    """The child and its message, if it says that this condition holds with the spec that it shall have."""
    if observed is None or not _has(observed, child) or not conditions.is_true(observed, type):
        return ""
    condition = conditions.find(observed["status"].get("conditions"), type)
    return f"{child['kind']} {child['metadata']['name']}: {condition.get('message', '')}"


def _phase(observed: Mapping[str, Any] | None) -> str:
    return spec.text((observed or {}).get("status") or {}, "supervisorStatus", Phase.UNKNOWN)


def _job_status(child: Resource, observed: Mapping[str, Any] | None) -> dict[str, Any]:
    job_status = spec.text((observed or {}).get("status") or {}, "jobStatus")
    return {
        "name": child["metadata"]["name"],
        "supervisorStatus": _phase(observed),
        "jobStatus": job_status or None,
        "ready": observed is not None and conditions.is_true(observed, conditions.READY),
    }


def _digest(children: list[Resource]) -> dict[str, Any]:
    def parts(child: Resource, keys: tuple[str, ...]) -> dict[str, str]:
        return {key: canonical.digest(canonical.stripped(child["spec"].get(key))) for key in keys}

    return {
        "cluster": parts(children[0], ("runtime", "jobManager", "taskManager", "supervisor")),
        "jobs": [
            {"name": child["metadata"]["name"], "job": parts(child, ("bootstrap", "savepoint", "restart"))}
            for child in children[1:]
        ],
    }


def _conditions(waiting: str, failed: str, degraded: str) -> list[Condition]:
    reason = "Failed" if failed else "Waiting" if waiting else "AsDeclared"
    return [
        Condition(conditions.READY, not waiting, reason, waiting),
        Condition(conditions.PROGRESSING, bool(waiting) and not failed, reason, waiting),
        Condition(conditions.DEGRADED, bool(degraded), "Degraded" if degraded else "AsExpected", degraded),
        Condition(conditions.STALLED, bool(failed), "Failed" if failed else "AsExpected", failed),
    ]
