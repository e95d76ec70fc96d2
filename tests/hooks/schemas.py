"""Values from schemas: the CRDs' own, and Kubernetes' where a CRD only says "as in a pod". No field is written by hand.

`values(schema)` is a hypothesis strategy. `spots(schema)` is finite: the smallest value with one more field each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import crds

Schema = Mapping[str, Any]
VERSION = "1.37.0"
CORE = "io.k8s.api.core.v1"
# What a field is that keeps unknown fields, by the names of the field and of what holds it.
AS_IN_A_POD = {
    "affinity": f"{CORE}.Affinity",
    "initContainers": f"{CORE}.Container",
    "labelSelector": "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
    "securityContext": f"{CORE}.SecurityContext",
    "sideContainers": f"{CORE}.Container",
    "spec": f"{CORE}.PodSpec",
    "valueFrom": f"{CORE}.EnvVarSource",
    "volumes": f"{CORE}.Volume",
}
# A part of a spec, as a status keeps it.
COPIED = {"bootstrap": "FlinkJob"} | dict.fromkeys(("runtime", "jobManager", "taskManager"), "FlinkCluster")
KINDS = {
    "Pod": f"{CORE}.Pod",
    "Service": f"{CORE}.Service",
    "ServiceAccount": f"{CORE}.ServiceAccount",
    "Deployment": "io.k8s.api.apps.v1.Deployment",
    "RoleBinding": "io.k8s.api.rbac.v1.RoleBinding",
    "Job": "io.k8s.api.batch.v1.Job",
}
# Mostly such as a user writes, so that most children are made, and some that need quoting wherever they go.
TEXTS = st.sampled_from(["x", "demo", "a-b", "b.c/d", "/x/y", "1", "true", "", "-", "ä €\U0001f600", 'a: "b"\n\0'])
TIMES = st.sampled_from(["2020-01-01T00:00:00Z", "2026-01-01T12:00:00Z", "2999-01-01T00:00:00Z"])
QUANTITIES = st.integers(0, 9) | st.sampled_from(["0.5", "1000m", "1Gi", "1024Mi"])


@cache
def kubernetes() -> dict[str, Any]:
    """The OpenAPI definitions of Kubernetes, without unknown fields; `$ref`s are into this document."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
    document: dict[str, Any] = json.loads((folder / "_definitions.json").read_text("utf-8"))
    return document


@cache
def _validator(definition: str) -> Draft202012Validator:
    return Draft202012Validator({**kubernetes(), "$ref": f"#/$defs/{definition}"})


def kubernetes_errors(child: Mapping[str, Any]) -> tuple[str, ...]:
    """What Kubernetes' own types do not take, () for nothing."""
    return _kubernetes_errors(KINDS[child["kind"]], json.dumps(child))


@cache
def _kubernetes_errors(definition: str, child: str) -> tuple[str, ...]:
    found = _validator(definition).iter_errors(json.loads(child))
    return tuple(f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found)


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubernetes()["$defs"][name]
    return found


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remembered by the schema itself, which is a part of a document that stays."""
    known: dict[tuple[int, str], tuple[Any, Any]] = {}

    def remembered(schema: Schema, field: str = "") -> Any:
        key = id(schema), field
        if key not in known:
            known[key] = schema, function(schema, field)
        return known[key][1]

    return remembered


@_once
def resolved(schema: Schema, field: str = "") -> Schema:
    """The schema itself, or the one that a reference or a field that keeps everything stands for."""
    if "$ref" in schema:
        return definition(schema["$ref"].rpartition("/")[2])
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        return schema
    if field in COPIED:
        copied: Schema = crds.schema(COPIED[field])["properties"]["spec"]["properties"][field]
        return copied
    known = definition(AS_IN_A_POD[field])
    # What the CRD says itself is what an API server checks: a template's spec needs no containers.
    return {**schema, "properties": {**known["properties"], **schema.get("properties", {})}}


def kind_of(schema: Schema) -> str:
    kind = schema.get("type", "object")
    return str(next(item for item in kind if item != "null") if isinstance(kind, list) else kind)


def nullable(schema: Schema) -> bool:
    return bool(schema.get("nullable")) or "null" in schema.get("type", ())


def _quantity(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-int-or-string")) or "oneOf" in schema


@_once
def values(schema: Schema, field: str = "") -> st.SearchStrategy[Any]:
    """Every value that the schema takes, small ones first; of an object's optional fields a few at a time."""
    schema = resolved(schema, field)
    found = _enum(schema) if "enum" in schema else QUANTITIES if _quantity(schema) else _typed(schema, field)
    return found | st.none() if nullable(schema) else found


