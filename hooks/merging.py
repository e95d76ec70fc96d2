"""What Metacontroller's merge cannot carry: it takes a list of objects for a map, by a field that all of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from core import wording

# In the order in which Metacontroller tries them.
KEYS = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")


def clashes(value: Any, path: str) -> Iterator[str]:
    """Lists in which two items have the same key: they would be merged into one, wrongly and again at every sync."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from clashes(item, wording.join(path, name))
    if isinstance(value, list):
        if key := _key(value):
            counts = Counter(str(item[key]) for item in value)
            yield from (f"{path}: two entries with {key} {name}" for name, count in counts.items() if count > 1)
        for number, item in enumerate(value):
            yield from clashes(item, wording.join(path, number))


def _key(items: list[Any]) -> str | None:
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in KEYS if all(key in item for item in items)), None)
