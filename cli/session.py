"""One command's way to the API server, with the namespace that it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.errors import Failed
from cli.options import Where
from clients.kube import Connection, KubeClient, NotConfigured, NotFound, Resource, connect, resources
from core import names


def _connected(where: Where) -> Connection:
    try:
        found = connect(where.kubeconfig, where.context)
    except NotConfigured as error:
        raise Failed(f"{error}; flinkctl local up starts a cluster of its own on this machine") from error
    return replace(found, advice=lambda: _advice(found.file))


def _advice(kubeconfig: Path | None) -> str:
    from cli.local import background  # only where nobody answers

    return background.advice(kubeconfig) if kubeconfig else ""


class Session:
    """`namespace` is for one object; `scope` is for many of them: None stands for all namespaces."""

    def __init__(self, where: Where, connection: Connection | None = None) -> None:
        """connection: instead of what the kubeconfig says."""
        connection = connection or _connected(where)
        self.client = KubeClient(connection)
        self.namespace = where.namespace or connection.namespace
        self.scope = None if where.all_namespaces else self.namespace

    def get(self, resource: Resource, name: str) -> dict[str, Any]:
        """The object; Failed says in which namespace it is not."""
        try:
            return self.client.get(resource, name, namespace=self.namespace)
        except NotFound as error:
            raise self.not_found(error) from error

    def not_found(self, error: NotFound) -> Failed:
        text = str(error)
        return Failed(f'{text} in namespace "{self.namespace}"' if text.endswith("not found") else text)

    def binding(self) -> Callable[[Mapping[str, Any]], str]:
        """Names the cluster of a job, which a job may name in three ways."""
        listed = self.client.list(resources.FLINK_CLUSTERS, namespace=self.scope)["items"]
        clusters = tuple(item["metadata"]["name"] for item in listed)
        return lambda item: names.bound_cluster(item["metadata"], item.get("spec") or {}, clusters)

    def some(self, resource: Resource, called: tuple[str, ...], *, selector: str | None = None) -> list[dict[str, Any]]:
        """The named objects in that order, or without names all of the scope, by namespace and name."""
        if called:
            return [self.get(resource, name) for name in called]
        found: list[dict[str, Any]] = self.client.list(resource, namespace=self.scope, label_selector=selector)["items"]
        return found
