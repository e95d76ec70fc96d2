"""The process: it watches, acts while it is its turn, and ends when a signal asks for it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from clients.kube import KubeClient
from supervisor import health, leader
from supervisor.fleet import Fleet
from supervisor.leader import Leader

log = logging.getLogger("supervisor")
LOOK = 0.5  # seconds between two looks whether the Lease is still ours


def run(kube: KubeClient, fleet: Fleet, *, lease: tuple[str, str] | None, address: str, port: int | None) -> None:
    """Until SIGTERM or SIGINT. `lease` is the namespace and name of what only one process may hold, None where there is
    but one process; `port` is that of the probes and metrics, None for none."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = health.serve(address, port, fleet) if port is not None else None
    fleet.watch()
    if lease is None:
        _act(fleet, stop, None)
    else:
        _act_in_turn(fleet, stop, _leader(kube, lease, fleet))
    if server:
        server.shutdown()
    log.info("ended")


def _leader(kube: KubeClient, lease: tuple[str, str], fleet: Fleet) -> Leader:
    """The Lease of a single cluster's supervisors goes with the cluster."""

    def owner() -> Mapping[str, Any] | None:
        return next(iter(fleet.clusters()), None) if fleet.scopes[0].cluster else None

    client = KubeClient(kube.connection, timeout=leader.TIMEOUT).without_repeats()
    return Leader(client, *lease, owner=owner)


def _act_in_turn(fleet: Fleet, stop: threading.Event, leader: Leader) -> None:
    """Who does not see the world yet is no candidate: it could not act, and would not know the owner of the Lease."""
    while not (stop.is_set() or fleet.ready):
        stop.wait(LOOK)
    if leader.campaign(stop):
        _act(fleet, stop, leader)
    leader.release()


def _act(fleet: Fleet, stop: threading.Event, leader: Leader | None) -> None:
    """Until the last step is done."""
    fleet.start()
    while not (stop.wait(LOOK) or fleet.ended.is_set()):
        _check(leader)
    fleet.stop()
    while not fleet.ended.wait(LOOK):
        _check(leader)


def _check(leader: Leader | None) -> None:
    """Whoever lost the Lease ends before another may begin: at once, whatever its threads are waiting for."""
    if leader and leader.lost:
        log.critical("the lease is lost: ending, so that only one acts")
        os._exit(1)
