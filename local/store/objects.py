"""The versioned collection below the API: objects by key, one counter for all versions, a bounded log of changes.

Stored objects are shared with every reader and must never be changed in place: a write puts a new object.
"""

import threading
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .errors import expired
from .resources import Key, Object, Resource

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Change(NamedTuple):
    """One entry of the log. previous is the object before a MODIFIED, None otherwise."""

    version: int
    type: ChangeType
    collection: str
    key: Key
    object: Object
    previous: Object | None = None


def key_of(obj: Object) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Objects:
    """Thread-safe. `changed` is the lock of every method, and is notified after each change."""

    def __init__(self, history: int) -> None:
        """history: how many changes a watcher may lie behind before it is told to list again."""
        self.changed = threading.Condition(threading.RLock())
        self.version = 1
        self._history = history
        self._collections: dict[str, dict[Key, Object]] = {}
        self._log: list[Change] = []
        self._forgotten = 1  # the newest version whose change is no longer in the log

    def get(self, resource: Resource, key: Key) -> Object | None:
        with self.changed:
            return self._collections.get(resource.qualified, {}).get(key)

    def items(self, resource: Resource, namespace: str = "") -> tuple[int, list[Object]]:
        """Return the version of this moment and the objects, sorted by key; namespace "" means all."""
        with self.changed:
            found = self._collections.get(resource.qualified, {})
            return self.version, [found[k] for k in sorted(found) if not namespace or k[0] == namespace]

    def all(self) -> Iterator[tuple[str, Object]]:
        """Every object with the qualified plural of its kind. Hold the lock while iterating."""
        for collection, objects in self._collections.items():
            yield from ((collection, obj) for obj in objects.values())

    def put(self, resource: Resource, obj: Object) -> Object:
        """Store obj under its name and the next version; return what is stored."""
        with self.changed:
            found = self._collections.setdefault(resource.qualified, {})
            previous = found.get(key_of(obj))
            stored = self._next(obj)
            found[key_of(obj)] = stored
            kind: ChangeType = "MODIFIED" if previous else "ADDED"
            self._record(Change(self.version, kind, resource.qualified, key_of(obj), stored, previous))
            return stored

    def remove(self, resource: Resource, obj: Object) -> Object:
        """Take out what is stored under obj's name; return obj, its last form, with a version of its own."""
        with self.changed:
            del self._collections[resource.qualified][key_of(obj)]
            last = self._next(obj)
            self._record(Change(self.version, "DELETED", resource.qualified, key_of(obj), last))
            return last

    def since(self, version: int) -> list[Change]:
        """Return the changes after version, or or refuse with 410 where the log does not reach."""
        with self.changed:
            if version < self._forgotten or version > self.version:
                raise expired(version, self._forgotten)
            return self._log[version - self._forgotten :]

    def _next(self, obj: Object) -> Object:
        self.version += 1
        return obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.version)}}

    def _record(self, change: Change) -> None:
        self._log.append(change)
        if len(self._log) > 2 * self._history:  # cut rarely, so that a cut's cost does not matter
            self._log = self._log[-self._history :]
            self._forgotten = self._log[0].version - 1
        self.changed.notify_all()
