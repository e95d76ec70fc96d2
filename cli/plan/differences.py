"""What differs between two objects, field by field, without what the machinery keeps for itself. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cli import merge
from core import names, wording
from core.redaction import HIDDEN, redacted, secrets_of
from hooks.protocol import LAST_APPLIED

LONGEST = 60  # characters of a value that is shown
_MACHINERY = frozenset({merge.LAST_APPLIED, LAST_APPLIED, names.REPORT, names.DECLARED})
_USERS = ("labels", "annotations")  # of the metadata


class Field(NamedTuple):
    """A field's path and its values as text, '' where it is not there."""

    path: str
    before: str
    after: str


def fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(_between("", _plain(before), _plain(after)))


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """What people write: no status, and of the metadata labels and annotations."""
    metadata = {key: dict(item["metadata"].get(key) or {}) for key in _USERS}
    kept = {key: value for key, value in metadata["annotations"].items() if key not in _MACHINERY}
    body = {key: value for key, value in item.items() if key not in ("apiVersion", "kind", "status", "metadata")}
    return {**body, "metadata": {**metadata, "annotations": kept}}


def _between(path: str, before: Any, after: Any) -> Iterator[Field]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _between(wording.join(path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and _alike(before, after):
        for index, one, other in _pairs(before, after):
            yield from _between(wording.join(path, index), one, other)
    else:
        texts = _abridged(_hidden(path, before), _hidden(path, after))
        yield _marked(Field(path, *texts), before, after)


def _marked(field: Field, before: Any, after: Any) -> Field:
    """500 for "500" is a change too."""
    if field.before != field.after or isinstance(before, str) == isinstance(after, str):
        return field
    texts = (f'"{field.before}"' if isinstance(value, str) else field.before for value in (before, after))
    return Field(field.path, *texts)


def _alike(before: list[Any], after: list[Any]) -> bool:
    """Lists of objects are compared item by item; short values are read better side by side."""
    return all(isinstance(item, dict) for item in [*before, *after])


def _pairs(before: list[Any], after: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """Items that are the same one, by their names if all have one, else by their places, and the place of each."""
    olds, news = _keyed(before), _keyed(after)
    if not (olds and news):
        olds, news = dict(enumerate(before)), dict(enumerate(after))
    places = {**{key: at for at, key in enumerate(olds)}, **{key: at for at, key in enumerate(news)}}
    for key, at in places.items():
        yield at, olds.get(key), news.get(key)


def _keyed(items: list[Any]) -> dict[Any, Any]:
    """By name; empty when that does not tell them apart."""
    keyed = {item.get("name"): item for item in items}
    return keyed if None not in keyed and len(keyed) == len(items) else {}


def _hidden(path: str, value: Any) -> str:
    """In one line, and without a secret."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return HIDDEN if secrets_of({path: text}) else redacted(text)


def _abridged(before: str, after: str) -> tuple[str, str]:
    """Short, with what differs in sight."""
    same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    skipped = same - LONGEST // 3 if same > LONGEST - LONGEST // 3 else 0
    return _cut(before, skipped), _cut(after, skipped)


def _cut(text: str, skipped: int) -> str:
    text = f"…{text[skipped:]}" if skipped and text else text
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
