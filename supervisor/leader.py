"""Takes the Lease, keeps it, gives it back; what to do is decided in lease.py."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from clients.kube import AlreadyExists, Conflict, KubeClient, KubeError, NotFound, resources
from supervisor import lease as leases
from supervisor.lease import Move, Sight

log = logging.getLogger("supervisor")
TIMEOUT = (2.0, 3.0)  # seconds for one request of a renewal, so that a second one still comes before the deadline


class Leader:
    """A candidate for one Lease, and its holder once campaign() says so."""

    def __init__(
        self, kube: KubeClient, namespace: str, name: str, *, owner: Callable[[], Mapping[str, Any] | None]
    ) -> None:
        """`owner` is the object that a new Lease shall go with, None for nobody's."""
        self.identity = f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{secrets.token_hex(4)}"
        self._kube = kube
        self._namespace, self._name, self._owner = namespace, name, owner
        self._sight: Sight | None = None
        self._leading, self._lost = False, False
        self._renewed = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def campaign(self, stop: threading.Event) -> bool:
        """Until it is ours, which is then kept by a thread, or until `stop`."""
        while not stop.is_set():
            self._try()
            if self._leading:
                log.info("leading, as %s", self.identity)
                self._thread.start()
                return True
            stop.wait(leases.RETRY_PERIOD)
        return False

    @property
    def lost(self) -> bool:
        """May another begin soon? Also when no renewal came through, or none returned, for too long."""
        return self._lost or time.monotonic() - self._renewed >= leases.RENEW_DEADLINE

    def release(self) -> None:
        """When nothing acts any more."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()
        try:
            found = self._get()
            if found and leases.look(found, None, 0.0).holder == self.identity:
                self._write(found, leases.released(found, datetime.now(UTC)))
        except KubeError as error:
            log.warning("lease %s/%s not released: %s", self._namespace, self._name, error)

    def _keep(self) -> None:
        while not self._stop.wait(leases.RETRY_PERIOD):
            self._try()

    def _try(self) -> None:
        """One look and what follows from it. A write whose answer is lost may have come true: the next look shows."""
        now = time.monotonic()
        try:
            found = self._get()
            self._sight = leases.look(found, self._sight, time.monotonic())
            move = leases.decide(self._sight, identity=self.identity, leading=self._leading, now=time.monotonic())
            if move in (Move.TAKE, Move.RENEW):
                self._write(found, leases.held(found, self.identity, datetime.now(UTC)))
                self._leading, self._renewed = True, now
            elif move == Move.LOST:
                self._lost = True
        except (Conflict, AlreadyExists):
            pass  # somebody else was quicker
        except KubeError as error:
            log.warning("lease %s/%s: %s", self._namespace, self._name, error)

    def _get(self) -> dict[str, Any] | None:
        try:
            return self._kube.get(resources.LEASES, self._name, namespace=self._namespace)
        except NotFound:
            return None

    def _write(self, found: Mapping[str, Any] | None, body: Mapping[str, Any]) -> None:
        """Only over what was seen: of two that try, one gets a Conflict."""
        if found is not None:
            self._kube.replace(resources.LEASES, {**found, "spec": body}, namespace=self._namespace)
            return
        metadata = {"name": self._name, "namespace": self._namespace, **_owned_by(self._owner())}
        lease = {"apiVersion": resources.LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": body}
        self._kube.create(resources.LEASES, lease, namespace=self._namespace)


def _owned_by(owner: Mapping[str, Any] | None) -> dict[str, Any]:
    if owner is None:
        return {}
    metadata = owner["metadata"]
    kind = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    return {"ownerReferences": [{**kind, "name": metadata["name"], "uid": metadata["uid"]}]}
