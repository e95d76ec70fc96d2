"""get and list: objects of one or more kinds, as a table, as documents, or by name; and their changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from cli import kinds, output, tables
from cli.contact import PATIENCE, Contact
from cli.errors import Failed
from cli.options import Shape
from cli.session import Session
from cli.tables import Row, Table
from clients.kube import LASTING, Changed, KubeError, NotFound, Resource, resources, watch
from clients.kube.client import pause
from core import names

Object = Mapping[str, Any]
T = TypeVar("T")
# Of the pods, those that are ours.
OURS = f"{names.LABEL_OWNER}=flink-operator,{names.LABEL_COMPONENT}=flink"


class Wanted(NamedTuple):
    """Which objects of a kind; `only` chooses further where no selector can."""

    resource: Resource
    names: tuple[str, ...] = ()
    selector: str | None = None
    only: Callable[[Object], bool] = lambda item: True


def wanted(resource: Resource, names: tuple[str, ...], selector: str | None) -> Wanted:
    if resource is resources.PODS and not names:
        selector = ",".join(filter(None, (OURS, selector)))
    return Wanted(resource, names, selector)


def of_cluster(session: Session, one: Wanted, cluster: str) -> Wanted:
    """Only the jobs of one cluster."""
    bound = session.binding()
    return one._replace(only=lambda item: bound(item) == cluster)


def show(session: Session, asked: tuple[Wanted, ...], shape: Shape) -> None:
    """What there is; then Failed names what there is not."""
    missing: list[str] = []
    _print_found(session, asked, shape, missing)
    if missing:
        raise Failed("\n".join(missing))


def _print_found(session: Session, asked: tuple[Wanted, ...], shape: Shape, missing: list[str]) -> None:
    if shape.format in ("table", "wide"):
        _tables(session, asked, shape, missing)
        return
    items = [item for one in asked for item in _objects(session, one, missing)]
    if shape.format == "name":
        for item in items:
            output.data(kinds.title_of(item))
        return
    plain = [output.without_managed_fields(item) for item in items]
    single = len(asked) == 1 and len(asked[0].names) == 1
    if plain or not missing:
        output.data(output.document(plain[0] if single else output.as_list(plain), shape.format))


def _objects(session: Session, one: Wanted, missing: list[str]) -> list[Object]:
    if one.names:
        return _there(one.names, lambda name: session.get(one.resource, name), missing)
    return [item for item in session.some(one.resource, (), selector=one.selector) if one.only(item)]


def _there(names: tuple[str, ...], find: Callable[[str], T], missing: list[str]) -> list[T]:
    """What is found of these names; why the others are not is added to `missing`."""
    found = []
    for name in names:
        try:
            found.append(find(name))
        except Failed as error:
            missing.append(error.message)
    return found


# ---- tables --------------------------------------------------------------------------------------------------------


def _tables(session: Session, asked: tuple[Wanted, ...], shape: Shape, missing: list[str]) -> None:
    found = [(one.resource, _table(session, one, shape, missing)) for one in asked]
    printed = [_rows(resource, table, session, shape, many=len(asked) > 1) for resource, table in found if table.rows]
    if printed:
        gap = "\n" if len(asked) == 1 or shape.no_headers else "\n\n"
        output.data(gap.join(map(output.table, printed)))
    elif not missing:
        place = f"in {session.namespace} namespace" if session.scope else "in any namespace"
        output.note(f"No resources found {place}.")


def _table(session: Session, one: Wanted, shape: Shape, missing: list[str]) -> Table:
    client, wide = session.client, shape.format == "wide"
    if not one.names:
        whole = tables.read(client, one.resource, namespace=session.scope, selector=one.selector, wide=wide)
        return whole._replace(rows=tuple(row for row in whole.rows if one.only(row.object)))
    parts = _there(one.names, lambda name: _one_row(session, one.resource, name, wide), missing)
    return Table(parts[0].head if parts else (), tuple(row for part in parts for row in part.rows))


def _one_row(session: Session, resource: Resource, name: str, wide: bool) -> Table:
    try:
        return tables.read(session.client, resource, namespace=session.namespace, name=name, wide=wide)
    except NotFound as error:
        raise session.not_found(error) from error


def _rows(resource: Resource, table: Table, session: Session, shape: Shape, *, many: bool) -> list[tuple[str, ...]]:
    rows = [_cells(resource, row, session, many=many) for row in table.rows]
    head = table.head if session.scope else ("NAMESPACE", *table.head)
    return rows if shape.no_headers else [head, *rows]


def _cells(resource: Resource, row: Row, session: Session, *, many: bool) -> tuple[str, ...]:
    cells = (kinds.title(resource, row.cells[0]), *row.cells[1:]) if many else row.cells
    return cells if session.scope else (row.object["metadata"].get("namespace", ""), *cells)


# ---- changes -------------------------------------------------------------------------------------------------------


def follow(session: Session, one: Wanted, shape: Shape) -> None:
    """Prints what there is and each change, until Ctrl-C."""
    if len(one.names) > 1:
        raise Failed("-w follows one object, or all of a kind")
    contact = Contact()
    if shape.format in ("table", "wide"):
        _follow_table(session, one, shape, contact)
        return
    for name in one.names:
        session.get(one.resource, name)
    for item, _ in _changes(session, one, contact):
        if shape.format == "name":
            output.data(kinds.title_of(item))
            continue
        text = output.document(output.without_managed_fields(item), shape.format)
        output.data(f"---\n{text}" if shape.format == "yaml" else text)


def _changes(session: Session, one: Wanted, contact: Contact) -> Iterator[tuple[Object, bool]]:
    """Each state of each object once, and whether the object is gone."""
    name = one.names[0] if one.names else None
    scope = session.namespace if name else session.scope
    seen: dict[str, str] = {}
    events = watch(
        session.client,
        one.resource,
        namespace=scope,
        name=name,
        label_selector=one.selector,
        stop=threading.Event(),
        hear=contact.hear,
    )
    for event in events:
        gone = isinstance(event, Changed) and event.type == "DELETED"
        for item in (event.object,) if isinstance(event, Changed) else event.items:
            uid, version = item["metadata"]["uid"], item["metadata"]["resourceVersion"]
            if one.only(item) and (gone or seen.get(uid) != version):
                seen[uid] = version
                yield item, gone


def _follow_table(session: Session, one: Wanted, shape: Shape, contact: Contact) -> None:
    """A line where a column changed. Columns keep the width that they have when there is something to show."""
    missing: list[str] = []
    first = _table(session, one, shape, missing)
    if missing:
        raise Failed("\n".join(missing))
    to = _begin(one.resource, first, session, shape) if first.rows else []
    known = {row.object["metadata"]["uid"]: row for row in first.rows}
    wide = shape.format == "wide"
    for item, gone in _changes(session, one, contact):
        metadata = item["metadata"]
        before = known.get(metadata["uid"])
        row = before if gone else _fresh(session, one.resource, metadata, wide, contact)
        if row and gone:
            row = Row((row.cells[0], "deleted", *[""] * len(row.cells[2:])), row.object)
        if row and (gone or not before or _lasting(first.head, row) != _lasting(first.head, before)):
            known[metadata["uid"]] = row
            if to:
                output.data(output.line(_cells(one.resource, row, session, many=False), to))
            else:
                to = _begin(one.resource, first._replace(rows=(row,)), session, shape)


def _begin(resource: Resource, table: Table, session: Session, shape: Shape) -> list[int]:
    """The widths of its columns."""
    rows = _rows(resource, table, session, shape, many=False)
    to = output.widths([_head(table, session), *rows])
    for row in rows:
        output.data(output.line(row, to))
    return to


def _lasting(head: tuple[str, ...], row: Row) -> list[str]:
    """The cells that do not change with time alone."""
    return [cell for title, cell in zip(head, row.cells, strict=True) if not title.endswith("AGE")]


def _head(table: Table, session: Session) -> tuple[str, ...]:
    return table.head if session.scope else ("NAMESPACE", *table.head)


def _fresh(
    session: Session, resource: Resource, metadata: Mapping[str, Any], wide: bool, contact: Contact
) -> Row | None:
    """Its row now; None when it is gone meanwhile."""
    namespace, name = metadata.get("namespace"), metadata["name"]
    while True:
        try:
            (row,) = tables.read(session.client, resource, namespace=namespace, name=name, wide=wide).rows
            contact.hear(None)
            return row
        except NotFound:
            return None
        except LASTING:
            raise
        except KubeError as error:
            contact.hear(error)
            time.sleep(min(pause(0, error), PATIENCE))
