"""What deployments, clusters and jobs can be asked, for flinkctl and for the REST interface. Sends; prints nothing."""

from __future__ import annotations

import time
from typing import Any

from cli import kinds, manifests, verdicts
from cli.errors import Failed, Invalid
from cli.manifests import Manifest
from cli.options import CLIENT, NONE, SERVER
from cli.session import Session
from clients.kube import AlreadyExists
from core import job as jobs
from core import names
from core.states import Phase, RequestedAction

Object = dict[str, Any]


# ---- specs ---------------------------------------------------------------------------------------------------------


def create(session: Session, manifest: Manifest, dry_run: str = NONE) -> Object:
    """A new object; Failed when there is one, or when its spec is wrong."""
    _check(manifests.problems(manifest))
    if dry_run == CLIENT:
        return manifest.body
    try:
        return session.client.create(
            manifest.resource, manifest.body, namespace=session.namespace, dry_run=dry_run == SERVER
        )
    except AlreadyExists as error:
        raise Failed(f"{error}; change it with update") from error


def update(session: Session, manifest: Manifest, dry_run: str = NONE) -> Object:
    """Merges spec, labels and annotations into an object that is there; what the manifest does not say stays."""
    _check(manifests.problems(manifest, partial=True))
    live, metadata = session.get(manifest.resource, manifest.name), manifest.body["metadata"]
    kept = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    patch = {"metadata": kept, "spec": manifest.body.get("spec") or {}}
    if dry_run == CLIENT:
        return live
    return session.client.patch(
        manifest.resource, manifest.name, patch, namespace=session.namespace, dry_run=dry_run == SERVER
    )


def _check(wrong: list[str]) -> None:
    if wrong:
        raise Invalid("\n".join(wrong))


def delete(session: Session, item: Object, dry_run: str = NONE) -> bool:
    """In the background, that very object. Is it gone already?"""
    if dry_run == CLIENT:
        return True
    metadata = item["metadata"]
    answer = session.client.delete(
        kinds.of(item),
        metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        dry_run=dry_run == SERVER,
    )
    return answer.get("kind") == "Status"


# ---- requests ------------------------------------------------------------------------------------------------------


def start(session: Session, item: Object, *, without: bool = False, origin: str = "", dry_run: str = NONE) -> Object:
    """START, which is a restart where it runs already. `origin`: the savepoint or checkpoint that a job begins with."""
    if why := _cannot_start(item):
        raise Failed(f"{kinds.title_of(item)} cannot start: {why}")
    return _request(session, item, RequestedAction.START, dry_run, without=without, origin=origin)


def _cannot_start(item: Object) -> str:
    if "deletionTimestamp" in item["metadata"]:
        return "it is being deleted"
    if (item.get("spec") or {}).get("suspend"):
        return "spec.suspend is true"
    if item["kind"] == names.JOB and not jobs.read(item).parallelism:
        return "its parallelism is 0; scale it first"
    return ""


def stop(session: Session, item: Object, *, without: bool = False, drain: bool = False, dry_run: str = NONE) -> Object:
    return _request(session, item, RequestedAction.STOP, dry_run, without=without, drain=drain)


def trigger_savepoint(session: Session, item: Object, dry_run: str = NONE) -> Object:
    if verdicts.phase(item) != Phase.STARTED:
        raise Failed(f"{kinds.title_of(item)} is {verdicts.phase(item)}: only a running job can take a savepoint")
    return _request(session, item, RequestedAction.TRIGGER_SAVEPOINT, dry_run)


def forget_savepoints(session: Session, item: Object, dry_run: str = NONE) -> Object:
    return _request(session, item, RequestedAction.FORGET_SAVEPOINT, dry_run)


def _request(
    session: Session,
    item: Object,
    action: RequestedAction,
    dry_run: str,
    *,
    without: bool = False,
    origin: str = "",
    drain: bool = False,
) -> Object:
    """Writes what the supervisor shall do; the object with it."""
    annotations: dict[str, str | None] = {
        names.REQUESTED_ACTION: str(action),
        names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000),
        names.WITHOUT_SAVEPOINT: str(without).lower(),
        names.FROM_SAVEPOINT: origin or None,
        names.DRAIN: str(drain).lower(),
    }
    if dry_run == CLIENT:
        return item
    metadata, patch = item["metadata"], {"metadata": {"annotations": annotations}}
    return session.client.patch(
        kinds.of(item), metadata["name"], patch, namespace=metadata["namespace"], dry_run=dry_run == SERVER
    )


def scale(session: Session, item: Object, replicas: int, dry_run: str = NONE) -> Object:
    """Through the scale subresource, as `kubectl scale` and autoscalers do; the object afterwards."""
    if dry_run == CLIENT:
        return item
    metadata, patch = item["metadata"], {"spec": {"replicas": replicas}}
    where: dict[str, Any] = {"namespace": metadata["namespace"]}
    session.client.patch(
        kinds.of(item), metadata["name"], patch, subresource="scale", dry_run=dry_run == SERVER, **where
    )
    return session.client.get(kinds.of(item), metadata["name"], **where)
