"""Careful writes to one live object: read, check that it is still the same one, change, write, retry on conflicts."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable

from clients.kube import KubeClient
from clients.kube.errors import Conflict, NotFound
from clients.kube.resources import Resource
from local.metacontroller.apply import wire
from local.metacontroller.objects import (
    GC_FINALIZERS,
    Object,
    finalizers_of,
    name_of,
    namespace_of,
    terminating,
    uid_of,
)

TRIES = 4
FIRST_PAUSE = 0.01


def atomic_update(
    client: KubeClient,
    resource: Resource,
    original: Object,
    change: Callable[[Object], bool],
    *,
    subresource: str | None = None,
) -> Object:
    """`change` edits the live object and tells whether to write it. Returns the live object then.

    Raises Conflict after four tries (10, 50, 250 ms apart), NotFound if the object is gone or another has its name.
    """
    for attempt in range(TRIES):
        current = copy.deepcopy(client.get(resource, name_of(original), namespace=namespace_of(original) or None))
        if uid_of(current) != uid_of(original):
            raise NotFound(404, "NotFound", f"{resource.plural} {name_of(original)} was replaced by another", {})
        if not change(current):
            return current
        try:
            return client.replace(
                resource, wire(current), namespace=namespace_of(current) or None, subresource=subresource
            )
        except Conflict:
            if attempt == TRIES - 1:
                raise
            time.sleep(FIRST_PAUSE * 5**attempt * random.uniform(1.0, 1.1))
    raise AssertionError("unreachable")


def add_finalizer(client: KubeClient, resource: Resource, obj: Object, name: str) -> Object:
    def change(current: Object) -> bool:
        if name in finalizers_of(current):
            return False
        current["metadata"]["finalizers"] = [*finalizers_of(current), name]
        return True

    return atomic_update(client, resource, obj, change)


def remove_finalizer(client: KubeClient, resource: Resource, obj: Object, name: str) -> Object:
    def change(current: Object) -> bool:
        if name not in finalizers_of(current):
            return False
        current["metadata"]["finalizers"] = [other for other in finalizers_of(current) if other != name]
        return True

    return atomic_update(client, resource, obj, change)


def sync_finalizer(client: KubeClient, resource: Resource, parent: Object, name: str, *, wanted: bool) -> Object:
    """The parent with our finalizer if there is a finalize hook, without if not; a terminating one gets none."""
    if (name in finalizers_of(parent)) == wanted or (wanted and terminating(parent)):
        return parent
    return (add_finalizer if wanted else remove_finalizer)(client, resource, parent, name)


def manages_children(parent: Object, finalizer: str, *, enabled: bool) -> bool:
    """Alive, or terminating with our finalizer on and without the garbage collector at its children."""
    if not terminating(parent):
        return True
    return enabled and finalizer in finalizers_of(parent) and not GC_FINALIZERS.intersection(finalizers_of(parent))
