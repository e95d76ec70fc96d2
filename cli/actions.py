"""What people ask of clusters and jobs: requests in annotations, the scale subresource, deletion."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from cli import kinds, output, verdicts
from cli.errors import Failed
from cli.options import Patience, Shape
from cli.session import Session
from cli.verdicts import Goal
from cli.waiting import Awaited, wait
from clients.kube import Resource, resources
from core import cluster as clusters
from core import job as jobs
from core import names
from core.states import Phase, RequestedAction

Object = dict[str, Any]


def start(session: Session, resource: Resource, called: Sequence[str], patience: Patience, *, without: bool) -> None:
    """START, which is a restart where it runs already."""
    items = [session.get(resource, name) for name in called]
    for item in items:
        if why := _cannot_start(item):
            raise Failed(f"{kinds.title_of(item)} cannot start: {why}")
    _request(session, resource, items, RequestedAction.START, patience, verdicts.Started, without=without)


def _cannot_start(item: Object) -> str:
    body = item.get("spec") or {}
    if body.get("suspend"):
        return "spec.suspend is true"
    if item["kind"] == names.JOB and not jobs.read(item).parallelism:
        return "its parallelism is 0; scale it first"
    return ""


def stop(
    session: Session,
    resource: Resource,
    called: Sequence[str],
    patience: Patience,
    *,
    without: bool,
    drain: bool = False,
) -> None:
    items = [session.get(resource, name) for name in called]
    goal = verdicts.Stopped()
    _request(
        session, resource, items, RequestedAction.STOP, patience, lambda before: goal, without=without, drain=drain
    )


def _request(
    session: Session,
    resource: Resource,
    items: Sequence[Object],
    action: RequestedAction,
    patience: Patience,
    goal: Callable[[Object], Goal],
    *,
    without: bool = False,
    drain: bool = False,
) -> None:
    """Asks all, then waits for all."""
    asked = [ask(session, resource, item, action, without=without, drain=drain) for item in items]
    for item in asked:
        output.data(f"{kinds.title_of(item)} {action.lower().replace('_', ' ')} requested")
    _await(session, [_awaited(resource, item, goal(item)) for item in asked], patience)


def ask(
    session: Session,
    resource: Resource,
    item: Object,
    action: RequestedAction,
    *,
    without: bool = False,
    drain: bool = False,
) -> Object:
    """Writes the request; the object with it."""
    if before := verdicts.pending(item):
        output.warning(f"{kinds.title_of(item)}: replaces {before}, which nobody has taken up yet")
    annotations = {
        names.REQUESTED_ACTION: str(action),
        names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000),
        names.WITHOUT_SAVEPOINT: str(without).lower(),
        names.DRAIN: str(drain).lower(),
    }
    metadata = item["metadata"]
    patch = {"metadata": {"annotations": annotations}}
    return session.client.patch(resource, metadata["name"], patch, namespace=metadata["namespace"])


def scale(session: Session, resource: Resource, called: Sequence[str], replicas: int, patience: Patience) -> None:
    """Through the scale subresource, as `kubectl scale` and autoscalers do."""
    items = []
    for name in called:
        for text in _about_scale(session.get(resource, name), replicas):
            output.warning(f"{kinds.title(resource, name)}: {text}")
        patch = {"spec": {"replicas": replicas}}
        session.client.patch(resource, name, patch, namespace=session.namespace, subresource="scale")
        items.append(session.get(resource, name))
        output.data(f"{kinds.title(resource, name)} scaled to {replicas}")
    _await(session, [_awaited(resource, item, verdicts.Scaled()) for item in items], patience)


def _about_scale(item: Object, replicas: int) -> list[str]:
    """What keeps the figure from being what will be."""
    found = []
    body = item.get("spec") or {}
    if item["kind"] == names.CLUSTER:
        cluster = clusters.read(item)
        limits, kept = ("minTaskManagers", "maxTaskManagers"), cluster.clamp(replicas)
        if cluster.supervisor.by_job_parallelism:
            found.append("its rescalePolicy is JobParallelism: the jobs decide how many TaskManagers there are")
    else:
        limits = ("minJobParallelism", "maxJobParallelism")
        kept = jobs.read({**item, "spec": {**body, "jobParallelism": replicas, "suspend": False}}).parallelism
        if body.get("suspend"):
            found.append("spec.suspend is true: the figure counts when it is resumed")
    if kept != replicas:
        found.append(f"{limits[0]} and {limits[1]} make it {kept}")
    return found


def delete(session: Session, resource: Resource, called: Sequence[str], patience: Patience) -> None:
    """In the background, that very object; without a question, as kubectl does."""
    awaited = []
    for item in [session.get(resource, name) for name in called]:
        metadata = item["metadata"]
        if owner := _owner(item):
            output.warning(f"{kinds.title_of(item)} belongs to {owner}, which makes it again")
        answer = session.client.delete(resource, metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"])
        gone = answer.get("kind") == "Status"
        output.data(f"{kinds.title_of(item)} {'deleted' if gone else 'is being deleted'}")
        if not gone:
            awaited.append(_awaited(resource, item, verdicts.Gone(metadata["uid"])))
    _await(session, awaited, patience)


def _owner(item: Object) -> str:
    owners = item["metadata"].get("ownerReferences") or []
    found = next((owner for owner in owners if owner.get("controller")), None)
    return f"{found['kind']} {found['name']}" if found else ""


# ---- savepoints ----------------------------------------------------------------------------------------------------


def trigger_savepoint(session: Session, name: str, patience: Patience) -> None:
    """Prints the path alone, when it waits for it."""
    item = session.get(resources.FLINK_JOBS, name)
    title = kinds.title_of(item)
    if verdicts.phase(item) != Phase.STARTED:
        raise Failed(f"{title} is {verdicts.phase(item)}: only a running job can take a savepoint")
    asked = ask(session, resources.FLINK_JOBS, item, RequestedAction.TRIGGER_SAVEPOINT)
    if not patience.wait:
        output.data(f"{title} savepoint requested")
        output.hint(f"see: flinkctl savepoint list {name}")
        return
    output.note(f"{title} savepoint requested")
    awaited = _awaited(resources.FLINK_JOBS, asked, verdicts.Saved(asked))
    wait(session, [awaited], patience.timeout)
    output.data(awaited.verdict.text)


def forget_savepoints(session: Session, name: str, patience: Patience) -> None:
    item = session.get(resources.FLINK_JOBS, name)
    goal = verdicts.Consumed("forgot its recovery points")
    _request(session, resources.FLINK_JOBS, [item], RequestedAction.FORGET_SAVEPOINT, patience, lambda before: goal)


def list_savepoints(session: Session, name: str, shape: Shape) -> None:
    """The recovery points of a job, newest first: from the first one that can be read the job comes back."""
    points = verdicts.status_of(session.get(resources.FLINK_JOBS, name)).get("recoveryPoints") or []
    if shape.format in ("json", "yaml"):
        output.data(output.document(points, shape.format))
    elif shape.format == "name":
        for point in points:
            output.data(point["path"])
    elif points:
        rows = recovery_table(points, wide=shape.format == "wide")
        output.data(output.table(rows[1:] if shape.no_headers else rows))
    else:
        output.note(f"{kinds.title(resources.FLINK_JOBS, name)} has no recovery point.")


def recovery_table(points: Sequence[Object], *, wide: bool = False) -> list[tuple[str, ...]]:
    """Head and rows."""
    head = ("TYPE", "TIME", "CHECKPOINT-ID", *(("JOB-ID",) if wide else ()), "PATH")
    rows = [
        (
            point.get("type", ""),
            point.get("timestamp", ""),
            str(point.get("checkpointId", "")),
            *((point.get("jobId", ""),) if wide else ()),
            point.get("path", ""),
        )
        for point in points
    ]
    return [head, *rows]


# ---- waiting -------------------------------------------------------------------------------------------------------


def _awaited(resource: Resource, item: Object, goal: Goal) -> Awaited:
    return Awaited(resource, item["metadata"]["namespace"], item["metadata"]["name"], goal)


def _await(session: Session, awaited: Sequence[Awaited], patience: Patience) -> None:
    if not patience.wait:
        if awaited:
            output.hint(f"see: flinkctl status {awaited[0].resource.kind.lower()} {awaited[0].name}")
        return
    wait(session, awaited, patience.timeout)
    for one in awaited:
        output.data(f"{one.title} {one.verdict.text}")
