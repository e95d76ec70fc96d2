"""Timestamps as Kubernetes writes them: UTC, RFC 3339, whole seconds, ending in Z."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any


def to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_text(text: object) -> datetime | None:
    """The moment, or None for anything that is no timestamp."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def from_millis(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def span(seconds: int) -> str:
    """A duration in seconds as kubectl shortens it: 45s, 3m20s, 2h5m, 5d; two units where they are small, else one."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y{days % 365}d"


def newest(objects: list[Mapping[str, Any]]) -> str:
    """The newest timestamp that the objects carry: the clock of those who may not look at one.

    A hook answers equal requests with equal bytes, yet a condition wants to say since when it holds. What changed it
    was a write to one of the objects in the request, and the API server dated that write.
    """
    texts = {text for item in objects for text in _timestamps(item) if isinstance(text, str)}
    return max((to_text(moment) for text in texts if (moment := from_text(text))), default="")


def _timestamps(item: Mapping[str, Any]) -> Iterator[Any]:
    metadata, status = item.get("metadata") or {}, item.get("status") or {}
    yield from (metadata.get("creationTimestamp"), metadata.get("deletionTimestamp"), status.get("startTime"))
    yield from (entry.get("time") for entry in metadata.get("managedFields") or [])
    yield from (entry.get("lastTransitionTime") for entry in status.get("conditions") or [])
