"""describe and status: fetches an object with what belongs to it, and prints pages.page() of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from cli import kinds, output, pages, verdicts
from cli.errors import FAILED
from cli.options import Shape
from cli.pages import Facts
from cli.session import Session
from clients.kube import Forbidden, Resource, resources
from core import names

Object = dict[str, Any]
LAST_EVENTS = 10


def chosen(words: tuple[str, ...]) -> tuple[tuple[Resource, ...], tuple[str, ...]]:
    """The kinds and names that the arguments mean. UsageError."""
    word, called = kinds.split(words or ("all",))
    found = kinds.FLINK if word.lower() == "all" else kinds.kinds(word)
    if resources.PODS in found or (called and len(found) > 1):
        raise click.UsageError(
            "there are pages for deployments (fd), clusters (fc) and jobs (fj); that of a cluster tells of its pods"
        )
    return found, called


def pages_of(session: Session, found: Iterable[Resource], called: tuple[str, ...], *, whole: bool) -> list[Object]:
    """Prints the pages; the objects."""
    items = [item for resource in found for item in session.some(resource, called)]
    if not items:
        output.note("No resources found.")
    for number, item in enumerate(items):
        about = facts(session, item) if whole else Facts(item, datetime.now(UTC))
        output.data(("\n\n" if whole else "\n") * bool(number) + pages.page(about))
    return items


def describe(session: Session, found: tuple[Resource, ...], called: tuple[str, ...]) -> None:
    pages_of(session, found, called, whole=True)


def status(session: Session, found: tuple[Resource, ...], called: tuple[str, ...], shape: Shape) -> None:
    """Ends with exit code 1 when something is degraded or stalled."""
    if shape.format == "text":
        items = pages_of(session, found, called, whole=False)
    else:
        items = [item for resource in found for item in session.some(resource, called)]
        told = [{"kind": item["kind"], "name": item["metadata"]["name"], **verdicts.status_of(item)} for item in items]
        output.data(output.document(told[0] if len(called) == 1 else told, shape.format))
    if any(verdicts.troubled(item) for item in items):
        raise click.exceptions.Exit(FAILED)


# ---- fetching ------------------------------------------------------------------------------------------------------


def facts(session: Session, item: Object) -> Facts:
    metadata, kind = item["metadata"], item["kind"]
    namespace, name = metadata["namespace"], metadata["name"]
    cluster = verdicts.status_of(item).get("clusterName") or names.bound_cluster(metadata, item.get("spec") or {}, ())
    children = _children(session, namespace, name) if kind == names.DEPLOYMENT else ()
    pods = (
        () if kind == names.JOB and not cluster else _pods(session, namespace, cluster if kind == names.JOB else name)
    )
    if kind == names.JOB:
        pods = tuple(pod for pod in pods if _about_job(pod, name))
    about = {(kind, name), *(("Pod", pod["metadata"]["name"]) for pod in pods)}
    about |= {(child["kind"], child["metadata"]["name"]) for child in children}
    events, forbidden = _events(session, namespace, about)
    return Facts(
        item, datetime.now(UTC), children=children, pods=pods, events=events, events_forbidden=forbidden, whole=True
    )


def _about_job(pod: Object, job: str) -> bool:
    """The pods that carry its JAR; those of the cluster belong on the cluster's page."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get(names.LABEL_ROLE) == names.BOOTSTRAP and job.endswith(labels.get(names.LABEL_JOB) or "\0")


def _children(session: Session, namespace: str, deployment: str) -> tuple[Object, ...]:
    found = [
        item
        for resource in (resources.FLINK_CLUSTERS, resources.FLINK_JOBS)
        for item in session.client.list(resource, namespace=namespace)["items"]
    ]
    return tuple(item for item in found if _owned(item, deployment))


def _owned(item: Object, deployment: str) -> bool:
    owners = item["metadata"].get("ownerReferences") or []
    return any(owner["kind"] == names.DEPLOYMENT and owner["name"] == deployment for owner in owners)


def _pods(session: Session, namespace: str, cluster: str) -> tuple[Object, ...]:
    selector = names.selector(cluster)
    return tuple(session.client.list(resources.PODS, namespace=namespace, label_selector=selector)["items"])


def _events(session: Session, namespace: str, about: set[tuple[str, str]]) -> tuple[tuple[Object, ...], bool]:
    """The last events about these (kind, name), oldest first, and whether they may not be read.

    What was said again and again is one event, with the count.
    """
    try:
        found = session.client.list(resources.EVENTS, namespace=namespace)["items"]
    except Forbidden:
        return (), True
    ours: dict[tuple[Any, ...], Object] = {}
    about_these = (event for event in found if _involved(event) in about)
    # Of the same second, the order in which they were written.
    for event in sorted(about_these, key=lambda event: (pages.moment(event), _version(event))):
        key = (*_involved(event), event.get("reason"), event.get("message"))
        before = ours.pop(key, {"count": 0})
        ours[key] = {**event, "count": before["count"] + (event.get("count") or 1)}
    return tuple(ours.values())[-LAST_EVENTS:], False


def _version(item: Object) -> int:
    version = str(item["metadata"].get("resourceVersion") or "")
    return int(version) if version.isdecimal() else 0


def _involved(event: Object) -> tuple[str, str]:
    involved = event.get("involvedObject") or {}
    return str(involved.get("kind")), str(involved.get("name"))
