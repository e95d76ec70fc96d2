"""The job controller's hooks (a decorator): the bootstrap Job that the supervisor ordered, and the label that binds.

The status of a FlinkJob is the supervisor's: the answer's `status` is null, which leaves it alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core import job as jobs
from core import names, spec, times
from core.job_status import read_status
from hooks.children import bootstrap
from hooks.protocol import Request, Resource, as_applied, finished

RESYNC = 2.0


def sync(request: Request) -> dict[str, Any]:
    """The Job stays until the supervisor has stored the JAR's id: a finished Job that vanished would be run again. One
    that failed stays for its log, until the next one is ordered."""
    cluster = _cluster(request)
    return _answer(cluster, _attachments(request, cluster))


def finalize(request: Request, now: datetime) -> dict[str, Any]:
    """Finalized when the job has let go of its cluster, when there is no such cluster, or after the deadline."""
    parent = request.parent
    cluster = _cluster(request)
    status = parent.get("status") or {}
    there = any(item["metadata"]["name"] == cluster for item in request.related_of(names.CLUSTER))
    started = times.from_text(parent["metadata"].get("deletionTimestamp")) or now
    deadline = started + timedelta(seconds=jobs.deletion_deadline(parent.get("spec")))
    let_go = not spec.text(status, "clusterRevision") and status.get("supervisorStatus") in ("Terminated", None)
    finalized = let_go or not there or now >= deadline
    return {**_answer(cluster, []), "finalized": finalized, "resyncAfterSeconds": RESYNC}


def customize(parent: Resource) -> dict[str, Any]:
    """The cluster that the spec names, and the one that the job ran on when it came to name one; or all of the
    namespace, to find it by name. Metacontroller keeps the answer for a generation, and a name that is added is one."""
    named = spec.text(parent.get("spec") or {}, "clusterName")
    runs_on = spec.text(parent.get("status") or {}, "clusterName")
    rule: dict[str, Any] = {
        "apiVersion": names.API_VERSION,
        "resource": "flinkclusters",
        "namespace": parent["metadata"].get("namespace", ""),
    }
    return {"relatedResources": [{**rule, "names": sorted({named, runs_on or named})} if named else rule]}


def _cluster(request: Request) -> str:
    known = tuple(item["metadata"]["name"] for item in request.related_of(names.CLUSTER))
    status = request.parent.get("status") or {}
    holds = spec.text(status, "clusterName") if spec.text(status, "clusterRevision") else ""
    if holds in known:
        # It runs there, whatever was written since: under another supervisor it would run a second time.
        return holds
    return names.bound_cluster(request.parent["metadata"], request.parent.get("spec") or {}, known)


def _attachments(request: Request, cluster: str) -> list[Resource]:
    metadata = request.parent["metadata"]
    status = read_status(request.parent)
    delivery = status.ordered
    if delivery is None:
        failed = names.bootstrap_job(metadata["name"], status.undelivered)
        return as_applied(item for item in request.of("Job") if item["metadata"]["name"] == failed)
    return [
        bootstrap.make_job(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            uid=metadata.get("uid", ""),
            cluster=cluster,
            delivery=delivery,
            image_volume=request.install.image_volumes,
        )
    ]


def _answer(cluster: str, attachments: list[Resource]) -> dict[str, Any]:
    labels = {names.LABEL_CLUSTER: cluster} if cluster else {}
    return {"labels": labels, "annotations": {}, "status": None, "attachments": finished(attachments)}
