"""Views of API objects: kinds, keys, owner references, selectors, and the object maps of the hooks' requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from local.metacontroller.errors import SyncError

Object = dict[str, Any]
GC_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})


class Kind(NamedTuple):
    """A type of objects; sorts as Metacontroller works through them: group, version, kind."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.kind}.{self.api_version}"


class Key(NamedTuple):
    """A parent in a queue."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


# Objects by kind and by "namespace/name" (cluster-scoped: "name").
ObjectMap = dict[Kind, dict[str, Object]]


def kind_at(api_version: str, kind: str) -> Kind:
    group, _, version = api_version.rpartition("/")
    return Kind(group, version, kind)


def kind_of(obj: Object) -> Kind:
    return kind_at(obj.get("apiVersion") or "", obj["kind"])


def metadata(obj: Object) -> Object:
    return obj.get("metadata") or {}


def namespace_of(obj: Object) -> str:
    return metadata(obj).get("namespace") or ""


def name_of(obj: Object) -> str:
    return metadata(obj).get("name") or ""


def uid_of(obj: Object) -> str:
    return metadata(obj).get("uid") or ""


def labels_of(obj: Object) -> dict[str, str]:
    return metadata(obj).get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    return metadata(obj).get("annotations") or {}


def generation_of(obj: Object) -> int:
    return metadata(obj).get("generation") or 0


def version_of(obj: Object) -> str:
    return metadata(obj).get("resourceVersion") or ""


def terminating(obj: Object) -> bool:
    return metadata(obj).get("deletionTimestamp") is not None


def finalizers_of(obj: Object) -> list[str]:
    return metadata(obj).get("finalizers") or []


def key_of(obj: Object) -> Key:
    return Key(obj["apiVersion"], obj["kind"], namespace_of(obj), name_of(obj))


def full_name(obj: Object) -> str:
    return f"{namespace_of(obj)}/{name_of(obj)}" if namespace_of(obj) else name_of(obj)


def owners_of(obj: Object) -> list[Object]:
    return metadata(obj).get("ownerReferences") or []


def controller_of(obj: Object) -> Object | None:
    return next((owner for owner in owners_of(obj) if owner.get("controller") is True), None)


def controller_reference(parent: Object) -> Object:
    return {
        "apiVersion": parent["apiVersion"],
        "kind": parent["kind"],
        "name": name_of(parent),
        "uid": uid_of(parent),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def string_labels(obj: Object) -> dict[str, str]:
    """A desired child's labels; SyncError where they are not strings."""
    labels = metadata(obj).get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise SyncError(f"invalid labels on desired child {obj['kind']} {full_name(obj)}: {labels}")
    return labels


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str], *, exact: str = "matchLabels") -> bool:
    """Whether labels fit a label selector, or annotations an annotation selector (`exact="matchAnnotations"`).

    None and {} select everything; SyncError for an operator that does not exist.
    """
    selector = selector or {}
    equal = all(labels.get(key) == value for key, value in (selector.get(exact) or {}).items())
    return all(_expression(term, labels) for term in selector.get("matchExpressions") or []) and equal


def _expression(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = term.get("key", ""), term.get("values") or []
    match term.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise SyncError(f"not a selector's operator: {term.get('operator')!r}")


def object_map(groups: Iterable[Kind], objects: Iterable[Object]) -> ObjectMap:
    """All `groups` are there, empty or not; of two objects with one name the last wins."""
    result: ObjectMap = {group: {} for group in groups}
    for obj in objects:
        result.setdefault(kind_of(obj), {})[full_name(obj)] = obj
    return result


def request_map(objects: ObjectMap, parent: Object, hook_version: str) -> dict[str, dict[str, Object]]:
    """The map as it is sent. v1 names objects of a namespaced parent by bare name and hides those elsewhere."""
    home = namespace_of(parent)
    if hook_version == "v2" or not home:
        return {str(kind): dict(group) for kind, group in objects.items()}
    return {
        str(kind): {name_of(obj): obj for obj in group.values() if namespace_of(obj) == home}
        for kind, group in objects.items()
    }
