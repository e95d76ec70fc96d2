"""One sync of a CompositeController's parent, step by step as Metacontroller does it."""

from __future__ import annotations

import contextlib
from typing import Any

from clients.kube.errors import Conflict, Gone, KubeError, NotFound
from clients.kube.resources import Resource
from local.metacontroller.apply import identical
from local.metacontroller.errors import SyncError
from local.metacontroller.host import Host, desired_map
from local.metacontroller.live import atomic_update, manages_children, remove_finalizer
from local.metacontroller.objects import (
    Object,
    ObjectMap,
    controller_of,
    controller_reference,
    full_name,
    generation_of,
    key_of,
    labels_of,
    matches,
    metadata,
    name_of,
    namespace_of,
    owners_of,
    string_labels,
    terminating,
    uid_of,
)
from local.metacontroller.spec import Spec

UID_LABEL = "controller-uid"


def sync(host: Host, cached: Object) -> None:
    """SyncError, HookError and TooManyRequests as the worker treats them; `cached` may be behind the live parent."""
    parent = host.prepare(cached)
    if parent is None:
        return
    observed = claim(host, parent)
    answer = host.ask(parent, observed)
    desired = desired_map(answer.get("children", []), parent)
    if answer.get("finalized"):  # obeyed in the answer of a sync too
        try:
            parent = remove_finalizer(host.client, host.rule(parent).resource, parent, host.spec.finalizer)
        except KubeError as error:
            raise SyncError(f"can't remove finalizer for {key_of(parent)}: {error}") from error
    desired = labelled(desired, host.spec, parent)
    trouble: SyncError | None = None
    if manages_children(parent, host.spec.finalizer, enabled=host.spec.finalize is not None):
        try:
            host.children.manage(parent, observed, desired, host.spec.method)
        except SyncError as error:
            trouble = error  # the status is written all the same
    if write_status(host, parent, answer.get("status", {})) and trouble is not None:
        raise trouble


def parent_selector(spec: Spec, parent: Object) -> dict[str, Any]:
    """What a child's labels have to fit; SyncError if the parent has to say it and does not."""
    if spec.generate_selector:
        return {"matchLabels": {UID_LABEL: uid_of(parent)}}
    selector = (parent.get("spec") or {}).get("selector") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        raise SyncError(f"{key_of(parent)} has no or an empty spec.selector")
    return dict(selector)


def labelled(desired: ObjectMap, spec: Spec, parent: Object) -> ObjectMap:
    """The children with the generated label where they have none; one that does not fit fails the whole sync."""
    selector = parent_selector(spec, parent)
    result: ObjectMap = {}
    for kind, group in desired.items():
        for name, child in group.items():
            labels = string_labels(child)
            if spec.generate_selector and UID_LABEL not in labels:
                labels = {**labels, UID_LABEL: uid_of(parent)}
                child = {**child, "metadata": {**metadata(child), "labels": labels}}
            if not matches(selector, labels):
                raise SyncError(f"labels on desired child {kind.kind} {name} don't match parent selector")
            result.setdefault(kind, {})[name] = child
    return result


def claim(host: Host, parent: Object) -> ObjectMap:
    """The observed children: ours by owner reference, after adopting and releasing as the labels ask for."""
    selector = parent_selector(host.spec, parent)
    claimed: list[Object] = []
    errors: list[str] = []
    for resource in host.spec.children:
        for child in host.informers.of(resource).objects(namespace_of(parent)):
            try:
                if _claims(host, parent, resource, child, fits=matches(selector, labels_of(child))):
                    claimed.append(child)
            except (KubeError, SyncError) as error:
                errors.append(f"can't claim {child['kind']} {full_name(child)}: {error}")
    if errors:
        raise SyncError("; ".join(errors))
    return host.observed(claimed)


def _claims(host: Host, parent: Object, resource: Resource, child: Object, *, fits: bool) -> bool:
    owner = controller_of(child)
    if owner is not None:
        ours = owner.get("uid") == uid_of(parent)
        if ours and not fits and not terminating(parent):
            _release(host, parent, resource, child)
        return ours and fits
    if not fits or terminating(parent) or terminating(child):
        return False
    return _adopt(host, parent, resource, child)


def _release(host: Host, parent: Object, resource: Resource, child: Object) -> None:
    def change(live: Object) -> bool:
        live["metadata"]["ownerReferences"] = [o for o in owners_of(live) if o.get("uid") != uid_of(parent)]
        return True

    with contextlib.suppress(NotFound, Gone):
        atomic_update(host.client, resource, child, change)


def _adopt(host: Host, parent: Object, resource: Resource, child: Object) -> bool:
    rule = host.rule(parent)
    live = host.client.get(rule.resource, name_of(parent), namespace=namespace_of(parent) or None)
    if uid_of(live) != uid_of(parent) or terminating(live):
        raise SyncError(f"{key_of(parent)} may not adopt: it was replaced or is being deleted")

    def change(obj: Object) -> bool:
        others = [owner for owner in owners_of(obj) if owner.get("uid") != uid_of(parent)]
        obj["metadata"]["ownerReferences"] = [*others, controller_reference(parent)]
        return True

    try:
        atomic_update(host.client, resource, child, change)
    except NotFound:
        return False
    return True


def write_status(host: Host, parent: Object, status: Object) -> bool:
    """Replaces the whole live status, whoever wrote it. False if the parent is gone or conflicts do not end:
    the sync then counts as a success, whatever the children said, and the next event repairs."""
    wanted = {**status, "observedGeneration": generation_of(parent)}

    def change(live: Object) -> bool:
        if identical(live.get("status"), wanted):
            return False
        live["status"] = wanted
        return True

    try:
        atomic_update(host.client, host.rule(parent).resource, parent, change, subresource="status")
    except (NotFound, Conflict):
        return False
    except KubeError as error:
        raise SyncError(f"can't update status for {key_of(parent)}: {error}") from error
    return True
