"""A cache per resource, fed by one watch each; who wants to know of changes hangs a handler on it.

The loop reads the world from here, so it may be a little behind the API: as in the original, and on purpose.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from clients.kube import Changed, KubeClient, Listed
from clients.kube.errors import KubeError
from clients.kube.resources import Resource
from local.metacontroller.objects import Object, name_of, namespace_of, version_of

log = logging.getLogger(__name__)

# Called with the object before and after: (None, new) is an addition, (old, None) a deletion.
Handler = Callable[[Object | None, Object | None], None]
Watch = Callable[..., Iterator[Listed | Changed]]
RETRY_DELAY = 1.0


class Informer:
    """All objects of one resource, of all namespaces. Its objects are shared: nobody may change them."""

    def __init__(self, client: KubeClient, resource: Resource, stop: threading.Event, watch: Watch) -> None:
        self.resource = resource
        self.synced = threading.Event()
        self._client = client
        self._stop = stop
        self._watch = watch
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], Object] = {}
        self._handlers: list[Handler] = []
        self._handling = False
        name = f"informer-{resource.plural}.{resource.group}"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def add_handler(self, handler: Handler) -> None:
        """What is in the cache already is delivered to the new handler as additions, in the caller's thread."""
        with self._lock:
            self._handlers.append(handler)
            present = list(self._objects.values())
        for obj in present:
            handler(None, obj)

    def get(self, namespace: str, name: str) -> Object | None:
        with self._lock:
            return self._objects.get((namespace, name))

    def objects(self, namespace: str = "") -> list[Object]:
        """The objects of a namespace, or of all; ordered by name."""
        with self._lock:
            return [obj for (home, _), obj in sorted(self._objects.items(), key=_first) if namespace in ("", home)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for event in self._watch(self._client, self.resource, stop=self._stop):
                    self._take(event)
            except KubeError as error:
                log.warning("watch of %s: %s", self.resource.plural, error)
            except Exception:  # a defect in one handler must not leave all others blind
                log.exception("watch of %s", self.resource.plural)
            self._stop.wait(RETRY_DELAY)

    def current(self) -> bool:
        """Whether the cache is as the API is now, and all handlers have been told of it."""
        live = {(namespace_of(obj), name_of(obj)): version_of(obj) for obj in self._client.list(self.resource)["items"]}
        with self._lock:
            cached = {key: version_of(obj) for key, obj in self._objects.items()}
            return self.synced.is_set() and not self._handling and cached == live

    def _take(self, event: Listed | Changed) -> None:
        self._handling = True
        if isinstance(event, Listed):
            self._replace(event.items)
            self.synced.set()
        else:
            self._change(self._complete(event.object), gone=event.type == "DELETED")
        self._handling = False

    def _complete(self, obj: Any) -> Object:
        # Items of a list come without their type.
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **obj}

    def _replace(self, items: Iterable[Any]) -> None:
        fresh = [self._complete(item) for item in items]
        present = {(namespace_of(obj), name_of(obj)) for obj in fresh}
        for obj in self.objects():
            if (namespace_of(obj), name_of(obj)) not in present:
                self._change(obj, gone=True)
        for obj in fresh:
            self._change(obj, gone=False)

    def _change(self, obj: Object, *, gone: bool) -> None:
        key = namespace_of(obj), name_of(obj)
        with self._lock:
            old = self._objects.pop(key, None)
            if not gone:
                self._objects[key] = obj
            handlers = list(self._handlers)
        if old is None and gone:
            return
        for handler in handlers:
            handler(obj if gone else old, None if gone else obj)


def _first(item: tuple[tuple[str, str], Object]) -> tuple[str, str]:
    return item[0]


class Informers:
    """One informer per resource for all hosted controllers, made when first asked for."""

    def __init__(self, client: KubeClient, stop: threading.Event, watch: Watch) -> None:
        self._client = client
        self._stop = stop
        self._watch = watch
        self._lock = threading.Lock()
        self._informers: dict[Resource, Informer] = {}

    def of(self, resource: Resource) -> Informer:
        with self._lock:
            informer = self._informers.get(resource)
            if informer is None:
                informer = self._informers[resource] = Informer(self._client, resource, self._stop, self._watch)
                informer.thread.start()
            return informer

    def current(self) -> bool:
        return all(informer.current() for informer in list(self._informers.values()))

    def join(self, seconds: float) -> None:
        """Waits for the threads after `stop` is set."""
        for informer in list(self._informers.values()):
            informer.thread.join(seconds)
