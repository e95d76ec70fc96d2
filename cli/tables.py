"""Objects as the API server itself prints them: its Table form, so that the columns are those of the CRDs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from cli.errors import Failed
from clients.kube import KubeClient, Resource
from clients.kube.auth import Credential, Credentials

_ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Row(NamedTuple):
    """One object: its cells, and the object itself."""

    cells: tuple[str, ...]
    object: Mapping[str, Any]


class Table(NamedTuple):
    """The head in capitals and the rows, wide or not."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]


class TableReader:
    """Reads the same objects as its client does, in the Table form."""

    def __init__(self, client: KubeClient) -> None:
        credentials = _AskingForTables(client.connection.credentials)
        self._client = KubeClient(dataclasses.replace(client.connection, credentials=credentials))

    def read(
        self,
        resource: Resource,
        *,
        namespace: str | None,
        name: str | None = None,
        selector: str | None = None,
        wide: bool = False,
    ) -> Table:
        """The objects of a namespace (None: of all), or the named one."""
        params = {"includeObject": "Object"} | ({"labelSelector": selector} if selector else {})
        answer = self._client.request("GET", resource.path(namespace, name), params=params).json()
        if answer.get("kind") != "Table":
            raise Failed(f"the API server does not know the Table form of {resource.plural}; use -o json, yaml or name")
        return shown(answer, wide=wide)


def shown(answer: Mapping[str, Any], *, wide: bool) -> Table:
    """The columns to be shown of a Table object: those of priority 0, or all."""
    columns = answer["columnDefinitions"]
    kept = [index for index, column in enumerate(columns) if wide or not column.get("priority")]
    head = tuple(columns[index]["name"].upper() for index in kept)
    rows = tuple(
        Row(tuple(_text(row["cells"][index]) for index in kept), row.get("object") or {})
        for row in answer.get("rows") or ()
    )
    return Table(head, rows)


def _text(cell: Any) -> str:
    """A cell in one line."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else " ".join(str(cell).split())


class _AskingForTables:
    """Credentials that carry one more header: the client has no other way to say how an answer shall look."""

    def __init__(self, inner: Credentials) -> None:
        self._inner = inner

    def get(self) -> Credential:
        found = self._inner.get()
        return found._replace(headers={**found.headers, "Accept": _ACCEPT})

    def renew(self, refused: Credential) -> bool:
        headers = {key: value for key, value in refused.headers.items() if key != "Accept"}
        return self._inner.renew(refused._replace(headers=headers))
