"""The patch formats: JSON merge (RFC 7386), JSON patch (RFC 6902), strategic merge, and server-side apply's merge.

Pure: the patched value shares parts with the arguments, which stay as they are.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from .errors import Refusal, bad_request

# How lists of built-in kinds merge: by the first of these fields that an item has. All other lists are replaced.
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "port"),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
}
SETS = frozenset({"finalizers"})


def merge(value: Any, patch: Any) -> Any:
    """Return value after a JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    out = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), change)
    return out


# --- JSON patch


def json_patch(value: Any, operations: Any) -> Any:
    """Return value after a JSON patch; 422 if an operation does not fit, as the API server answers."""
    if not isinstance(operations, list):
        raise bad_request("cannot unmarshal object into Go value of type jsonpatch.Patch")
    box = {"": deepcopy(value)}
    for operation in operations:
        try:
            _operate(box, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            why = f"the server rejected our request due to an error in our request: {operation}: {error}"
            raise Refusal(422, "Invalid", why) from error
    return box[""]


def _operate(box: dict[str, Any], operation: dict[str, Any]) -> None:
    name, path = operation["op"], _steps(operation["path"])
    match name:
        case "add":
            _put(box, path, operation["value"], insert=True)
        case "replace":
            _get(box, path)
            _put(box, path, operation["value"], insert=False)
        case "remove":
            _take(box, path)
        case "copy":
            _put(box, path, deepcopy(_get(box, _steps(operation["from"]))), insert=True)
        case "move":
            _put(box, path, _take(box, _steps(operation["from"])), insert=True)
        case "test":
            if path_value(box, path) != operation["value"]:
                raise ValueError(f"testing value {operation['path']} failed")
        case _:
            raise ValueError(f"unexpected kind: {name}")


def _steps(pointer: str) -> list[str]:
    """The steps below the box that holds the document under the key ""."""
    if pointer and not pointer.startswith("/"):
        raise ValueError("a pointer starts with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]


def _index(items: list[Any], step: str, *, end: bool = False) -> int:
    index = len(items) if step == "-" and end else int(step)
    if not 0 <= index < len(items) + end:
        raise IndexError(f"no index {step}")
    return index


def _get(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        value = value[_index(value, step)] if isinstance(value, list) else value[step]
    return value


def path_value(value: Any, steps: Sequence[str]) -> Any:
    """Return what a test sees: an absent last step counts as null."""
    parent = _get(value, steps[:-1])
    return parent.get(steps[-1]) if isinstance(parent, dict) else _get(parent, steps[-1:])


def _put(box: Any, steps: Sequence[str], new: Any, *, insert: bool) -> None:
    parent = _get(box, steps[:-1])
    if not isinstance(parent, list):
        parent[steps[-1]] = new
    elif insert:
        parent.insert(_index(parent, steps[-1], end=True), new)
    else:
        parent[_index(parent, steps[-1])] = new


def _take(box: Any, steps: Sequence[str]) -> Any:
    parent = _get(box, steps[:-1])
    return parent.pop(_index(parent, steps[-1]) if isinstance(parent, list) else steps[-1])


# --- strategic merge


def strategic(value: Any, patch: Any) -> Any:
    """Return value after a strategic merge patch, with the directives that kubectl writes."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    out = dict(value) if isinstance(value, dict) else {}
    if "$retainKeys" in patch:
        out = {k: v for k, v in out.items() if k in patch["$retainKeys"]}
    for key, change in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            out[name] = [v for v in out.get(name, []) if v not in change]
    for key, change in patch.items():
        if key.startswith("$"):
            continue
        if change is None:
            out.pop(key, None)
        elif isinstance(change, list):
            merged = _strategic_list(key, out.get(key) or [], change)
            out[key] = _ordered(key, merged, patch.get(f"$setElementOrder/{key}", []))
        else:
            out[key] = strategic(out.get(key), change)
    return out


def _identity(name: str, item: Any) -> Any:
    """What makes an item the same one in two lists: (field, value), or the plain value of a set; None: no identity."""
    if name in SETS:
        return item
    fields = MERGE_KEYS.get(name, ()) if isinstance(item, dict) else ()
    return next(((field, item[field]) for field in fields if field in item), None)


def _strategic_list(name: str, old: list[Any], change: list[Any]) -> list[Any]:
    if any(isinstance(item, dict) and item == {"$patch": "replace"} for item in change):
        return [item for item in change if item != {"$patch": "replace"}]
    if name not in MERGE_KEYS and name not in SETS:
        return change
    out = list(old)
    for item in change:
        identity = _identity(name, item)
        place = next((i for i, had in enumerate(out) if _identity(name, had) == identity), None)
        if isinstance(item, dict) and item.get("$patch") == "delete":
            out = [had for had in out if _identity(name, had) != identity]
        elif place is None:
            out.append(strategic(None, item))
        else:
            out[place] = strategic(out[place], item)
    return out


def _ordered(name: str, items: list[Any], order: list[Any]) -> list[Any]:
    """The items in the order that the patch asks for; those it does not name keep their places at the end."""
    wanted = [_identity(name, item) for item in order]
    rank = {identity: place for place, identity in enumerate(wanted) if identity is not None}
    return sorted(items, key=lambda item: rank.get(_identity(name, item), len(rank)))


# --- server-side apply


def applied(live: Any, last: Any, new: Any, *, keyed: bool, name: str = "") -> Any:
    """Return live after new is applied by a manager that applied last before: what it no longer says goes.

    keyed: lists merge by MERGE_KEYS (built-in kinds); else only those of metadata do. Conflicts are not looked for.
    """
    if isinstance(new, dict) and isinstance(live, dict):
        return _applied_map(live, last if isinstance(last, dict) else {}, new, keyed)
    merges = name in SETS or (name in MERGE_KEYS and (keyed or name == "ownerReferences"))
    if isinstance(new, list) and isinstance(live, list) and merges:
        return _applied_list(live, last if isinstance(last, list) else [], new, keyed, name)
    return new


def _applied_map(live: dict[str, Any], last: dict[str, Any], new: dict[str, Any], keyed: bool) -> dict[str, Any]:
    out = {}
    for key in live | new:
        if key in new:
            out[key] = applied(live.get(key), last.get(key), new[key], keyed=keyed, name=key)
        elif key not in last:
            out[key] = live[key]
        elif isinstance(live[key], dict) and (rest := _applied_map(live[key], last[key] or {}, {}, keyed)):
            out[key] = rest
    return out


def _applied_list(live: list[Any], last: list[Any], new: list[Any], keyed: bool, name: str) -> list[Any]:
    before = {_identity(name, item): item for item in last}
    wanted = {_identity(name, item): item for item in new}
    out = []
    for item in live:
        identity = _identity(name, item)
        if identity in wanted:
            out.append(applied(item, before.get(identity), wanted.pop(identity), keyed=keyed))
        elif identity not in before:
            out.append(item)
    return out + list(wanted.values())
