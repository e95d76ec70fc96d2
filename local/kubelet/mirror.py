"""A local copy of one resource, kept equal to the API store by a watch; what the kubelet's parts decide on."""

import threading
from collections.abc import Callable
from typing import Any

from clients.kube import KubeClient, Listed, Resource, watch

Object = dict[str, Any]
Key = tuple[str, str]
Listener = Callable[[Object, bool], None]


class Mirror:
    """Objects of one resource in all namespaces by (namespace, name). Thread-safe; readers must not change objects."""

    def __init__(self, client: KubeClient, resource: Resource) -> None:
        self._client, self._resource = client, resource
        self._objects: dict[Key, Object] = {}
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self.synced = threading.Event()

    def listen(self, listener: Listener) -> None:
        """`listener(object, gone)` for each change, in the watch's thread. Call before start."""
        self._listeners.append(listener)

    def start(self, stop: threading.Event) -> threading.Thread:
        """Follow the store in a thread until `stop` is set."""
        thread = threading.Thread(target=self._follow, args=(stop,), name=f"watch-{self._resource.plural}", daemon=True)
        thread.start()
        return thread

    def objects(self) -> list[Object]:
        """All objects, in no particular order."""
        with self._lock:
            return list(self._objects.values())

    def _follow(self, stop: threading.Event) -> None:
        for event in watch(self._client, self._resource, stop=stop):
            if isinstance(event, Listed):
                listed = {key_of(item): item for item in event.items}
                with self._lock:
                    missing = [old for key, old in self._objects.items() if key not in listed]
                for item in missing:
                    self._apply(item, gone=True)
                for item in listed.values():
                    self._apply(item, gone=False)
                self.synced.set()
            else:
                self._apply(event.object, gone=event.type == "DELETED")

    def _apply(self, item: Object, gone: bool) -> None:
        key = key_of(item)
        with self._lock:
            before = self._objects.pop(key, None) if gone else self._objects.get(key)
            if not gone:
                self._objects[key] = item
        if not gone and before is not None and before["metadata"].get("uid") != item["metadata"].get("uid"):
            self._tell(before, gone=True)  # deleted and made again while nobody looked
        if gone or before != item:
            self._tell(item, gone)

    def _tell(self, item: Object, gone: bool) -> None:
        for listener in self._listeners:
            listener(item, gone)


def key_of(item: Object) -> Key:
    """(namespace, name) of an object; the namespace is empty for cluster-wide ones."""
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
