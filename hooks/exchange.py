"""A request and its answer in short, for people who want to see the hooks work: names and phases, no contents. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core import canonical


def summary(hook: str, body: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """One line of JSON about an answered sync or finalize request."""
    parent = body.get("parent") or body["object"]
    observed = body.get("children") or body.get("attachments") or {}
    status = answer.get("status") or parent.get("status") or {}
    return canonical.canonical_json(
        {
            "hook": hook,
            "namespace": parent["metadata"].get("namespace", ""),
            "name": parent["metadata"]["name"],
            "observed": _names(item for items in observed.values() for item in items.values()),
            "phase": status.get("supervisorStatus") or status.get("resourceStatus") or "",
            "children": _names(answer.get("children") or answer.get("attachments") or ()),
            "finalized": answer.get("finalized", False),
        }
    )


def _names(items: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(f"{item['kind']} {item['metadata']['name']}" for item in items)
