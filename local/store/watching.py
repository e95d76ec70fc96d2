"""Watches: from the log of changes to the events of one client, filtered by its selectors."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .errors import Refusal
from .objects import Change, Objects
from .resources import Object, Resource
from .selectors import Predicate

LOOK_AROUND = 1.0  # seconds between looks whether the client is still there
BOOKMARK_AFTER = 5.0  # seconds; an API server takes a minute


@dataclass(frozen=True)
class Watch:
    """One client's wish. version None: begin with all that is there; seconds None: no end."""

    resource: Resource
    namespace: str
    wanted: Predicate
    version: int | None
    seconds: float | None
    bookmarks: bool


def event(kind: str, obj: Object) -> Object:
    return {"type": kind, "object": obj}


def events(objects: Objects, watch: Watch, alive: Callable[[], bool]) -> Iterator[list[Object]]:
    """Yield batches of watch events as they come, until the time is over, the history is lost or alive says no."""
    version = watch.version
    if version is None:
        version, found = objects.items(watch.resource, watch.namespace)
        yield [event("ADDED", obj) for obj in found if watch.wanted(obj)]
    end = time.monotonic() + (watch.seconds if watch.seconds is not None else float("inf"))
    said, bookmark_at = version, time.monotonic() + BOOKMARK_AFTER
    while alive():
        try:
            changes, version = _next(objects, version, min(LOOK_AROUND, max(0.0, end - time.monotonic())))
        except Refusal as refusal:
            yield [event("ERROR", refusal.status())]
            return
        batch = [one for change in changes for one in _seen(watch, change)]
        now = time.monotonic()
        if batch:
            said = version
        elif watch.bookmarks and version > said and now >= min(bookmark_at, end):
            batch, said, bookmark_at = [_bookmark(watch.resource, version)], version, now + BOOKMARK_AFTER
        if batch:
            yield batch
        if now >= end:
            return


def _next(objects: Objects, version: int, patience: float) -> tuple[list[Change], int]:
    with objects.changed:
        found = objects.since(version)
        if not found and patience:
            objects.changed.wait(patience)
            found = objects.since(version)
        return found, objects.version


def _seen(watch: Watch, change: Change) -> Iterator[Object]:
    """The change as the client sees it: an object that stops matching is gone for it."""
    if change.collection != watch.resource.qualified or (watch.namespace and change.key[0] != watch.namespace):
        return
    now = watch.wanted(change.object)
    if change.type != "MODIFIED" or change.previous is None:
        if now:
            yield event(change.type, change.object)
        return
    before = watch.wanted(change.previous)
    if now:
        yield event("MODIFIED" if before else "ADDED", change.object)
    elif before:
        version = {"resourceVersion": str(change.version)}
        yield event("DELETED", change.previous | {"metadata": change.previous["metadata"] | version})


def _bookmark(resource: Resource, version: int) -> Object:
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    return event("BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata})
