"""What the watches have brought so far, cluster by cluster, and who is told when it changes.

One process has three watches for each of its scopes, whatever the number of clusters in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clients.kube import Changed, KubeClient, KubeError, Listed, Resource, resources, watch
from core import names

log = logging.getLogger("supervisor")
Object = Mapping[str, Any]
Key = tuple[str, str]  # namespace and name of a FlinkCluster
RETRY = 5.0


@dataclass(frozen=True)
class Scope:
    """Which FlinkClusters: of a namespace or of all (None), with a name or any (None), and chosen by their labels."""

    namespace: str | None
    cluster: str | None = None
    selector: str | None = None


def by_name(item: Object) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def by_label(item: Object) -> Key:
    """Of what belongs to a cluster: jobs by the job hook's label, pods by that of their builder."""
    metadata = item["metadata"]
    return metadata.get("namespace", ""), (metadata.get("labels") or {}).get(names.LABEL_CLUSTER, "")


class Cache:
    """The objects of one resource, kept by a thread of its own."""

    def __init__(
        self,
        kube: KubeClient,
        resource: Resource,
        key_of: Callable[[Object], Key],
        changed: Callable[[Key], None],
        stop: threading.Event,
        **selection: Any,
    ) -> None:
        self._kube, self._resource, self._selection = kube, resource, selection
        self._key_of, self._changed, self._stop = key_of, changed, stop
        self._objects: dict[Key, dict[str, Object]] = {}
        self._places: dict[Key, Key] = {}  # namespace and name of an object: the cluster that it was seen with
        self._lock = threading.Lock()
        self.filled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"cache-{resource.plural}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def clusters(self) -> list[Key]:
        """Those that have an object here."""
        with self._lock:
            return list(self._objects)

    def of(self, cluster: Key) -> tuple[Object, ...]:
        """Sorted by name."""
        with self._lock:
            found = self._objects.get(cluster, {})
            return tuple(found[name] for name in sorted(found))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for event in watch(self._kube, self._resource, stop=self._stop, **self._selection):
                    self._take(event)
            except KubeError as error:
                # Forbidden or gone: somebody may yet put it right.
                log.error("cannot watch %s: %s", self._resource.plural, error)
                self._stop.wait(RETRY)

    def _take(self, event: Listed | Changed) -> None:
        with self._lock:
            if isinstance(event, Listed):
                touched = self._take_all(event.items)
            else:
                touched = self._remove(by_name(event.object))
                if event.type != "DELETED":
                    touched |= self._put(event.object)
        for cluster in touched:
            self._changed(cluster)

    def _take_all(self, items: Iterable[Object]) -> set[Key]:
        before = set(self._objects)
        self._objects, self._places = {}, {}
        touched = before.union(*map(self._put, items))
        self.filled.set()
        return touched

    def _put(self, item: Object) -> set[Key]:
        cluster = self._key_of(item)
        self._objects.setdefault(cluster, {})[item["metadata"]["name"]] = item
        self._places[by_name(item)] = cluster
        return {cluster}

    def _remove(self, place: Key) -> set[Key]:
        """From the cluster that it was seen with: its label may name another one by now."""
        cluster = self._places.pop(place, None)
        if cluster is None:
            return set()
        self._objects[cluster].pop(place[1])
        if not self._objects[cluster]:
            del self._objects[cluster]
        return {cluster}


class Watches:
    """All that the cycles of a scope's clusters see of Kubernetes."""

    def __init__(self, kube: KubeClient, scope: Scope, changed: Callable[[Key], None], stop: threading.Event) -> None:
        self._shared = (changed, stop)
        self._kube, self._namespace = kube, scope.namespace
        own = f"{names.LABEL_CLUSTER}={scope.cluster}" if scope.cluster else names.LABEL_CLUSTER
        self.clusters = self._cache(
            resources.FLINK_CLUSTERS, by_name, name=scope.cluster, label_selector=scope.selector
        )
        self.jobs = self._cache(resources.FLINK_JOBS, by_label, label_selector=own)
        self.pods = self._cache(resources.PODS, by_label, label_selector=own)

    def _cache(self, resource: Resource, key_of: Callable[[Object], Key], **selection: Any) -> Cache:
        return Cache(self._kube, resource, key_of, *self._shared, namespace=self._namespace, **selection)

    @property
    def caches(self) -> tuple[Cache, Cache, Cache]:
        return self.clusters, self.jobs, self.pods

    def start(self) -> None:
        for cache in self.caches:
            cache.start()

    @property
    def ready(self) -> bool:
        return all(cache.filled.is_set() for cache in self.caches)
