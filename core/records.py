"""Frozen records that are stored as JSON: camelCase names, and a field at its default is not written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Self, get_args, get_type_hints


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True)
class Record:
    """Base of the stored records; every field has a default."""

    always: ClassVar[frozenset[str]] = frozenset()  # fields which are written even at their default

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The record of a decoded JSON object; unknown fields are ignored. ValueError: a word that an enum lacks."""
        if not isinstance(value, Mapping):
            return cls()
        hints = get_type_hints(cls)
        given = {item.name: value[camel(item.name)] for item in fields(cls) if value.get(camel(item.name)) is not None}
        return cls(**{name: _decoded(hints[name], item) for name, item in given.items()})

    def to_json(self) -> dict[str, Any]:
        plain = type(self)()
        written = (
            item.name
            for item in fields(self)
            if item.name in self.always or getattr(self, item.name) != getattr(plain, item.name)
        )
        return {camel(name): _encoded(getattr(self, name)) for name in written}


def _decoded(hint: Any, value: Any) -> Any:
    if isinstance(value, list):
        item = (get_args(hint) or (Any,))[0]
        return tuple(_decoded(item, entry) for entry in value)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    return value


def _encoded(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple):
        return [_encoded(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value
