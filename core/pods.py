"""When is a pod dead? Hooks and supervisor must agree: the one replaces it, the other gives up what ran in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names

ENDED = ("Failed", "Succeeded", "Unknown")


def is_dead(pod: Mapping[str, Any]) -> bool:
    """It is being deleted, or it ended, or its Flink container did: a side container keeps the pod's phase Running."""
    return bool(pod["metadata"].get("deletionTimestamp")) or has_ended(pod)


def has_ended(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status") or {}
    return status.get("phase") in ENDED or bool(flink_end(pod))


def flink_end(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the container that runs Flink ended (`state.terminated`), empty while it has not; pods never restart it."""
    role = (pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE)
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    states = (item.get("state") or {} for item in containers if item.get("name") == role)
    return next((state["terminated"] for state in states if state.get("terminated")), {})