def _enum(schema: Schema) -> st.SearchStrategy[Any]:
    return st.sampled_from([item for item in schema["enum"] if item is not None])


def _typed(schema: Schema, field: str) -> st.SearchStrategy[Any]:
    match kind_of(schema):
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            low = schema.get("minimum", -(2**31))
            high = schema.get("maximum", 2**31 - 1)
            return st.sampled_from([number for number in (1, 2, 0, 5, -(2**31), 2**31 - 1) if low <= number <= high])
        case "string":
            return _text(schema)
        case "array":
            return _list(schema, field)
    return _object(schema)


def _text(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return TIMES
    if "pattern" in schema:
        return st.sampled_from(_matching(schema))
    return TEXTS.filter(bool) if schema.get("minLength") else TEXTS


def _matching(schema: Schema) -> list[str]:
    """A name and a cron expression are all that our patterns ask for."""
    known = ["x", "demo", "a-0", "0" * schema.get("maxLength", 40), "*/5 * * * *", "30 3 1,15 * MON"]
    return [text for text in known if re.search(schema["pattern"], text)]


def _list(schema: Schema, field: str) -> st.SearchStrategy[list[Any]]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", [])

    def identity(item: Any) -> str:
        return json.dumps([item.get(key) for key in keys] if kind == "map" else item)

    unique = {"unique_by": identity} if kind in ("map", "set") else {}
    low = schema.get("minItems", 0)
    return st.lists(_present(schema["items"], field), min_size=low, max_size=max(low, 2), **unique)  # type: ignore[arg-type]


def _object(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = schema.get("required", [])
    optional = sorted(set(properties) - set(required))
    rest = schema.get("additionalProperties")

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else []
        found = {name: draw(_required(properties[name], name)) for name in required}
        found |= {name: draw(values(properties[name], name)) for name in chosen}
        if isinstance(rest, Mapping):
            found |= draw(st.dictionaries(TEXTS, _present(rest, ""), max_size=2))
        return found

    return build()


def _required(schema: Schema, field: str) -> st.SearchStrategy[Any]:
    """Null only where a CRD says so itself."""
    return values(schema, field) if schema.get("nullable") else _present(schema, field)


def _present(schema: Schema, field: str) -> st.SearchStrategy[Any]:
    """Without null: an API server takes none inside lists and maps."""
    return values(schema, field).filter(lambda item: item is not None)


def smallest(schema: Schema) -> Any:
    """A value with nothing but what is required."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if _quantity(schema):
        return "1"
    match kind_of(schema):
        case "boolean":
            return True
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "string":
            if "pattern" in schema:
                return _matching(schema)[0]
            return "2026-01-01T00:00:00Z" if schema.get("format") == "date-time" else "x"
        case "array":
            return [smallest(schema["items"])]
    return {name: smallest(schema["properties"][name]) for name in schema.get("required", [])}


def spots(schema: Schema, path: str) -> Iterator[tuple[str, Any]]:
    """Each field of a CRD's schema once, in the smallest value that has it, by its path."""
    yield from ((path, value) for value in _worth_trying(schema))
    if kind_of(schema) == "array":
        yield from ((where, [item]) for where, item in spots(schema["items"], f"{path}[]"))
    base = smallest(schema)
    for name, child in schema.get("properties", {}).items():
        yield from ((where, {**base, name: value}) for where, value in spots(child, f"{path}.{name}"))
    if isinstance(rest := schema.get("additionalProperties"), Mapping):
        yield f"{path}{{}}", {"a": smallest(rest)}


def _worth_trying(schema: Schema) -> list[Any]:
    """In one place: a plain value, an empty one, and null where it may be."""
    if "enum" in schema:
        return list(schema["enum"])
    empty: dict[str, Any] = {"array": [], "string": ""}
    strict = not {"minLength", "minItems", "pattern", "format"}.isdisjoint(schema) or _quantity(schema)
    found = [smallest(schema), *([] if strict else [empty.get(kind_of(schema))]), *([None] if nullable(schema) else [])]
    return [value for value in found if value is not None or nullable(schema)]
