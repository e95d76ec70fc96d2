"""What a CompositeController or DecoratorController object says, resolved against the API. Made once at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clients.kube.resources import Resource
from local.metacontroller import webhook
from local.metacontroller.discovery import Discovery, Served
from local.metacontroller.errors import Unsupported
from local.metacontroller.objects import Kind, Object, annotations_of, labels_of, matches
from local.metacontroller.webhook import BaseUrl, Check, Webhook

METHODS = frozenset({"OnDelete", "InPlace", "Recreate"})
ROLLING = frozenset({"RollingRecreate", "RollingInPlace"})
# The cache is delivered again this often, whatever a controller asks for.
CACHE_FLUSH = 1800.0


@dataclass(frozen=True)
class ParentRule:
    """One parent (composite) or target (decorator) type; `selects` are the controller's own selectors."""

    served: Served
    selects: Callable[[Object], bool]
    ignore_status: bool

    @property
    def resource(self) -> Resource:
        return self.served.resource


@dataclass(frozen=True)
class Spec:
    name: str
    composite: bool
    source: Object
    finalizer: str
    parents: tuple[ParentRule, ...]
    children: tuple[Resource, ...]
    methods: Mapping[tuple[str, str], str]  # update method by (group, kind)
    sync: Webhook | None
    finalize: Webhook | None
    customize: Webhook | None
    generate_selector: bool
    resync_period: float  # seconds

    def parent(self, api_version: str, kind: str) -> ParentRule | None:
        wanted = api_version, kind
        return next((r for r in self.parents if (r.resource.api_version, r.resource.kind) == wanted), None)

    def method(self, kind: Kind) -> str:
        return self.methods.get((kind.group, kind.kind), "OnDelete")

    def hooks(self) -> tuple[Webhook, ...]:
        return tuple(hook for hook in (self.sync, self.finalize, self.customize) if hook is not None)


def read_spec(source: Object, discovery: Discovery, base_url: BaseUrl) -> Spec:
    """Unsupported for what this loop does not imitate, SyncError for a type that the API does not serve."""
    kind, name, spec = source.get("kind"), source["metadata"]["name"], source["spec"]
    if kind not in ("CompositeController", "DecoratorController"):
        raise Unsupported(f"not a controller of Metacontroller: {kind!r}")
    composite = kind == "CompositeController"
    if spec.get("endpointConfigs"):
        raise Unsupported(f"{kind} {name}: endpointConfigs are not imitated")
    rules = spec.get("childResources" if composite else "attachments") or []
    served = [discovery.by_plural(rule["apiVersion"], rule["resource"]).resource for rule in rules]
    methods = {
        (resource.group, resource.kind): _method(rule, f"{kind} {name}")
        for rule, resource in zip(rules, served, strict=True)
    }
    parents = _parents(spec, composite, discovery)
    if composite and not parents[0].served.has_status:
        raise Unsupported(f"{kind} {name}: its parent needs the status subresource")
    hooks = spec.get("hooks") or {}
    answer = webhook.COMPOSITE if composite else webhook.DECORATOR

    def hook(field: str, checks: Mapping[str, Check]) -> Webhook | None:
        return Webhook(hooks[field], checks, base_url) if hooks.get(field) else None

    return Spec(
        name=name,
        composite=composite,
        source=source,
        finalizer=f"metacontroller.io/{kind.lower()}-{name}",
        parents=parents,
        children=tuple(served),
        methods=methods,
        sync=hook("sync", answer),
        finalize=hook("finalize", answer),
        customize=hook("customize", webhook.CUSTOMIZE),
        generate_selector=bool(spec.get("generateSelector")),
        resync_period=min(max(1.0, float(spec.get("resyncPeriodSeconds") or CACHE_FLUSH)), CACHE_FLUSH),
    )


def _method(rule: Mapping[str, Any], whose: str) -> str:
    method = (rule.get("updateStrategy") or {}).get("method") or "OnDelete"
    if method in ROLLING:
        raise Unsupported(f"{whose}: {method} for {rule['resource']}: rolling updates stop after one child; do not use")
    if method not in METHODS:
        raise Unsupported(f"{whose}: unknown update method {method!r} for {rule['resource']}")
    return str(method)


def _parents(spec: Mapping[str, Any], composite: bool, discovery: Discovery) -> tuple[ParentRule, ...]:
    rules = [spec["parentResource"]] if composite else spec["resources"]
    return tuple(
        ParentRule(
            discovery.by_plural(rule["apiVersion"], rule["resource"]),
            _selects(rule.get("labelSelector"), rule.get("annotationSelector")),
            bool(rule.get("ignoreStatusChanges")),
        )
        for rule in rules
    )


def _selects(labels: Mapping[str, Any] | None, annotations: Mapping[str, Any] | None) -> Callable[[Object], bool]:
    return lambda obj: (
        matches(labels, labels_of(obj)) and matches(annotations, annotations_of(obj), exact="matchAnnotations")
    )
