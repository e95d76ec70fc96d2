"""Kubernetes Events about failed syncs, so that `kubectl describe` of a parent says what is wrong."""

from __future__ import annotations

import datetime
import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from clients.kube import KubeClient
from clients.kube.errors import KubeError, NotFound
from clients.kube.resources import EVENTS
from local.metacontroller.objects import Object, key_of, name_of, namespace_of, uid_of, version_of

log = logging.getLogger(__name__)

# Per object: a burst of 25, then one in five minutes.
BURST = 25
REFILL = 300.0
LONGEST = 1024
REMEMBERED = 1000


@dataclass
class _Record:
    """What one object was last told; `free` is when the bucket's next token would be there, were it empty."""

    free: float
    message: str = ""
    name: str = ""
    count: int = 0


class Events:
    """Writes Warning/SyncError Events. Never fails: an Event that cannot be written is only logged. Thread-safe."""

    def __init__(self, client: KubeClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def warn(self, obj: Object, message: str) -> None:
        """The same message again only raises the count of its Event."""
        message = message[:LONGEST]
        with self._lock:
            record = self._admit(uid_of(obj))
            if record is None:
                return
            record.count = record.count + 1 if record.message == message else 1
            record.message = message
            try:
                self._write(obj, record)
            except KubeError as error:
                log.warning("no event for %s: %s", key_of(obj), error)

    def _admit(self, uid: str) -> _Record | None:
        now = self._clock()
        if len(self._records) > REMEMBERED:
            self._records.clear()
        record = self._records.setdefault(uid, _Record(free=now - BURST * REFILL))
        free = max(record.free, now - BURST * REFILL) + REFILL
        if free > now:
            return None
        record.free = free
        return record

    def _write(self, obj: Object, record: _Record) -> None:
        namespace = namespace_of(obj) or "default"
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if record.count > 1:
            try:
                patch = {"count": record.count, "lastTimestamp": now}
                self._client.patch(EVENTS, record.name, patch, namespace=namespace)
                return
            except NotFound:
                record.count = 1
        record.name = f"{name_of(obj)}.{uuid.uuid4().hex[:16]}"
        self._client.create(EVENTS, _body(obj, record, namespace, now), namespace=namespace)


def _body(obj: Object, record: _Record, namespace: str, now: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": record.name, "namespace": namespace},
        "involvedObject": {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "namespace": namespace_of(obj),
            "name": name_of(obj),
            "uid": uid_of(obj),
            "resourceVersion": version_of(obj),
        },
        "type": "Warning",
        "reason": "SyncError",
        "message": record.message,
        "source": {"component": "metacontroller"},
        "reportingComponent": "metacontroller",
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": record.count,
    }
