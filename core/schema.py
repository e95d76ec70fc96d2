"""Structural OpenAPI schemas of CRDs: prune, default, validate, as an API server does on every write.

Whoever takes in a custom resource calls these in the order `prune`, `apply_defaults`, `errors`, `cel_errors`.
All are pure: they return new values and leave their arguments alone.
Source of the rules: the Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions".
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jsonschema import Draft4Validator, ValidationError, validators

from core import cel
from core.wording import join, sentences, shown

Schema = Mapping[str, Any]
RESOURCE_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


# --- prune and default


def prune(schema: Schema, value: Any) -> Any:
    """Return value without the fields that schema does not know.

    A top-level value with apiVersion and kind keeps these and its metadata, whether the schema lists them or not.
    """
    return _prune(schema, value, _is_resource(value))


def unknown_fields(schema: Schema, value: Any) -> list[str]:
    """Return the paths (`spec.jobs[0].nmae`) of the fields that `prune` would drop."""
    return list(_unknown(schema, value, "", _is_resource(value)))


def apply_defaults(schema: Schema, value: Any) -> Any:
    """Return value with the schema's defaults; a null that is not allowed counts as absent."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        kept = {k: v for k, v in value.items() if v is not None or _may_be_null(_child(schema, k))}
        absent = {k: s["default"] for k, s in properties.items() if "default" in s and k not in kept}
        return {k: apply_defaults(_child(schema, k) or {}, v) for k, v in (kept | absent).items()}
    if isinstance(value, list):
        return [apply_defaults(schema.get("items", {}), item) for item in value]
    return value


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and "kind" in value


def _child(schema: Schema, key: str) -> Schema | None:
    """The schema of an object's field, {} where anything goes, None for an unknown field."""
    if key in schema.get("properties", {}):
        found: Schema = schema["properties"][key]
        return found
    rest = schema.get("additionalProperties")
    if isinstance(rest, Mapping):
        return rest
    return {} if rest is True or schema.get("x-kubernetes-preserve-unknown-fields") else None


def _may_be_null(schema: Schema | None) -> bool:
    return not schema or bool(schema.get("nullable"))


def _opaque(schema: Schema) -> bool:
    """Says nothing about what is inside, which only happens below a preserved field."""
    return not schema


def _prune(schema: Schema, value: Any, resource: bool) -> Any:
    if _opaque(schema):
        return value
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_prune(items, item, bool(items.get("x-kubernetes-embedded-resource"))) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        child = _child(schema, key)
        if resource and key in RESOURCE_FIELDS:
            out[key] = item
        elif child is not None:
            out[key] = _prune(child, item, bool(child.get("x-kubernetes-embedded-resource")))
    return out


def _unknown(schema: Schema, value: Any, path: str, resource: bool) -> Iterator[str]:
    if _opaque(schema):
        return
    if isinstance(value, list):
        items = schema.get("items", {})
        for index, item in enumerate(value):
            yield from _unknown(items, item, f"{path}[{index}]", bool(items.get("x-kubernetes-embedded-resource")))
    elif isinstance(value, dict):
        for key, item in value.items():
            child = _child(schema, key)
            if resource and key in RESOURCE_FIELDS:
                continue
            here = join(path, key)
            if child is None:
                yield here
            else:
                yield from _unknown(child, item, here, bool(child.get("x-kubernetes-embedded-resource")))


# --- validate


