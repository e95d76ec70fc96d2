"""What composite.py and decorator.py share: the controller's surroundings, the steps before the hook, and the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from clients.kube import KubeClient
from clients.kube.errors import KubeError
from local.metacontroller.children import Children
from local.metacontroller.errors import SyncError
from local.metacontroller.informer import Informers
from local.metacontroller.live import sync_finalizer
from local.metacontroller.objects import (
    Kind,
    Object,
    ObjectMap,
    finalizers_of,
    key_of,
    metadata,
    namespace_of,
    object_map,
    request_map,
    terminating,
)
from local.metacontroller.observer import Observer
from local.metacontroller.related import Related
from local.metacontroller.spec import ParentRule, Spec


@dataclass(frozen=True)
class Host:
    spec: Spec
    client: KubeClient
    informers: Informers
    related: Related
    children: Children
    observer: Observer
    resync_after: Callable[[Object, float], None]

    def rule(self, parent: Object) -> ParentRule:
        rule = self.spec.parent(parent["apiVersion"], parent["kind"])
        if rule is None:
            raise SyncError(f"{self.spec.name} has no parents like {key_of(parent)}")
        return rule

    def concerns(self, parent: Object) -> bool:
        """The parent is selected, or it is not any more and still has our finalizer."""
        return self.spec.finalizer in finalizers_of(parent) or self.rule(parent).selects(parent)

    def prepare(self, parent: Object) -> Object | None:
        """The finalizer before everything: the parent to go on with, or None if it is none of ours."""
        if not self.concerns(parent):
            return None
        resource, wanted = self.rule(parent).resource, self.spec.finalize is not None
        try:
            parent = sync_finalizer(self.client, resource, parent, self.spec.finalizer, wanted=wanted)
        except KubeError as error:
            raise SyncError(f"can't sync finalizer for {key_of(parent)}: {error}") from error
        return parent if self.concerns(parent) else None

    def observed(self, objects: list[Object]) -> ObjectMap:
        return object_map((Kind(r.group, r.version, r.kind) for r in self.spec.children), objects)

    def ask(self, parent: Object, observed: ObjectMap) -> dict[str, Any]:
        """Customize, then sync or finalize; a terminating parent is finalized only if there is a hook for it."""
        related = self.related.of(parent)
        finalizing = self.spec.finalize is not None and (terminating(parent) or not self.rule(parent).selects(parent))
        hook = self.spec.finalize if finalizing else self.spec.sync
        if hook is None:
            raise SyncError("there is no sync hook")
        who, what = ("parent", "children") if self.spec.composite else ("object", "attachments")
        request = {
            "controller": self.spec.source,
            who: parent,
            what: request_map(observed, parent, hook.version),
            "related": request_map(related, parent, hook.version),
            "finalizing": finalizing,
        }
        answer = hook.call(request)
        self.observer.answered(parent, answer, partial(hook.call, request))
        # Early, so that it survives whatever fails later.
        if answer.get("resyncAfterSeconds", 0) > 0:
            self.resync_after(parent, float(answer["resyncAfterSeconds"]))
        return answer


def desired_map(children: list[Object], parent: Object) -> ObjectMap:
    """The answer's children, in the parent's namespace where they name none."""
    home = namespace_of(parent)
    return object_map((), [child if namespace_of(child) or not home else _placed(child, home) for child in children])


def _placed(child: Object, namespace: str) -> Object:
    return {**child, "metadata": {**metadata(child), "namespace": namespace}}
