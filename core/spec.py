"""Reading a spec: null means the default, as for the Toolbox; the defaults are those of the CRDs (a test compares)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def whole(spec: Mapping[str, Any], key: str, default: int) -> int:
    value = spec.get(key)
    return default if value is None else int(value)


def text(spec: Mapping[str, Any], key: str, default: str = "") -> str:
    value = spec.get(key)
    return default if value is None else str(value)


def unquoted(path: str) -> str:
    """As the Toolbox reads a path: its examples have some in quotes."""
    return path.strip().strip('"')


def flag(spec: Mapping[str, Any], key: str, default: bool = False) -> bool:
    value = spec.get(key)
    return default if value is None else value is True


def part(spec: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = spec.get(key)
    return dict(value) if isinstance(value, Mapping) else {}


def items(spec: Mapping[str, Any], key: str) -> list[Any]:
    value = spec.get(key)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def texts(spec: Mapping[str, Any], key: str) -> dict[str, str]:
    """A map of texts; numbers and booleans become what a user would have quoted."""
    return {str(name): _spelled(value) for name, value in part(spec, key).items() if value is not None}


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
