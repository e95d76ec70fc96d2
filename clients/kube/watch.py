"""watch(): a collection as it is and as it changes, for as long as the caller likes.

A thread per watch lists and reads (_follow), the caller's thread takes what it read (watch): so `stop` ends a watch
at once, whatever the server does or does not.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import requests

from clients.kube import transport
from clients.kube.client import KubeClient, pause
from clients.kube.errors import LASTING, Gone, KubeError, api_error
from clients.kube.resources import Resource

_log = logging.getLogger(__name__)

WINDOW = 300  # seconds one watch request lasts at most; less a random part, so that not all come at once
LOOK = 0.5  # seconds between two looks at `stop` while nothing happens
LONGEST_PAUSE = 10.0  # seconds between two tries while the server is away
_BACKLOG = 1000  # changes read ahead of the caller
_RELIST_AFTER = 5  # failures in a row after which the version itself may be what is wrong


class _HistoryLost(KubeError):
    """There is no going on from the version we know: list again."""


class Listed(NamedTuple):
    """Everything there is: first of all, and again whenever the changes since were lost."""

    items: tuple[dict[str, Any], ...]


class Changed(NamedTuple):
    """One change since; type is ADDED, MODIFIED or DELETED."""

    type: str
    object: dict[str, Any]


class _Target(NamedTuple):
    resource: Resource
    namespace: str | None
    label_selector: str | None
    field_selector: str | None


def watch(
    client: KubeClient,
    resource: Resource,
    *,
    namespace: str | None = None,
    name: str | None = None,
    label_selector: str | None = None,
    stop: threading.Event,
    window: int = WINDOW,
    backoff: Callable[[int], float] = lambda failures: pause(failures, longest=LONGEST_PAUSE),
    hear: Callable[[KubeError | None], None] = lambda trouble: None,
) -> Iterator[Listed | Changed]:
    """The objects of a namespace (None: of all), then each change, until `stop` is set; ends within a second of it.

    Survives whatever passes: closed connections, an API server that is away, lost history (410: a new Listed).
    Raises Unauthorized, Forbidden, NotFound (no such kind) and ConfigError, which do not.
    backoff: seconds to wait after so many failures in a row (from 0).
    hear: told every failure in a row but the first, which passes, and None once the server answers again; what it
    raises ends the watch.
    """
    target = _Target(resource, namespace, label_selector, f"metadata.name={name}" if name else None)
    reader = _Reader(client.without_repeats(), target, window, backoff, hear)
    reader.start()
    try:
        while not stop.is_set():
            with contextlib.suppress(queue.Empty):
                found = reader.found.get(timeout=LOOK)
                if isinstance(found, BaseException):
                    raise found
                yield found
    finally:
        reader.end()


class _Reader(threading.Thread):
    """Runs _follow and queues what it finds; end() may be called by any thread at any time."""

    def __init__(
        self,
        client: KubeClient,
        target: _Target,
        window: int,
        backoff: Callable[[int], float],
        hear: Callable[[KubeError | None], None],
    ) -> None:
        super().__init__(name=f"watch-{target.resource.plural}", daemon=True)
        self.found: queue.Queue[Listed | Changed | BaseException] = queue.Queue(_BACKLOG)
        self.ended = threading.Event()
        self._client = client
        self._target = target
        self._window = window
        self._backoff = backoff
        self._hear = hear
        self._silent = False  # so that the end of a silence is told once
        self._lock = threading.Lock()
        self._response: requests.Response | None = None

    def run(self) -> None:
        try:
            for found in _follow(self._client, self._target, self):
                self._put(found)
        except Exception as error:  # whatever it is belongs to the caller, not to this thread
            self._put(error)

    def end(self) -> None:
        self.ended.set()
        with self._lock:
            if self._response is not None:
                transport.interrupt(self._response)

    def wait(self, failures: int, asked: float) -> None:
        """Back off, at least for the seconds the server asked for."""
        self.ended.wait(max(self._backoff(failures), asked))

    def unanswered(self, error: KubeError) -> None:
        self._silent = True
        self._hear(error)

    def answered(self) -> None:
        if self._silent:
            self._silent = False
            self._hear(None)

    def events(self, version: str) -> Iterator[dict[str, Any]]:
        """The raw events of one watch request from `version` on, until the server ends it."""
        seconds = max(1, int(self._window * random.uniform(0.8, 1.0)))
        timeout = (self._client.timeout[0], seconds + 15.0)
        path, params = self._target.resource.path(self._target.namespace), _params(self._target, version, seconds)
        try:
            response = self._client.request("GET", path, params=params, stream=True, timeout=timeout)
        except Gone as error:
            raise _HistoryLost(str(error)) from error
        self.answered()
        with self._lock:
            self._response = response
        try:
            if self.ended.is_set():
                return
            for line in self._client.lines(response, timeout):
                yield _decoded(line)
        finally:
            with self._lock:
                self._response = None
            response.close()

    def _put(self, found: Listed | Changed | BaseException) -> None:
        while not self.ended.is_set():
            with contextlib.suppress(queue.Full):
                return self.found.put(found, timeout=LOOK)
        return None


def _follow(client: KubeClient, target: _Target, reader: _Reader) -> Iterator[Listed | Changed]:
    """List, then watch from there, resume after each end, list again when that is not possible; until reader.ended."""
    version, failures = "", 0
    while not reader.ended.is_set():
        fruitful, asked = False, 0.0
        try:
            if not version or failures >= _RELIST_AFTER:
                listing = _list(client, target)
                version = str((listing.get("metadata") or {}).get("resourceVersion") or "")
                yield Listed(tuple(listing["items"]))
            began = time.monotonic()
            for event in reader.events(version):
                change = _change(event)
                fruitful = True
                version = _version_of(event) or version
                if change is not None:
                    yield change
            fruitful = fruitful or time.monotonic() - began >= 1.0  # an idle window is no failure
        except LASTING:
            raise
        except _HistoryLost as error:
            version = ""
            _log.debug("watch of %s starts over: %s", target.resource.plural, error)
        except KubeError as error:
            _log.debug("watch of %s goes on at %s: %s", target.resource.plural, version, error)
            asked = getattr(error, "retry_after", None) or 0.0
            if failures and not fruitful:
                reader.unanswered(error)
        failures = 0 if fruitful else failures + 1
        # Even after a good window a moment: no answer, whatever it is, can make this a busy loop.
        reader.wait(max(0, failures - 1), asked)


def _list(client: KubeClient, target: _Target) -> dict[str, Any]:
    resource, namespace, label_selector, field_selector = target
    return client.list(resource, namespace=namespace, label_selector=label_selector, field_selector=field_selector)


def _params(target: _Target, version: str, seconds: int) -> dict[str, Any]:
    return {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": seconds,
        "labelSelector": target.label_selector,
        "fieldSelector": target.field_selector,
    }


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _HistoryLost("an event that is not JSON") from error


def _change(event: Any) -> Changed | None:
    """The change an event tells; None for a bookmark. Raises _HistoryLost for what cannot be resumed from."""
    kind = event.get("type") if isinstance(event, dict) else None
    found = event.get("object") if kind else None
    if not isinstance(found, dict):
        raise _HistoryLost("an event that is none")
    if kind == "ERROR":
        raise _told(found)
    return Changed(str(kind), found) if kind in ("ADDED", "MODIFIED", "DELETED") else None


def _told(status: dict[str, Any]) -> KubeError:
    """The error that an ERROR event carries."""
    code = status.get("code")
    error = api_error(code if isinstance(code, int) else 500, {"kind": "Status", **status}, asked="the watch")
    return error if isinstance(error, LASTING) else _HistoryLost(str(error))


def _version_of(event: dict[str, Any]) -> str:
    return str((event["object"].get("metadata") or {}).get("resourceVersion") or "")