def errors(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Return what is wrong with value as `<field path>: <sentence>`, sorted, [] if nothing is.

    path is put before every field path, for values that are a part of an object.
    """
    found = (sentence for error in _Validator(schema).iter_errors(value) for sentence in sentences(error, path))
    return sorted(dict.fromkeys(found))


def _type(validator: Any, wanted: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if instance is None and schema.get("nullable"):
        return
    if not validator.is_type(instance, wanted):
        yield ValidationError(f"must be of type {wanted}")


def _enum(validator: Any, allowed: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if not (instance is None and schema.get("nullable")) and instance not in allowed:
        yield ValidationError("not one of the values")


def _int_or_string(validator: Any, on: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    null = instance is None and schema.get("nullable")
    if on and not null and (isinstance(instance, bool) or not isinstance(instance, int | str)):
        yield ValidationError("must be of type int-or-string")


def _format(validator: Any, name: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if not _has_format(name, instance):
        yield ValidationError(f"must be of type {name}")


def _has_format(name: str, value: Any) -> bool:
    limit = {"int32": 2**31, "int64": 2**63}.get(name)
    if limit and type(value) is int:
        return -limit <= value < limit
    if name == "date-time" and isinstance(value, str):
        try:
            return datetime.fromisoformat(value).tzinfo is not None and "T" in value.upper()
        except ValueError:
            return False
    return True


def _list_type(validator: Any, kind: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if kind not in ("map", "set") or not isinstance(instance, list):
        return
    seen: list[Any] = []
    for index, item in enumerate(instance):
        identity = _identity(schema, item)
        if identity in seen:
            yield ValidationError("duplicate", path=[index], instance=identity, validator="duplicate")
        seen.append(identity)


def _identity(schema: Schema, item: Any) -> Any:
    keys = schema.get("x-kubernetes-list-map-keys")
    return {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft4Validator,
    {
        "type": _type,
        "enum": _enum,
        "format": _format,
        "x-kubernetes-int-or-string": _int_or_string,
        "x-kubernetes-list-type": _list_type,
    },
)

# --- x-kubernetes-validations


def cel_errors(schema: Schema, old: Any, new: Any, path: str = "") -> list[str]:
    """Return the rules of x-kubernetes-validations that new breaks, as far as `core.cel` reads them.

    Rules about oldSelf are left out where there is no old value: on creation, or for a new field or list item.
    """
    found = []
    for rule in schema.get("x-kubernetes-validations", []):
        text = rule["rule"]
        if "oldSelf" in text and old is None:
            continue
        problem = cel.broken(text, {"self": new, "oldSelf": old})
        if problem:
            found.append(_broken(rule, path, new, rule.get("message") or problem))
    for key, (child, before, after) in _inside(schema, old, new).items():
        found += cel_errors(child, before, after, join(path, key))
    return found


_ABOUT_ONE_FIELD = re.compile(r"([\w.]+) ((?:must|may|cannot) .*)", re.DOTALL)


def _broken(rule: Schema, path: str, value: Any, message: str) -> str:
    """The field is that of the rule, else the one that its message begins with."""
    about = _ABOUT_ONE_FIELD.fullmatch(message)
    if "fieldPath" in rule:
        steps, sentence = rule["fieldPath"].lstrip(".").split("."), message
    elif about:
        steps, sentence = about[1].split("."), about[2]
    else:
        steps, sentence = [], message
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    field, of = join(path, *steps), "" if isinstance(value, dict | list) else f"{shown(value)}: "
    return f"{field}: Invalid value: {of}{sentence}" if field else sentence


def _inside(schema: Schema, old: Any, new: Any) -> dict[str | int, tuple[Schema, Any, Any]]:
    """The parts of new with their schemas and their former values; lists correlate only by their map keys."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        return {k: (_child(schema, k) or {}, before.get(k), v) for k, v in new.items()}
    if isinstance(new, list):
        keyed = schema.get("x-kubernetes-list-type") == "map" and isinstance(old, list)
        former = {json.dumps(_identity(schema, v)): v for v in old} if keyed else {}
        items = schema.get("items", {})
        return {i: (items, former.get(json.dumps(_identity(schema, v))), v) for i, v in enumerate(new)}
    return {}


# --- the schema itself


def structural_errors(schema: Schema, path: str = "") -> list[str]:
    """Return why an API server would refuse schema in a CRD: types and items left out, defaults that do not fit."""
    found = []
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not free:
        found.append(f"{join(path, 'type')}: Required value: must not be empty for specified object fields")
    if schema.get("type") == "array" and "items" not in schema:
        found.append(f"{join(path, 'items')}: Required value: must be specified")
    if "properties" in schema and "additionalProperties" in schema:
        found.append(f"{join(path, 'additionalProperties')}: Forbidden: must not be used together with properties")
    if "default" in schema:
        found += errors(schema, apply_defaults(schema, schema["default"]), join(path, "default"))
    for name, child in schema.get("properties", {}).items():
        found += structural_errors(child, join(path, f"properties[{name}]"))
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), Mapping):
            found += structural_errors(schema[name], join(path, name))
    return found
