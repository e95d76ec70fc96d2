"""What is wrong with a field, in words: `<field path>: <kind of error>: <what would be right>`. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import ValidationError


def join(path: str, *steps: str | int) -> str:
    """Return the field path below path: a number becomes an index, a word a field."""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def type_name(value: Any) -> str:
    """Return the JSON type of value: null, boolean, integer, number, string, array or object."""
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


# What must be, with an open limit in the second place.
_LIMITS = {
    "minimum": ("be greater than or equal to {0}", "be greater than {0}"),
    "maximum": ("be less than or equal to {0}", "be less than {0}"),
    "multipleOf": ("be a multiple of {0}",) * 2,
    "pattern": ("match '{0}'",) * 2,
    "minLength": ("have at least {0} characters",) * 2,
    "minItems": ("have at least {0} items",) * 2,
    "minProperties": ("have at least {0} properties",) * 2,
}
_COMBINATIONS = {
    "oneOf": "must validate one and only one schema (oneOf)",
    "anyOf": "must validate at least one schema (anyOf)",
    "not": "must not validate the schema (not)",
}


def sentences(error: ValidationError, root: str) -> Iterable[str]:
    """One error of jsonschema: the field, the kind of error in the API server's words, and what would be right."""
    path = join(root, *error.absolute_path)
    value: Any = error.instance
    limit: Any = error.validator_value
    keyword = str(error.validator)
    if keyword == "required":
        return [f"{join(path, name)}: Required value" for name in limit if name not in value]
    if keyword == "duplicate" and isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path = join(path, key)
    return [f"{path or 'the object'}: {_complaint(keyword, value, limit, error)}"]


def _complaint(keyword: str, value: Any, limit: Any, error: ValidationError) -> str:
    told = shown(value)
    match keyword:
        case "enum":
            return f"Unsupported value: {told}: supported values: {', '.join(json.dumps(v) for v in limit)}"
        case "duplicate":
            return f"Duplicate value: {told}"
        case "maxItems" | "maxProperties":
            return f"Too many: {len(value)}: must have at most {limit} items"
        case "maxLength":
            return f"Too long: may not be more than {limit} bytes"
        case "type" | "x-kubernetes-int-or-string":
            # NB: without the value, which in a map of texts may be a password.
            return f"Invalid value: {error.message}, not {type_name(value)}"
        case "minItems" | "minProperties" | "minLength" if limit == 1:
            return f"Invalid value: {told}: must not be empty"
        case "oneOf" | "anyOf" | "not":
            return f"Invalid value: {type_name(value)}: {_COMBINATIONS[keyword]}"
    if keyword not in _LIMITS:
        return f"Invalid value: {told}: {error.message}"
    closed, opened = _LIMITS[keyword]
    exclusive = isinstance(error.schema, Mapping) and error.schema.get(f"exclusive{keyword.capitalize()}")
    return f"Invalid value: {told}: must {(opened if exclusive else closed).format(limit)}"


def shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
