"""Hosts one CompositeController or DecoratorController: what wakes which parent, and the workers that sync."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator

from clients.kube import KubeClient
from clients.kube.errors import KubeError
from local.metacontroller import composite, decorator
from local.metacontroller.children import Children
from local.metacontroller.discovery import Discovery
from local.metacontroller.errors import NotSynced, SyncError, TooManyRequests
from local.metacontroller.events import Events
from local.metacontroller.host import Host
from local.metacontroller.informer import Handler, Informer, Informers
from local.metacontroller.objects import (
    Key,
    Object,
    annotations_of,
    controller_of,
    generation_of,
    key_of,
    kind_at,
    labels_of,
    matches,
    namespace_of,
    terminating,
    uid_of,
    version_of,
)
from local.metacontroller.observer import Observer
from local.metacontroller.queue import Queue
from local.metacontroller.related import Related
from local.metacontroller.spec import ParentRule, Spec

log = logging.getLogger(__name__)

SYNC_POLL = 0.05


class Controller:
    """Runs between `start` and the moment `stop` is set and `shut_down` called."""

    def __init__(
        self,
        spec: Spec,
        client: KubeClient,
        discovery: Discovery,
        informers: Informers,
        events: Events,
        observer: Observer,
        stop: threading.Event,
        *,
        workers: int,
        shuffle: random.Random | None = None,
    ) -> None:
        self.spec = spec
        self.queue: Queue[Key] = Queue()
        self._informers = informers
        self._events = events
        self._observer = observer
        self._stop = stop
        self._related = Related(spec, discovery, informers, observer)
        self._related.connect(self._parents, self._enqueue)
        children = Children(client, discovery, observer, shuffle)
        self._host = Host(spec, client, informers, self._related, children, observer, self._enqueue_after)
        self._sync = composite.sync if spec.composite else decorator.sync
        self.threads = [threading.Thread(target=self._tick, name=f"{spec.name}-resync", daemon=True)] + [
            threading.Thread(target=self._work, name=f"{spec.name}-worker-{n}", daemon=True) for n in range(workers)
        ]

    def start(self) -> None:
        for rule in self.spec.parents:
            self._informers.of(rule.resource).add_handler(self._parent_handler(rule))
        for resource in self.spec.children:
            self._informers.of(resource).add_handler(self._on_child)
        for thread in self.threads:
            thread.start()

    def shut_down(self, seconds: float) -> None:
        """After `stop` is set. A sync that is under way ends by itself, at the latest with its hook's time-out."""
        self.queue.shut_down()
        for thread in self.threads:
            thread.join(seconds)
        for hook in self.spec.hooks():
            hook.close()

    # What wakes a parent

    def _enqueue(self, parent: Object, by: Object | None, *, as_child: bool = False) -> None:
        if self._host.concerns(parent):
            self._observer.woken(self.spec.name, key_of(parent), by, as_child=as_child)
            self.queue.add(key_of(parent))

    def _enqueue_after(self, parent: Object, seconds: float) -> None:
        self._observer.woken_after(self.spec.name, key_of(parent), seconds)
        self.queue.add_after(key_of(parent), seconds)

    def _parents(self) -> Iterator[Object]:
        for rule in self.spec.parents:
            yield from self._informers.of(rule.resource).objects()

    def _parent_handler(self, rule: ParentRule) -> Handler:
        def on_parent(old: Object | None, new: Object | None) -> None:
            if new is None:
                assert old is not None
                self._related.forget(old)
                self._enqueue(old, old)
            elif not (rule.ignore_status and old is not None and only_status_differs(old, new)):
                self._enqueue(new, new)

        return on_parent

    def _on_child(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and version_of(old) == version_of(new):
            return
        child = new if new is not None else old
        assert child is not None
        owner = controller_of(child)
        if owner is not None:
            parent = self._owner(owner, namespace_of(child))
            if parent is not None:
                self._enqueue(parent, child, as_child=True)
        elif self.spec.composite and new is not None and not terminating(child):
            for parent in self._potential_parents(child):
                self._enqueue(parent, child, as_child=True)

    def _owner(self, owner: Object, namespace: str) -> Object | None:
        """The parent that a reference means: by group, kind and name, and only with that uid."""
        group = kind_at(owner.get("apiVersion", ""), "").group
        for rule in self.spec.parents:
            resource = rule.resource
            if (resource.group, resource.kind) == (group, owner.get("kind")):
                home = namespace if resource.namespaced else ""
                parent = self._informers.of(resource).get(home, owner.get("name", ""))
                if parent is not None and uid_of(parent) == owner.get("uid"):
                    return parent
        return None

    def _potential_parents(self, child: Object) -> Iterator[Object]:
        resource = self.spec.parents[0].resource
        for parent in self._informers.of(resource).objects(namespace_of(child) if resource.namespaced else ""):
            try:
                if matches(composite.parent_selector(self.spec, parent), labels_of(child)):
                    yield parent
            except SyncError:
                continue

    def _tick(self) -> None:
        while not self._stop.wait(self.spec.resync_period):
            for parent in self._parents():
                self._enqueue(parent, None)

    # Workers

    def _caches(self) -> Iterator[Informer]:
        for resource in (*(rule.resource for rule in self.spec.parents), *self.spec.children):
            yield self._informers.of(resource)

    def _work(self) -> None:
        for informer in self._caches():
            while not informer.synced.wait(SYNC_POLL):
                if self._stop.is_set():
                    return
        while (key := self.queue.get()) is not None:
            try:
                self._run(key)
            finally:
                self.queue.done(key)

    def _run(self, key: Key) -> None:
        """One sync of one key; decides when the key comes back."""
        rule = self.spec.parent(key.api_version, key.kind)
        parent = self._informers.of(rule.resource).get(key.namespace, key.name) if rule else None
        if parent is None:
            self.queue.forget(key)
            return
        try:
            self._sync(self._host, parent)
        except TooManyRequests as error:
            log.info("%s: sync of %s again after %s s", self.spec.name, key, error.after)
            self._enqueue_after(parent, error.after)
            self._observer.synced(self.spec.name, key)
        except NotSynced:
            self.queue.add_failed(key)
        except (SyncError, KubeError) as error:
            log.warning("%s: sync of %s failed: %s", self.spec.name, key, error)
            self._events.warn(parent, f"Sync error: {error}")
            self.queue.add_failed(key)
        except Exception as error:  # a defect in one sync must not end the worker
            log.exception("%s: sync of %s failed", self.spec.name, key)
            self._events.warn(parent, f"Sync error: {error}")
            self.queue.add_failed(key)
        else:
            self.queue.forget(key)
            self._observer.synced(self.spec.name, key)


def only_status_differs(old: Object, new: Object) -> bool:
    """What `ignoreStatusChanges` filters out: same generation, labels and annotations, and no deletion."""
    return (
        generation_of(old) == generation_of(new)
        and labels_of(old) == labels_of(new)
        and annotations_of(old) == annotations_of(new)
        and not terminating(new)
    )
