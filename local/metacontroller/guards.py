"""Guards: what Metacontroller lets pass and a hook must never do. They watch a loop and change nothing that it does.

A hot loop, a child that is made again and again, a child that is never seen: in a cluster these burn quietly.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import requests

from local.metacontroller.apply import canonical_json, identical, last_applied
from local.metacontroller.errors import SyncError, TooManyRequests
from local.metacontroller.objects import (
    Key,
    Object,
    ObjectMap,
    annotations_of,
    controller_of,
    full_name,
    key_of,
    metadata,
    namespace_of,
    terminating,
    uid_of,
    version_of,
)
from local.metacontroller.observer import Observer

log = logging.getLogger(__name__)

HOT_LOOP = "hot loop"
RECREATED = "recreated child"
NEVER_OBSERVED = "child never observed"
ANNOTATION = "annotation that is no string"
EMPTY = "null or empty value"
REPLAY = "replay with another answer"
# A clock counts as a cause from outside when it was set this many seconds before.
PATIENT = 1.0


class Finding(NamedTuple):
    guard: str
    parent: str
    child: str
    what: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.parent}{f', {self.child}' if self.child else ''}: {self.what}"


class _Deleted(NamedTuple):
    """A child that the loop deleted: what was applied to it, what its parent said to the sync that did it, and how
    often parent and related objects had changed from outside."""

    applied: str
    said: str
    changes: int


class Guards(Observer):
    """Collects findings, each once. Outlives the loops that it watches, as their restarts are no excuse.

    hot: so many syncs in a row may write something although nothing changed from outside.
    replay: send every request to its hook once more, and compare the answers.
    """

    def __init__(self, *, hot: int = 20, replay: bool = True) -> None:
        self._hot = hot
        self._replay = replay
        self._lock = threading.RLock()
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._ours: set[tuple[str, str]] = set()  # (uid, resourceVersion) of what the loop wrote
        self._theirs: set[tuple[str, str]] = set()  # ... and of what others wrote, once it was told
        self._deleted_uids: set[str] = set()
        self._wrote: dict[int, list[str]] = {}  # by thread, since its last sync
        self._busy: Counter[tuple[str, Key]] = Counter()  # syncs in a row that wrote something
        self._making: set[Key] = set()  # parents that a child was made for in those
        self._ending: set[str] = set()  # uids of what we have deleted and others take down
        self._clocks: dict[tuple[str, Key], float] = {}
        self._changes: Counter[Key] = Counter()  # of a parent, or of what is related to it, from outside
        self._deleted: dict[tuple[str, Key], _Deleted] = {}  # by the parent's uid and the child

    @property
    def findings(self) -> list[Finding]:
        with self._lock:
            return list(self._findings.values())

    def _found(self, guard: str, parent: Key | Object, child: Object | None, what: str) -> None:
        whose = parent if isinstance(parent, Key) else key_of(parent)
        finding = Finding(guard, str(whose), f"{child['kind']} {full_name(child)}" if child else "", what)
        with self._lock:
            if self._findings.setdefault(finding[:3], finding) is finding:
                log.error("%s", finding)

    # ---- hot loop: own writes only ----------------------------------------------------------------------------------

    def write(self, send: Callable[[], requests.Response]) -> requests.Response:
        # Under the lock, so that the event of a write never comes before the write is known as ours.
        with self._lock:
            response = send()
            written = response.json()
            if written.get("kind") == "Status":
                details = written.get("details") or {}
                self._deleted_uids.add(details.get("uid", ""))
                self._note(f"deletes {details.get('kind')} {details.get('name')}")
            elif written.get("kind") != "Event":
                if terminating(written):
                    self._ending.add(uid_of(written))
                version = uid_of(written), version_of(written)
                if version not in self._ours and version not in self._theirs:  # else the server found nothing to change
                    self._note(f"writes {written.get('kind')} {metadata(written)['name']}")
                    self._ours.add(version)
            return response

    def _note(self, what: str) -> None:
        self._wrote.setdefault(threading.get_ident(), []).append(what)

    def woken(self, controller: str, key: Key, by: Object | None, *, as_child: bool = False) -> None:
        with self._lock:
            if by is not None and (self._is_ours(by) or (uid_of(by) in self._ending and key in self._making)):
                return  # also the end of a child that another one was made for: that may go on for ever
            self._excuse(controller, key)
            if by is not None:
                self._theirs.add((uid_of(by), version_of(by)))
                self._changes[key] += not as_child

    def _excuse(self, controller: str, key: Key) -> None:
        """Something from outside was the cause: the count begins anew."""
        self._busy.pop((controller, key), None)
        self._making.discard(key)

    def _is_ours(self, obj: Object) -> bool:
        return uid_of(obj) in self._deleted_uids or (uid_of(obj), version_of(obj)) in self._ours

    def woken_after(self, controller: str, key: Key, seconds: float) -> None:
        with self._lock:
            if seconds < PATIENT:
                self._note(f"wants to be woken after {seconds} s")  # as good as a write that wakes it
            else:
                due = time.monotonic() + seconds
                self._clocks[controller, key] = min(self._clocks.get((controller, key), due), due)

    def synced(self, controller: str, key: Key) -> None:
        with self._lock:
            if self._clocks.get((controller, key), float("inf")) <= time.monotonic():
                del self._clocks[controller, key]
                self._excuse(controller, key)
            wrote = self._wrote.pop(threading.get_ident(), [])
            if not wrote:
                return
            self._busy[controller, key] += 1
            if self._busy[controller, key] > self._hot:
                what = f"{self._hot} syncs in a row by {controller} wrote something, and nothing changed from outside"
                self._found(HOT_LOOP, key, None, f"{what}; the last one {', '.join(wrote)}")

    # ---- children made again, or never seen -------------------------------------------------------------------------

    def deleting(self, parent: Object, child: Object) -> None:
        if not terminating(parent) and not ended(child):
            with self._lock:
                self._deleted[uid_of(parent), key_of(child)] = self._as_of(parent, last_applied(child))

    def creating(self, parent: Object, child: Object) -> None:
        with self._lock:
            self._making.add(key_of(parent))
            before = self._deleted.pop((uid_of(parent), key_of(child)), None)
            if before == self._as_of(parent, child):
                self._found(RECREATED, parent, child, "was deleted and is made again, and the same is wanted as before")

    def _as_of(self, parent: Object, applied: Object) -> _Deleted:
        return _Deleted(canonical_json(applied), _said(parent), self._changes[key_of(parent)])

    def taken(self, parent: Object, child: Object, look: Callable[[], Object]) -> None:
        live = look()
        owner = controller_of(live) or {}
        # What an earlier parent of that name has left is on its way out.
        left = (owner.get("kind"), owner.get("name")) == (parent["kind"], metadata(parent)["name"])
        ours = owner.get("uid") == uid_of(parent) and _decorator(live) == _decorator(child)
        if not (ours or terminating(live) or (left and owner.get("uid") != uid_of(parent))):
            whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "nobody"
            self._found(NEVER_OBSERVED, parent, child, f"there is such an object, which belongs to {whose}")

    # ---- what a hook wants ------------------------------------------------------------------------------------------

    def desired(self, parent: Object, observed: ObjectMap, wanted: ObjectMap) -> None:
        for kind, children in wanted.items():
            for child in children.values():
                if kind not in observed:
                    self._found(NEVER_OBSERVED, parent, child, "its type is not among those that the controller names")
                elif namespace_of(parent) not in ("", namespace_of(child)):
                    self._found(NEVER_OBSERVED, parent, child, "it is in another namespace than its parent")
                for name, value in (metadata(child).get("annotations") or {}).items():
                    if not isinstance(value, str):
                        self._found(ANNOTATION, parent, child, f"{name}: {value!r} makes it lose all its annotations")
                for path in nulls(child):
                    self._found(EMPTY, parent, child, f"{path} is null")

    def compared(self, parent: Object, observed: Object, merged: Object) -> None:
        if last_applied(observed) != last_applied(merged):
            return  # it was not made with them
        for path in dropped(observed, merged):
            self._found(EMPTY, parent, observed, f"{path} is empty: the server leaves it out, so it differs for ever")

    def answered(self, parent: Object, answer: Mapping[str, Any], ask: Callable[[], Mapping[str, Any]]) -> None:
        if not self._replay:
            return
        try:
            again = ask()
            # Between two questions a deadline may pass; between three only something else can differ twice.
            if different(answer, again) and different(again, third := ask()):
                where = ", ".join(different(answer, again) + different(again, third))
                self._found(REPLAY, parent, None, f"the very same request was answered differently: {where}")
        except (SyncError, TooManyRequests):
            return  # the hook is away: there is nothing to compare


def different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The fields in which two answers differ. A delay is counted from now, so it may."""
    fields = sorted((one.keys() | other.keys()) - {"resyncAfterSeconds"})
    return [field for field in fields if not identical(one.get(field), other.get(field))]


