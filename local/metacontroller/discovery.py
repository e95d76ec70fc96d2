"""Which types the API serves: from apiVersion and plural (controllers, rules) or kind (answers) to a Resource."""

from __future__ import annotations

import threading
from typing import NamedTuple

from clients.kube import KubeClient
from clients.kube.errors import NotFound
from clients.kube.resources import Resource
from local.metacontroller.errors import SyncError
from local.metacontroller.objects import kind_at


class Served(NamedTuple):
    resource: Resource
    has_status: bool  # the status subresource


class Discovery:
    """Asks once per group and version, and again when something is missing. Thread-safe."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Served, ...]] = {}

    def by_plural(self, api_version: str, plural: str) -> Served:
        """SyncError if it is not served."""
        return self._find(api_version, "plural", plural)

    def by_kind(self, api_version: str, kind: str) -> Served:
        """SyncError if it is not served."""
        return self._find(api_version, "kind", kind)

    def _find(self, api_version: str, field: str, value: str) -> Served:
        with self._lock:
            for fresh in (False, True):
                if fresh or api_version not in self._known:
                    self._known[api_version] = self._ask(api_version)
                for served in self._known[api_version]:
                    if getattr(served.resource, field) == value:
                        return served
        raise SyncError(f"discovery: can't find {field} {value!r} in apiVersion {api_version!r}")

    def _ask(self, api_version: str) -> tuple[Served, ...]:
        if not api_version:
            return ()
        root = "/apis/" if "/" in api_version else "/api/"
        try:
            items = self._client.request("GET", root + api_version).json().get("resources") or []
        except NotFound:
            return ()
        names = {item["name"] for item in items}
        group, version, _ = kind_at(api_version, "")
        return tuple(
            Served(
                Resource(group, version, item["name"], item["kind"], bool(item["namespaced"])),
                f"{item['name']}/status" in names,
            )
            for item in items
            if "/" not in item["name"]
        )
