"""apply's three-way merge, so that kubectl and flinkctl can be mixed: both remember what was applied last. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Object = Mapping[str, Any]


def remembered(body: Object, namespace: str | None) -> dict[str, Any]:
    """The manifest with its namespace, and with itself in the annotation, as kubectl writes it."""
    metadata = {**body["metadata"], **({"namespace": namespace} if namespace else {})}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    plain = {**body, "metadata": {**metadata, "annotations": annotations}}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    return {**plain, "metadata": {**plain["metadata"], "annotations": {**annotations, LAST_APPLIED: text}}}


def last_applied(live: Object) -> Object | None:
    """What kubectl or flinkctl applied last; None when neither did, or when it cannot be read."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def patch(last: Object, wanted: Object, live: Object) -> dict[str, Any]:
    """The JSON merge patch from live to wanted; fields of the last manifest that are no longer in it are removed.

    What others set stays. A list is replaced as a whole.
    """
    found: dict[str, Any] = {key: None for key in last if key not in wanted and live.get(key) is not None}
    for key, value in wanted.items():
        there = live.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            inner = patch(_map(last.get(key)), value, there)
            if inner:
                found[key] = inner
        elif value != there:
            found[key] = value
    return found


def _map(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}
