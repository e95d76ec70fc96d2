"""What the watches have brought so far, and a bell that rings when it changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from clients.kube import Changed, KubeClient, KubeError, Listed, Resource, watch

log = logging.getLogger("supervisor")
RETRY = 5.0


class Cache:
    """The objects of one resource with a label or a name, kept by a thread of its own."""

    def __init__(
        self, kube: KubeClient, resource: Resource, bell: threading.Event, stop: threading.Event, **selection: Any
    ) -> None:
        self._kube, self._resource, self._selection = kube, resource, selection
        self._bell, self._stop = bell, stop
        self._objects: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self.filled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def objects(self) -> tuple[Mapping[str, Any], ...]:
        """Sorted by name."""
        with self._lock:
            return tuple(self._objects[name] for name in sorted(self._objects))

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
                self._objects = {item["metadata"]["name"]: item for item in event.items}
                self.filled.set()
            elif event.type == "DELETED":
                self._objects.pop(event.object["metadata"]["name"], None)
            else:
                self._objects[event.object["metadata"]["name"]] = event.object
        self._bell.set()
