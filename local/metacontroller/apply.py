"""The client-side ("dynamic") apply: what an observed child becomes when the hook desires something. Pure.

children.py asks here whether a child differs and what to write. Equality is as strict as JSON's own types: 1, 1.0 and
true differ, and so do null, [] and an absent key. That is what makes an unclean answer of a hook loop for ever.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from local.metacontroller.errors import SyncError

ANNOTATION = "metacontroller.k8s.io/last-applied-configuration"
# A list whose items all have one of these is a map keyed by the first that fits, in this order.
MERGE_KEYS = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")
# The server's own; whatever a hook says about them is dropped.
SYSTEM_FIELDS = (
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def identical(a: Any, b: Any) -> bool:
    """Deep equality that also compares the JSON types."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(identical(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(identical(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def wire(value: Any) -> Any:
    """The value as Go's encoder writes it: 3.0 becomes 3 on its way to the API server."""
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [wire(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def canonical_json(value: Any) -> str:
    """Sorted, compact, and escaped as Go escapes for HTML: the text of the annotation."""
    text = json.dumps(wire(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.translate(_ESCAPES)


def merge(observed: Any, last: Any, desired: Any) -> Any:
    """Three-way merge: keys only in `last` go, keys in `desired` win, the rest of `observed` stays.

    Where the live value is a map or a list and the desired one is not, nothing is desired there.
    """
    if isinstance(observed, dict):
        return _merge_maps(observed, _as(dict, last), _as(dict, desired))
    if isinstance(observed, list):
        wanted = desired if isinstance(desired, list) else None
        previous: list[Any] = _as(list, last)
        key = _merge_key(observed, previous, wanted or [])
        return copy.deepcopy(wanted) if key is None else _merge_lists(key, observed, previous, wanted or [])
    return copy.deepcopy(desired)


def _as(kind: type[Any], value: Any) -> Any:
    return value if isinstance(value, kind) else kind()


def _merge_maps(observed: dict[str, Any], last: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    kept = {key: copy.deepcopy(value) for key, value in observed.items() if key in desired or key not in last}
    kept.update({key: merge(observed.get(key), last.get(key), value) for key, value in desired.items()})
    return kept


def _merge_lists(key: str, observed: list[Any], last: list[Any], desired: list[Any]) -> list[Any]:
    """Observed order first, then what is new. Of items that share a key the last one takes every place."""
    live, previous, wanted = ({_text(item[key]): item for item in items} for items in (observed, last, desired))
    merged = _merge_maps(live, previous, wanted)
    places = [_text(item[key]) for item in observed]
    new = dict.fromkeys(_text(item[key]) for item in desired if _text(item[key]) not in live)
    return [copy.deepcopy(merged[name]) for name in (*places, *new) if name in merged]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _merge_key(*lists: list[Any]) -> str | None:
    items = [item for items in lists for item in items]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in MERGE_KEYS if all(key in item for item in items)), None)


def last_applied(obj: dict[str, Any]) -> dict[str, Any]:
    """What was applied last, from the annotation; {} if there is none."""
    text = _annotations(obj).get(ANNOTATION)
    if text is None:
        return {}
    try:
        return dict(json.loads(text) or {})
    except (TypeError, ValueError) as error:
        raise SyncError(f"can't read the annotation {ANNOTATION}: {error}") from error


def with_last_applied(obj: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any]:
    """A copy of `obj` that remembers `applied`. Annotations that are not all strings count as none."""
    result = copy.deepcopy(obj)
    metadata = result.setdefault("metadata", {})
    metadata["annotations"] = {**_annotations(obj), ANNOTATION: canonical_json(applied)}
    return result


def _annotations(obj: dict[str, Any]) -> dict[str, str]:
    annotations = (obj.get("metadata") or {}).get("annotations")
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        return {}
    return annotations


def apply(observed: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """The object to write; `identical` to `observed` when there is nothing to do."""
    desired = copy.deepcopy(desired)
    annotations = (desired.get("metadata") or {}).get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(ANNOTATION, None)
    merged: dict[str, Any] = merge(observed, last_applied(observed), desired)
    _reset(merged, observed, "status")
    for field in SYSTEM_FIELDS:
        _reset(merged["metadata"], observed["metadata"], field)
    return with_last_applied(merged, desired)


def _reset(merged: dict[str, Any], observed: dict[str, Any], field: str) -> None:
    merged.pop(field, None)
    if field in observed:
        merged[field] = copy.deepcopy(observed[field])
