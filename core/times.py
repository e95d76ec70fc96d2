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


def newest(objects: list[Mapping[str, Any]]) -> str:
    """The newest timestamp that the objects carry: the clock of those who may not look at one.

    A hook answers equal requests with equal bytes, yet a condition wants to say since when it holds. What changed it
    was a write to one of the objects in the request, and the API server dated that write.
    """
    return max((to_text(moment) for item in objects for moment in _moments(item)), default="")


def _moments(item: Mapping[str, Any]) -> Iterator[datetime]:
    metadata, status = item.get("metadata") or {}, item.get("status") or {}
    texts = [metadata.get("creationTimestamp"), metadata.get("deletionTimestamp"), status.get("startTime")]
    texts += [entry.get("time") for entry in metadata.get("managedFields") or []]
    texts += [entry.get("lastTransitionTime") for entry in status.get("conditions") or []]
    for text in texts:
        if text and (moment := from_text(text)):
            yield moment
