"""Makes the observed children the desired ones: deletes first, then creates and updates; used by both controllers."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from functools import partial

from clients.kube import KubeClient
from clients.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from clients.kube.resources import Resource
from local.metacontroller.apply import apply, identical, wire, with_last_applied
from local.metacontroller.discovery import Discovery
from local.metacontroller.errors import SyncError
from local.metacontroller.objects import (
    Kind,
    Object,
    ObjectMap,
    controller_reference,
    full_name,
    name_of,
    namespace_of,
    owners_of,
    terminating,
    uid_of,
)
from local.metacontroller.observer import Observer

log = logging.getLogger(__name__)


class Children:
    """Types in the order group, version, kind; inside a type by name, or shuffled if there is a `shuffle`."""

    def __init__(
        self, client: KubeClient, discovery: Discovery, observer: Observer, shuffle: random.Random | None
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._observer = observer
        self._shuffle = shuffle

    def manage(self, parent: Object, observed: ObjectMap, desired: ObjectMap, method: Callable[[Kind], str]) -> None:
        """Every object is tried; what went wrong comes as one SyncError at the end."""
        errors: list[str] = []
        self._observer.desired(parent, observed, desired)

        def attempt(kind: Kind, objects: Iterable[Object], act: Callable[[Resource, Object], None]) -> None:
            try:
                resource = self._discovery.by_kind(kind.api_version, kind.kind).resource
            except (SyncError, KubeError) as error:
                errors.append(str(error))
                return
            for obj in self._ordered(objects):
                try:
                    act(resource, obj)
                except (SyncError, KubeError) as error:
                    errors.append(f"can't reconcile {kind.kind} {full_name(obj)}: {error}")

        for kind, group in sorted(observed.items()):
            wanted = desired.get(kind, {})
            attempt(kind, [obj for name, obj in group.items() if name not in wanted], partial(self._delete, parent))
        for kind, group in sorted(desired.items()):
            live, how = observed.get(kind, {}), method(kind)
            attempt(kind, group.values(), partial(self._put, parent, live, how))
        if errors:
            raise SyncError("; ".join(errors))

    def _ordered(self, objects: Iterable[Object]) -> list[Object]:
        ordered = sorted(objects, key=full_name)
        if self._shuffle is not None:
            self._shuffle.shuffle(ordered)
        return ordered

    def _delete(self, parent: Object, resource: Resource, obj: Object) -> None:
        if terminating(obj):
            return
        self._observer.deleting(parent, obj)
        log.debug("delete %s %s", resource.kind, full_name(obj))
        with contextlib.suppress(NotFound):
            self._client.delete(
                resource,
                name_of(obj),
                namespace=namespace_of(obj) or None,
                propagation="Background",
                uid=uid_of(obj),
            )

    def _put(self, parent: Object, live: dict[str, Object], method: str, resource: Resource, desired: Object) -> None:
        observed = live.get(full_name(desired))
        if observed is None:
            self._create(resource, parent, desired)
            return
        merged = apply(observed, desired)
        self._observer.compared(parent, observed, merged)
        if identical(merged, observed) or terminating(observed):
            return
        if method == "InPlace":
            self._replace(resource, merged)
        elif method == "Recreate":
            self._delete(parent, resource, observed)

    def _create(self, resource: Resource, parent: Object, desired: Object) -> None:
        self._observer.creating(parent, desired)
        body = with_last_applied(desired, desired)
        if all(owner.get("uid") != uid_of(parent) for owner in owners_of(body)):
            body["metadata"]["ownerReferences"] = [*owners_of(body), controller_reference(parent)]
        log.debug("create %s %s", resource.kind, full_name(body))
        try:
            self._client.create(resource, wire(body), namespace=namespace_of(body) or None)
        except AlreadyExists:
            # As the original: a name that somebody else has is passed over in silence, the hook has to notice.
            log.info("%s %s exists already and is not ours to see", resource.kind, full_name(body))
            look = partial(self._client.get, resource, name_of(body), namespace=namespace_of(body) or None)
            self._observer.taken(parent, desired, look)

    def _replace(self, resource: Resource, merged: Object) -> None:
        log.debug("update %s %s", resource.kind, full_name(merged))
        with contextlib.suppress(NotFound, Conflict):  # the event of what has overtaken us brings the next sync
            self._client.replace(resource, wire(merged), namespace=namespace_of(merged) or None)
