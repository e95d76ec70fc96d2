"""The objects that a plan looks at: those of some namespaces, live or from files. A copy that may be changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import crds
from cli import get, kinds, manifests
from clients.kube import KubeClient, Resource, resources
from core import names, validation
from core.canonical import canonical_json

Object = dict[str, Any]
Key = tuple[str, str, str]  # kind, namespace, name
# What the hooks and the supervisor look at. The account and the role of a supervisor say nothing about jobs.
LOOKED_AT = (*kinds.FLINK, resources.PODS, resources.SERVICES, resources.DEPLOYMENTS)


def key_of(item: Mapping[str, Any]) -> Key:
    return (item["kind"], *place_of(item))


def place_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def is_deleting(item: Mapping[str, Any]) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def problems_of(item: Mapping[str, Any]) -> list[str]:
    """What is wrong with the spec of an object of ours."""
    return validation.problems(crds.schema(item["kind"])["properties"]["spec"], item.get("spec"))


class State:
    """Objects by kind, namespace and name. `version` grows with every change of one."""

    def __init__(self, items: Iterable[Object] = ()) -> None:
        self._items = {key_of(item): item for item in items}
        self.version = 0

    def copy(self) -> State:
        return State(copy.deepcopy(list(self._items.values())))

    def get(self, key: Key) -> Object | None:
        return self._items.get(key)

    def of(self, kind: str) -> list[Object]:
        return [item for key, item in sorted(self._items.items()) if key[0] == kind]

    def put(self, item: Object) -> None:
        key, stored = key_of(item), json.loads(canonical_json(item))
        if self._items.get(key) != stored:
            self._items[key] = stored
            self.version += 1

    def remove(self, item: Mapping[str, Any]) -> None:
        if self._items.pop(key_of(item), None):
            self.version += 1

    def owned(self, parent: Mapping[str, Any], kind: str) -> list[Object]:
        uid = parent["metadata"].get("uid")
        return [item for item in self.of(kind) if any(owner.get("uid") == uid for owner in _owners(item))]

    def of_cluster(self, kind: str, cluster: Mapping[str, Any]) -> list[Object]:
        """By the label that binds them."""
        namespace, name = place_of(cluster)
        return [item for item in self.of(kind) if (place_of(item)[0], _cluster(item)) == (namespace, name)]

    def __iter__(self) -> Iterator[Object]:
        return iter([item for _, item in sorted(self._items.items())])


def _owners(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = item["metadata"].get("ownerReferences") or []
    return found


def _cluster(item: Mapping[str, Any]) -> str:
    return str((item["metadata"].get("labels") or {}).get(names.LABEL_CLUSTER, ""))


def live(client: KubeClient, namespaces: Iterable[str]) -> State:
    found = [_listed(client, resource, namespace) for namespace in sorted(set(namespaces)) for resource in LOOKED_AT]
    return State(item for items in found for item in items)


def _listed(client: KubeClient, resource: Resource, namespace: str) -> list[Object]:
    """Of the kinds that are not ours only what carries our labels."""
    selector = None if resource in kinds.FLINK else get.OURS
    items: list[Object] = client.list(resource, namespace=namespace, label_selector=selector)["items"]
    return items


def from_folder(folder: str, namespace: str) -> State:
    """What `kubectl get fd,fc,fj,pods,services,deployments -o yaml` wrote into files."""
    items = [manifest.body for manifest in manifests.read((folder,))]
    return State({**item, "metadata": {"namespace": namespace, **item["metadata"]}} for item in items)