def ended(child: Object) -> bool:
    """Whether a pod or Job has run and will not run again, so that deleting and making it again is sensible."""
    status = child.get("status") or {}
    states = [item.get("state") or {} for item in status.get("containerStatuses") or []]
    done = [item for item in status.get("conditions") or [] if item.get("type") in ("Complete", "Failed")]
    return (
        status.get("phase") in ("Failed", "Succeeded", "Unknown")
        or any("terminated" in state for state in states)
        or any(item.get("status") == "True" for item in done)
    )


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all nulls."""
    if value is None:
        yield path
    for name, item in _items(value):
        yield from nulls(item, _joined(path, name))


def dropped(observed: Any, merged: Any, path: str = "") -> Iterator[str]:
    """The paths of empty values that shall be, and are not there although the object was made with them."""
    if isinstance(merged, dict) and isinstance(observed, dict):
        for name, value in merged.items():
            if name in observed:
                yield from dropped(observed[name], value, _joined(path, name))
            elif value in ({}, [], ""):
                yield _joined(path, name)
    elif isinstance(merged, list) and isinstance(observed, list):
        for index, (old, new) in enumerate(zip(observed, merged, strict=False)):
            yield from dropped(old, new, _joined(path, index))


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _joined(path: str, name: str | int) -> str:
    return f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".lstrip(".")


def _said(parent: Object) -> str:
    """What people may change of it. A sync may see that before the loop is told, and act on the old after it was."""
    head = metadata(parent)
    return canonical_json([head.get(field) for field in ("generation", "annotations", "labels")])


def _decorator(obj: Object) -> str | None:
    return annotations_of(obj).get("metacontroller.k8s.io/decorator-controller")
