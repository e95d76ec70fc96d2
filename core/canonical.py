"""One spelling for equal values: stripped, sorted, hashed. Children and revisions depend on it to be stable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def stripped(value: Any) -> Any:
    """The value without nulls, empty maps and empty lists at any depth: what means nothing makes no difference.
    `emptyDir: {}` and the like are kept: see KEPT_EMPTY."""
    if isinstance(value, Mapping):
        pairs = ((key, item if key in KEPT_EMPTY and item == {} else stripped(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not None and (item not in ({}, []) or key in KEPT_EMPTY)}
    if isinstance(value, list | tuple):
        return [stripped(item) for item in value]
    return value


# Here an empty object means something.
KEPT_EMPTY = frozenset({"emptyDir", "podSelector", "namespaceSelector", "labelSelector"})


def without_nulls(value: Any) -> Any:
    """The value without nulls in its maps, at any depth: an API server drops them, and a child that names one differs
    from what is stored for ever. What is empty stays: it may be required, or mean something."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value]
    return value


def filled(value: Mapping[str, Any]) -> dict[str, Any]:
    """The map without its own empty members; what they hold is left alone."""
    return {key: item for key, item in value.items() if item not in (None, [], {})}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no blanks: equal values give equal text. ValueError: a NaN, which JSON has not."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any, length: int = 8) -> str:
    """The first hex digits of the SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def without_defaults(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A map without what is empty and without what only spells out a default, so that both spellings are equal."""
    return {key: item for key, item in stripped(value).items() if key not in defaults or item != defaults[key]}
