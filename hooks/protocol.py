"""Metacontroller's requests and answers (hook version v2), as records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core import canonical, names
from hooks.install import DEFAULT, Install

Resource = dict[str, Any]
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"


class BadRequest(ValueError):
    """What was sent is no request of Metacontroller's."""


@dataclass(frozen=True)
class Request:
    """A sync or finalize request: the parent (a decorator's object), what belongs to it, and what it asked to see."""

    parent: Resource
    children: dict[str, list[Resource]]  # by kind, sorted by name
    related: dict[str, list[Resource]]
    finalizing: bool
    install: Install = DEFAULT

    def of(self, kind: str) -> list[Resource]:
        return _present(self.children, kind)

    def related_of(self, kind: str) -> list[Resource]:
        return _present(self.related, kind)

    def everything(self) -> list[Mapping[str, Any]]:
        return [
            self.parent,
            *(item for group in (self.children, self.related) for items in group.values() for item in items),
        ]


@dataclass(frozen=True)
class Parent:
    """A kind of parent, and the keys of its requests: a decorator has its own words."""

    kind: str
    key: str = "parent"
    children: str = "children"


DEPLOYMENT, CLUSTER = Parent(names.DEPLOYMENT), Parent(names.CLUSTER)
JOB = Parent(names.JOB, key="object", children="attachments")


def decode(body: Any, parent: Parent, *, install: Install = DEFAULT, finalizing: bool = False) -> Request:
    """The request of a decoded JSON body. `finalizing` is what it has to say: one at the wrong path would delete."""
    resource = decode_parent(body, parent.kind, parent.key)
    if body.get("finalizing") is not finalizing:
        raise BadRequest(f"finalizing: must be {str(finalizing).lower()} here")
    return Request(
        parent=resource,
        children=_object_map(body.get(parent.children), parent.children),
        related=_object_map(body.get("related"), "related"),
        finalizing=finalizing,
        install=install,
    )


def decode_parent(body: Any, kind: str, key: str = "parent") -> Resource:
    """The parent alone: a customize request has nothing else."""
    if not isinstance(body, dict) or not isinstance(body.get("controller"), dict):
        raise BadRequest("the body must be a JSON object with a controller")
    resource: Any = body.get(key)
    if not _is(resource, kind, names.API_VERSION):
        raise BadRequest(f"{key}: must be a {kind} of {names.API_VERSION} with metadata.name")
    found: Resource = resource
    return found


def _present(objects: dict[str, list[Resource]], kind: str) -> list[Resource]:
    """Metacontroller names every kind, also where it found none: one that is not named was not looked for."""
    if kind not in objects:
        raise BadRequest(f"{kind}: not in the request")
    return objects[kind]


def _object_map(value: Any, name: str) -> dict[str, list[Resource]]:
    """{"Pod.v1": {"ns/name": pod}} as {"Pod": [pod]}."""
    if not isinstance(value, dict):
        raise BadRequest(f"{name}: must be an object")
    found: dict[str, list[Resource]] = {}
    for key, objects in value.items():
        kind, _, version = str(key).partition(".")
        if not isinstance(objects, dict) or not all(_is(item, kind, version) for item in objects.values()):
            raise BadRequest(f"{name}.{key}: must be a map of such objects")
        items = sorted(objects.values(), key=lambda item: str(item["metadata"]["name"]))
        found.setdefault(kind, []).extend(items)
    return found


def _is(item: Any, kind: str, version: str) -> bool:
    return _is_resource(item) and (item.get("kind"), item.get("apiVersion")) == (kind, version)


def _is_resource(item: Any) -> bool:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)


def finished(children: Iterable[Resource]) -> list[Resource]:
    """Children as they are sent: without nulls, sorted by kind and name."""
    known: dict[int, Any] = {}  # what many children have in common is looked through once

    def cleaned(part: Any) -> Any:
        if id(part) not in known:
            known[id(part)] = canonical.without_nulls(part)
        return known[id(part)]

    found = sorted(children, key=lambda child: (child["kind"], child["metadata"]["name"]))
    return [{key: cleaned(part) for key, part in child.items() if part is not None} for child in found]


def as_applied(observed: Iterable[Resource]) -> list[Resource]:
    """The observed children exactly as they were last answered: that keeps them, whatever the parent says now."""
    return [_last_applied(item) for item in observed]


def _last_applied(item: Resource) -> Resource:
    identity = _identity(item)
    try:
        applied = json.loads((item["metadata"].get("annotations") or {})[LAST_APPLIED])
        if _identity(applied) == identity:
            return dict(applied)
    except (KeyError, TypeError, ValueError):
        pass
    # Not written by client-side apply: name it, so that it is neither deleted nor, with OnDelete, changed.
    api_version, kind, name = identity
    metadata = {"name": name, "namespace": item["metadata"].get("namespace")}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _identity(item: Resource) -> tuple[str, str, str]:
    return item["apiVersion"], item["kind"], item["metadata"]["name"]
