"""The process: flags in, one cycle per cluster, signals that only ask it to end."""

from __future__ import annotations

import logging
import signal
import threading

from clients.kube import KubeClient
from supervisor import health
from supervisor.cycle import ClusterCycle

log = logging.getLogger("supervisor")


def run(kube: KubeClient, *, namespace: str, clusters: list[str], address: str, port: int | None) -> None:
    """Until SIGTERM or SIGINT. `port` is that of the probes and metrics, None for none."""
    cycles = [ClusterCycle(kube, namespace, name) for name in clusters]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = health.serve(address, port, cycles) if port is not None else None
    threads = [threading.Thread(target=cycle.run, name=cycle.name) for cycle in cycles]
    for thread in threads:
        thread.start()
    log.info("supervising %s in %s", ", ".join(clusters), namespace)
    stop.wait()
    for cycle in cycles:
        cycle.stop()
    for thread in threads:
        thread.join()
    if server:
        server.shutdown()
    log.info("ended")
