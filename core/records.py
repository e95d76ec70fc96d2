"""Frozen records that are stored as JSON: camelCase names, and a field at its default is not written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Self, cast, get_args, get_origin, get_type_hints


@cache
def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True)
class Record:
    """Base of the stored records; every field has a default."""

    always: ClassVar[frozenset[str]] = frozenset()  # fields which are written even at their default

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The record of a decoded JSON object, without unknown fields. ValueError: a value that a field cannot have."""
        if not isinstance(value, Mapping):
            return cls()
        given = ((name, hint, value.get(key)) for name, key, hint in _stored(cast(type, cls)))
        return cls(**{name: _decoded(hint, item) for name, hint, item in given if item is not None})

    def to_json(self) -> dict[str, Any]:
        plain = type(self)()
        written = (
            item.name
            for item in fields(self)
            if item.name in self.always or getattr(self, item.name) != getattr(plain, item.name)
        )
        return {camel(name): _encoded(getattr(self, name)) for name in written}


@cache
def _stored(record: type) -> tuple[tuple[str, str, Any], ...]:
    """Name, JSON's name and type of each field. Reading them costs more than all the rest: 1 ms for a status."""
    hints = get_type_hints(record)
    return tuple((item.name, camel(item.name), hints[item.name]) for item in fields(record))


def _decoded(hint: Any, value: Any) -> Any:
    kind = get_origin(hint) or hint
    if issubclass(kind, Record):
        return kind.from_json(value)
    if issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(value, list if kind is tuple else kind):
        raise ValueError(f"{value!r} is not of type {kind.__name__}")
    return tuple(_decoded(get_args(hint)[0], entry) for entry in value) if kind is tuple else value


def _encoded(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple):
        return [_encoded(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value
