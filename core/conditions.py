"""Conditions of `.status.conditions`, as Kubernetes' API conventions describe them.

`kubectl wait` and Flux (kstatus) read them so, and Argo CD by metacontroller/argocd/health.lua: Ready=True is current,
Ready=False is in progress, Stalled=True is failed: it waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

READY, PROGRESSING, DEGRADED, SUSPENDED, STALLED = "Ready", "Progressing", "Degraded", "Suspended", "Stalled"
# The API server refuses longer messages in many places, and nobody reads them.
MAX_MESSAGE = 1024


@dataclass(frozen=True)
class Condition:
    """One condition; `reason` is CamelCase and stable, `message` is for people."""

    type: str
    true: bool
    reason: str
    message: str = ""


def merged(
    previous: Iterable[Mapping[str, Any]], wanted: Iterable[Condition], *, generation: int, now: str
) -> list[dict[str, Any]]:
    """The conditions as stored, sorted by type; lastTransitionTime moves only when the status changes."""
    old = {str(item.get("type")): item for item in previous}
    return [
        _stored(condition, old.get(condition.type, {}), generation, now)
        for condition in sorted(wanted, key=lambda item: item.type)
    ]


def _stored(condition: Condition, old: Mapping[str, Any], generation: int, now: str) -> dict[str, Any]:
    status = "True" if condition.true else "False"
    since = old.get("lastTransitionTime") if old.get("status") == status else now
    stored = {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        "message": condition.message[:MAX_MESSAGE],
        "observedGeneration": generation,
    }
    return {**stored, "lastTransitionTime": since} if since else stored


def find(conditions: Iterable[Mapping[str, Any]] | None, type: str) -> Mapping[str, Any]:
    """The condition of that type, or an empty map."""
    return next((item for item in conditions or () if item.get("type") == type), {})


def is_true(resource: Mapping[str, Any], type: str) -> bool:
    """Does the resource say so, about the spec that it has now?"""
    status = resource.get("status") or {}
    if status.get("observedGeneration", 0) < resource.get("metadata", {}).get("generation", 0):
        return False
    return find(status.get("conditions"), type).get("status") == "True"
