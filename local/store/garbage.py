"""The garbage collector, and the namespace and CRD deletion that clean up in the same way.

`decide` looks at all objects and says what is due; `Collector` does it, woken by the changes that can make work.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .api import Api
from .errors import Refusal
from .objects import Change, key_of
from .resources import Object
from .writes import CRD_FINALIZER

_log = logging.getLogger(__name__)


class Delete(NamedTuple):
    collection: str
    object: Object
    propagation: str = "Background"


class Amend(NamedTuple):
    """Give the object's metadata these values."""

    collection: str
    object: Object
    metadata: dict[str, Any]


class Empty(NamedTuple):
    """A namespace has no content any more."""

    object: Object


Action = Delete | Amend | Empty
Items = list[tuple[str, Object]]


def decide(everything: Iterable[tuple[str, Object]]) -> list[Action]:
    """Return what is due; doing it may make more due. everything: (qualified plural, object)."""
    items = list(everything)
    by_uid = {obj["metadata"]["uid"]: obj for _, obj in items}
    dependents: dict[str, Items] = defaultdict(list)
    for collection, obj in items:
        for owner in obj["metadata"].get("ownerReferences", []):
            dependents[owner["uid"]].append((collection, obj))
    found: list[Action] = []
    for collection, obj in items:
        metadata = obj["metadata"]
        if metadata.get("ownerReferences"):
            found += _dependent(collection, obj, by_uid, dependents)
        if "deletionTimestamp" in metadata:
            found += _owner(collection, obj, dependents[metadata["uid"]])
            found += _container(collection, obj, items)
    return found


def _dependent(
    collection: str, obj: Object, by_uid: dict[str, Object], dependents: dict[str, Items]
) -> Iterator[Action]:
    owners = {ref["uid"]: _owner_of(obj, ref, by_uid) for ref in obj["metadata"]["ownerReferences"]}
    there = {uid: owner for uid, owner in owners.items() if owner is not None}
    waiting = {uid for uid, owner in there.items() if _has_finalizer(owner, "foregroundDeletion")}
    if len(there) > len(waiting):
        kept = [ref for ref in obj["metadata"]["ownerReferences"] if ref["uid"] in there.keys() - waiting]
        if len(kept) < len(owners):
            yield Amend(collection, obj, {"ownerReferences": kept})
    elif "deletionTimestamp" not in obj["metadata"]:
        deeper = bool(waiting and dependents[obj["metadata"]["uid"]])
        yield Delete(collection, obj, "Foreground" if deeper else "Background")


def _owner_of(obj: Object, ref: Object, by_uid: dict[str, Object]) -> Object | None:
    """The owner, unless it is gone or lives where it cannot own obj."""
    owner = by_uid.get(ref["uid"])
    if owner is None or owner["kind"] != ref["kind"] or owner["metadata"]["name"] != ref["name"]:
        return None
    place = owner["metadata"].get("namespace")
    return owner if place in (None, obj["metadata"].get("namespace")) else None


def _has_finalizer(obj: Object, name: str) -> bool:
    return "deletionTimestamp" in obj["metadata"] and name in obj["metadata"].get("finalizers", [])


def _without(obj: Object, finalizer: str) -> dict[str, Any]:
    return {"finalizers": [f for f in obj["metadata"].get("finalizers", []) if f != finalizer]}


def _owner(collection: str, obj: Object, dependents: Items) -> Iterator[Action]:
    """What a deleted owner's propagation finalizers ask for."""
    uid = obj["metadata"]["uid"]
    if _has_finalizer(obj, "foregroundDeletion"):
        refs = (ref for _, d in dependents for ref in d["metadata"]["ownerReferences"] if ref["uid"] == uid)
        if not any(ref.get("blockOwnerDeletion") for ref in refs):
            yield Amend(collection, obj, _without(obj, "foregroundDeletion"))
    if _has_finalizer(obj, "orphan"):
        for where, dependent in dependents:
            kept = [ref for ref in dependent["metadata"]["ownerReferences"] if ref["uid"] != uid]
            yield Amend(where, dependent, {"ownerReferences": kept})
        yield Amend(collection, obj, _without(obj, "orphan"))


def _container(collection: str, obj: Object, items: Items) -> Iterator[Action]:
    """What a deleted namespace or CRD still holds goes first."""
    name = obj["metadata"]["name"]
    if collection == "namespaces":
        content = [(c, o) for c, o in items if o["metadata"].get("namespace") == name]
        end: Action = Empty(obj)
    elif _has_finalizer(obj, CRD_FINALIZER):
        content = [(c, o) for c, o in items if c == name]
        end = Amend(collection, obj, _without(obj, CRD_FINALIZER))
    else:
        return
    yield from (Delete(c, o) for c, o in content if "deletionTimestamp" not in o["metadata"])
    if not content:
        yield end


class Collector(threading.Thread):
    """Runs until `stop`, which waits for its end."""

    def __init__(self, api: Api) -> None:
        super().__init__(name="store-collector", daemon=True)
        self._api, self._objects = api, api.objects
        self._stopped = False

    def run(self) -> None:
        seen = 0
        while True:
            with self._objects.changed:
                self._objects.changed.wait_for(lambda s=seen: self._stopped or self._objects.version > s)  # type: ignore[misc]
                if self._stopped:
                    return
                due = self._due(seen)
                seen = self._objects.version
            for action in due:
                try:
                    self._act(action)
                except Refusal as refusal:  # the world moved on; the change that moved it wakes us again
                    _log.debug("left alone: %s", refusal)

    def stop(self) -> None:
        with self._objects.changed:
            self._stopped = True
            self._objects.changed.notify_all()
        self.join()

    def _due(self, seen: int) -> list[Action]:
        try:
            relevant = any(_makes_work(change) for change in self._objects.since(seen))
        except Refusal:
            relevant = True
        return decide(self._objects.all()) if relevant else []

    def _act(self, action: Action) -> None:
        match action:
            case Delete(collection, obj, propagation):
                resource = self._api.by_collection(collection)
                preconditions = {"uid": obj["metadata"]["uid"]}
                options = {"propagationPolicy": propagation, "preconditions": preconditions}
                self._api.delete(resource, *key_of(obj), options)
            case Amend(collection, obj, metadata):
                self._api.amend(self._api.by_collection(collection), obj, **metadata)
            case Empty(obj):
                self._api.release_namespace(obj)


def _makes_work(change: Change) -> bool:
    metadata = change.object["metadata"]
    new_owners = change.type == "ADDED" or metadata.get("ownerReferences") != (change.previous or {}).get(
        "metadata", {}
    ).get("ownerReferences")
    return (
        change.type == "DELETED"
        or "deletionTimestamp" in metadata
        or bool(metadata.get("ownerReferences") and new_owners)
    )
