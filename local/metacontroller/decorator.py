"""One sync of a DecoratorController's target, step by step as Metacontroller does it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from clients.kube.errors import Conflict, KubeError, NotFound
from local.metacontroller.apply import identical, wire
from local.metacontroller.errors import SyncError
from local.metacontroller.host import Host, desired_map
from local.metacontroller.live import manages_children
from local.metacontroller.objects import (
    Object,
    ObjectMap,
    annotations_of,
    controller_of,
    finalizers_of,
    key_of,
    labels_of,
    metadata,
    namespace_of,
    uid_of,
)

ANNOTATION = "metacontroller.k8s.io/decorator-controller"


def sync(host: Host, cached: Object) -> None:
    """SyncError, HookError and TooManyRequests as the worker treats them."""
    target = host.prepare(cached)
    if target is None:
        return
    observed = attachments_of(host, target)
    answer = host.ask(target, observed)
    desired = desired_map(answer.get("attachments", []), target)
    if not decorate(host, target, answer):
        return
    # Judged on the target as it was: attachments of the answer that finalizes are still applied.
    if manages_children(target, host.spec.finalizer, enabled=host.spec.finalize is not None):
        host.children.manage(target, observed, annotated(desired, host.spec.name), host.spec.method)


def attachments_of(host: Host, target: Object) -> ObjectMap:
    """What this controller made for the target; nothing is adopted or released."""
    mine = []
    for resource in host.spec.children:
        for obj in host.informers.of(resource).objects(namespace_of(target)):
            owner = controller_of(obj)
            if owner and owner.get("uid") == uid_of(target) and annotations_of(obj).get(ANNOTATION) == host.spec.name:
                mine.append(obj)
    return host.observed(mine)


def annotated(desired: ObjectMap, name: str) -> ObjectMap:
    return {kind: {key: _annotate(obj, name) for key, obj in group.items()} for kind, group in desired.items()}


def _annotate(obj: Object, name: str) -> Object:
    if annotations_of(obj).get(ANNOTATION) == name:
        return obj
    return {**obj, "metadata": {**metadata(obj), "annotations": {**annotations_of(obj), ANNOTATION: name}}}


def changed(current: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Labels or annotations after an answer: null takes one away, what is not mentioned stays."""
    merged = {**current, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def decorate(host: Host, target: Object, answer: Mapping[str, Any]) -> bool:
    """Writes labels, annotations, status and finalizers with the cached resourceVersion, if they differ.

    False if the target changed or went meanwhile: the sync ends there, and the event of that change starts the next.
    """
    labels = changed(labels_of(target), answer.get("labels", {}))
    annotations = changed(annotations_of(target), answer.get("annotations", {}))
    status = answer.get("status", target.get("status"))  # null leaves it alone
    status_differs = not identical(status, target.get("status"))
    finalizers = [name for name in finalizers_of(target) if not answer.get("finalized") or name != host.spec.finalizer]
    if (
        labels == labels_of(target)
        and annotations == annotations_of(target)
        and finalizers == finalizers_of(target)
        and not status_differs
    ):
        return True
    body = copy.deepcopy(target)
    for field, value in (("labels", labels), ("annotations", annotations), ("finalizers", finalizers)):
        if value or field in body["metadata"]:
            body["metadata"][field] = value
    if status is not None:
        body["status"] = status
    try:
        _write(host, wire(body), status_differs=status_differs)
    except (NotFound, Conflict):
        return False
    except KubeError as error:
        raise SyncError(f"can't update {key_of(target)}: {error}") from error
    return True


def _write(host: Host, body: Object, *, status_differs: bool) -> None:
    served, namespace = host.rule(body).served, namespace_of(body) or None
    if status_differs and served.has_status:
        result = host.client.replace(served.resource, body, namespace=namespace, subresource="status")
        body["metadata"]["resourceVersion"] = result["metadata"]["resourceVersion"]
    host.client.replace(served.resource, body, namespace=namespace)
