"""The cycles of all clusters that this process serves: one for each FlinkCluster, as they come and go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from clients.kube import KubeClient
from supervisor.cache import Key, Object, Scope, Watches
from supervisor.cycle import ClusterCycle

log = logging.getLogger("supervisor")
LOOK = 0.1


class Fleet:
    """Watches from the beginning, and acts from start() to stop(): who stands by for the leader knows the world."""

    def __init__(self, kube: KubeClient, scopes: Sequence[Scope]) -> None:
        self.scopes = scopes
        self.ended = threading.Event()
        self._kube = kube
        self._stop, self._bell = threading.Event(), threading.Event()
        self._watches = [Watches(kube, scope, self._changed, self._stop) for scope in scopes]
        self._cycles: dict[Key, ClusterCycle] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="fleet")

    def watch(self) -> None:
        for watches in self._watches:
            watches.start()

    @property
    def ready(self) -> bool:
        """Has every watch brought its first list?"""
        return all(watches.ready for watches in self._watches)

    def clusters(self) -> list[Object]:
        """The FlinkClusters that the watches have brought."""
        caches = [watches.clusters for watches in self._watches]
        return [item for cache in caches for key in cache.clusters() for item in cache.of(key)]

    def cycles(self) -> list[ClusterCycle]:
        with self._lock:
            return list(self._cycles.values())

    def secrets(self) -> frozenset[str]:
        """What no line of our log may hold."""
        return frozenset().union(*(cycle.secrets for cycle in self.cycles()))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks every cycle to end; `ended` is set when the last step of the last one is done."""
        self._stop.set()
        self._bell.set()
        if not self._thread.ident:
            self.ended.set()

    def _changed(self, cluster: Key) -> None:
        with self._lock:
            cycle = self._cycles.get(cluster)
        if cycle:
            cycle.ring()
        else:
            self._bell.set()

    def _run(self) -> None:
        try:
            # Without its pods every JobManager would seem to be gone.
            while not self._stop.is_set() and not self.ready:
                self._stop.wait(LOOK)
            while not self._stop.is_set():
                self._bell.clear()
                self._begin_missing()
                self._bell.wait()
        finally:
            self._end()

    def _end(self) -> None:
        for cycle in self.cycles():
            cycle.stop()
        for thread in self._threads:
            thread.join()
        self.ended.set()

    def _begin_missing(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for watches in self._watches:
            for cluster in watches.clusters.clusters():
                if cluster not in self._cycles:
                    self._begin(ClusterCycle(self._kube, watches, cluster), cluster)

    def _begin(self, cycle: ClusterCycle, cluster: Key) -> None:
        with self._lock:
            self._cycles[cluster] = cycle
        thread = threading.Thread(target=self._serve, args=(cycle, cluster), name=f"cycle-{cycle.name}")
        self._threads.append(thread)
        thread.start()

    def _serve(self, cycle: ClusterCycle, cluster: Key) -> None:
        """To its end, which lets a new cluster of that name begin: never two cycles of one."""
        log.info("[%s/%s] supervising", *cluster)
        try:
            cycle.run()
        finally:
            with self._lock:
                del self._cycles[cluster]
            log.info("[%s/%s] no longer supervising", *cluster)
            self._bell.set()
