"""Related objects: the customize hook's rules, kept per parent, and whom an event of a related object wakes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from clients.kube.resources import NAMESPACES, Resource
from local.metacontroller.discovery import Discovery
from local.metacontroller.errors import NotSynced, SyncError
from local.metacontroller.informer import Informer, Informers
from local.metacontroller.objects import (
    Kind,
    Object,
    ObjectMap,
    full_name,
    generation_of,
    labels_of,
    matches,
    name_of,
    namespace_of,
    uid_of,
    version_of,
)
from local.metacontroller.observer import Observer
from local.metacontroller.spec import Spec

RULES_LIVE = 1200.0

Rule = Mapping[str, Any]
# The labels of a namespace by its name, None if there is no such namespace.
NamespaceLabels = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True)
class Answer:
    """What a customize hook wanted for a parent of one generation; asked again when that changes, or after 20 min."""

    generation: int
    expires: float
    rules: tuple[Rule, ...]


def check_rule(rule: Rule, home: str, *, namespaced: bool) -> None:
    """SyncError for combinations that no rule may have. `home`: the namespace that a v1 rule is bound to, or ""."""
    by_namespace = rule.get("namespaceSelector") is not None
    if rule.get("names") and (by_namespace or rule.get("labelSelector") is not None):
        raise SyncError(f"related rule cannot have both names and a selector: {dict(rule)}")
    if rule.get("namespace") and by_namespace:
        raise SyncError(f"related rule cannot have both namespace and namespaceSelector: {dict(rule)}")
    if by_namespace and home:
        raise SyncError("namespaceSelector cannot be used by a namespaced parent in a v1 hook")
    if by_namespace and not namespaced:
        raise SyncError("namespaceSelector is only for namespaced related resources")
    if home and rule.get("namespace") and rule["namespace"] != home:
        raise SyncError(f"related rule of {home} names the foreign namespace {rule['namespace']}")


def selects(rule: Rule, obj: Object, home: str, *, namespaced: bool, namespace_labels: NamespaceLabels) -> bool:
    """Whether a checked rule selects an object of its resource."""
    place = namespace_of(obj)
    if namespaced and any(wanted and wanted != place for wanted in (home, rule.get("namespace"))):
        return False
    if rule.get("names"):
        return name_of(obj) in rule["names"]
    if not matches(rule.get("labelSelector"), labels_of(obj)):
        return False
    if rule.get("namespaceSelector") is None:
        return True
    labels = namespace_labels(place)
    return labels is not None and matches(rule["namespaceSelector"], labels)


class Related:
    """The related objects of one hosted controller's parents. Thread-safe."""

    def __init__(self, spec: Spec, discovery: Discovery, informers: Informers, observer: Observer) -> None:
        self._spec = spec
        self._observer = observer
        self._discovery = discovery
        self._informers = informers
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._watched: set[Resource] = set()
        self._wake: Callable[[Object, Object], None] = lambda parent, by: None
        self._parents: Callable[[], Iterable[Object]] = tuple

    def connect(self, parents: Callable[[], Iterable[Object]], wake: Callable[[Object, Object], None]) -> None:
        """Before the first sync: all parents there are, and what to do with one because of a related object."""
        self._parents = parents
        self._wake = wake

    def of(self, parent: Object) -> ObjectMap:
        """A key for every rule's kind. NotSynced while a new cache fills; SyncError, HookError, TooManyRequests."""
        result: ObjectMap = {}
        for rule in self._rules(parent):
            resource = self._discovery.by_plural(rule.get("apiVersion", ""), rule.get("resource", "")).resource
            home = self._home(parent)
            check_rule(rule, home, namespaced=resource.namespaced)
            informer = self._informer(resource)
            group = result.setdefault(Kind(resource.group, resource.version, resource.kind), {})
            for obj in informer.objects():
                if self._selects(rule, obj, home, resource):
                    group[full_name(obj)] = obj
        return result

    def forget(self, parent: Object) -> None:
        with self._lock:
            self._answers.pop(uid_of(parent), None)

    def _rules(self, parent: Object) -> tuple[Rule, ...]:
        hook = self._spec.customize
        if hook is None:
            return ()
        with self._lock:
            known = self._answers.get(uid_of(parent))
        if known and known.generation == generation_of(parent) and time.monotonic() < known.expires:
            return known.rules
        request = {"controller": self._spec.source, "parent": parent}
        answer = hook.call(request)
        self._observer.answered(parent, answer, partial(hook.call, request))
        rules = tuple(answer.get("relatedResources", ()))
        with self._lock:
            self._answers[uid_of(parent)] = Answer(generation_of(parent), time.monotonic() + RULES_LIVE, rules)
        return rules

    def _home(self, parent: Object) -> str:
        bound = self._spec.customize is not None and self._spec.customize.version == "v1"
        return namespace_of(parent) if bound else ""

    def _informer(self, resource: Resource) -> Informer:
        informer = self._informers.of(resource)
        with self._lock:
            new = resource not in self._watched
            self._watched.add(resource)
        if new:
            informer.add_handler(lambda old, obj: self._on_event(resource, old, obj))
        if not informer.synced.is_set():
            raise NotSynced(f"the cache of {resource.plural} is not filled yet")
        return informer

    def _selects(self, rule: Rule, obj: Object, home: str, resource: Resource) -> bool:
        return selects(rule, obj, home, namespaced=resource.namespaced, namespace_labels=self._namespace_labels)

    def _namespace_labels(self, name: str) -> Mapping[str, str] | None:
        namespaces = self._informers.of(NAMESPACES)
        if not namespaces.synced.is_set():
            raise NotSynced("the cache of namespaces is not filled yet")
        namespace = namespaces.get("", name)
        return None if namespace is None else labels_of(namespace)

    def _on_event(self, resource: Resource, old: Object | None, new: Object | None) -> None:
        if old and new and version_of(old) == version_of(new):
            return
        states = [obj for obj in (old, new) if obj is not None]
        for parent in self._parents():
            if any(self._concerns(rule, parent, resource, states) for rule in self._known_rules(parent)):
                self._wake(parent, states[-1])

    def _known_rules(self, parent: Object) -> tuple[Rule, ...]:
        # A parent without rules has its first sync ahead, which will see this event's object in the cache.
        with self._lock:
            known = self._answers.get(uid_of(parent))
        return known.rules if known else ()

    def _concerns(self, rule: Rule, parent: Object, resource: Resource, states: list[Object]) -> bool:
        if (rule.get("apiVersion"), rule.get("resource")) != (resource.api_version, resource.plural):
            return False
        home = self._home(parent)
        try:
            check_rule(rule, home, namespaced=resource.namespaced)
            return any(self._selects(rule, obj, home, resource) for obj in states)
        except (SyncError, NotSynced):
            return False
