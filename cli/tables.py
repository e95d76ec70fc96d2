"""Objects as the API server itself prints them: its Table form, so that the columns are those of the CRDs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cli.errors import Failed
from clients.kube import KubeClient, Resource

_ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Row(NamedTuple):
    """One object: its cells, and the object itself."""

    cells: tuple[str, ...]
    object: Mapping[str, Any]


class Table(NamedTuple):
    """The head in capitals and the rows, wide or not."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]


def read(
    client: KubeClient,
    resource: Resource,
    *,
    namespace: str | None,
    name: str | None = None,
    selector: str | None = None,
    wide: bool = False,
) -> Table:
    """The objects of a namespace (None: of all), or the named one, in the Table form."""
    params = {"includeObject": "Object"} | ({"labelSelector": selector} if selector else {})
    answer = client.request("GET", resource.path(namespace, name), params=params, accept=_ACCEPT).json()
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
