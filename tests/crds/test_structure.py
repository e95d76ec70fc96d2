"""Each file is a structural schema, as an API server demands, and keeps this repository's own rules."""

from collections.abc import Iterator
from typing import Any

import pytest

import crds
from core import schema as schemas

SCHEMA_KEYS = {
    "additionalProperties", "default", "description", "enum", "format", "items", "maxItems", "maxLength", "maximum",
    "minLength", "minimum", "nullable", "pattern", "properties", "required", "type", "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}  # fmt: skip
TYPES = {"array", "boolean", "integer", "number", "object", "string"}
FREE = "x-kubernetes-preserve-unknown-fields"
Node = tuple[str, dict[str, Any]]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[Node]:
    """Every schema in schema with its path: `spec.jobs[].name`; additionalProperties are `{}`."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}".lstrip("."))
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from nodes(schema[key], path + mark)


def violations(path: str, node: dict[str, Any]) -> Iterator[str]:
    """The rules of structural schemas, and of lists, that a node breaks."""
    yield from (f"{path}: unknown key {key}" for key in sorted(set(node) - SCHEMA_KEYS))
    if node.get("x-kubernetes-int-or-string"):
        if "type" in node:
            yield f"{path}: type beside int-or-string"
    elif node.get("type") not in TYPES:
        yield f"{path}: type {node.get('type')}"
    if "properties" in node and "additionalProperties" in node:
        yield f"{path}: properties beside additionalProperties"
    if (node.get("type") == "array") != ("items" in node):
        yield f"{path}: items without array, or array without items"
    yield from (f"{path}: required but not a property: {name}" for name in lost(node, node.get("required", [])))
    if node.get("type") == "array":
        yield from list_violations(path, node)


def lost(node: dict[str, Any], names: list[str]) -> list[str]:
    return [name for name in names if name not in node.get("properties", {})]


def list_violations(path: str, node: dict[str, Any]) -> Iterator[str]:
    if node.get("x-kubernetes-list-type") not in ("atomic", "map"):
        yield f"{path}: list type {node.get('x-kubernetes-list-type')}"
    keys = node.get("x-kubernetes-list-map-keys", [])
    if bool(keys) != (node.get("x-kubernetes-list-type") == "map"):
        yield f"{path}: map keys {keys}"
    yield from (
        f"{path}: map key {key} is not required" for key in keys if key not in node["items"].get("required", [])
    )


@pytest.mark.parametrize("kind", crds.KINDS)
def test_schema_is_structural(kind: str) -> None:
    found = [text for path, node in nodes(crds.schema(kind)) for text in violations(path, node)]
    assert found == []
    assert crds.schema(kind)["type"] == "object"
    assert FREE not in crds.schema(kind)


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ({"properties": {}}, "x: type None"),
        ({"type": "text"}, "x: type text"),
        ({"type": "object", "properties": {}, "additionalProperties": {}}, "x: properties beside additionalProperties"),
        ({"type": "array", "x-kubernetes-list-type": "atomic"}, "x: items without array, or array without items"),
        ({"type": "object", "required": ["a"]}, "x: required but not a property: a"),
        ({"type": "string", "descripton": "typo"}, "x: unknown key descripton"),
        ({"type": "array", "items": {}}, "x: list type None"),
        ({"type": "string", "x-kubernetes-int-or-string": True}, "x: type beside int-or-string"),
    ],
)
def test_checker_sees_what_it_looks_for(node: dict[str, Any], complaint: str) -> None:
    assert list(violations("x", node)) == [complaint]


@pytest.mark.parametrize("kind", crds.KINDS)
def test_every_field_has_a_description_that_ends_as_a_sentence(kind: str) -> None:
    fields = [node for node in nodes(crds.schema(kind)) if node[0] and not node[0].endswith(("[]", "{}"))]
    assert [path for path, node in fields if not str(node.get("description", "")).endswith(".")] == []
    assert len(fields) > 60


@pytest.mark.parametrize("kind", crds.KINDS)
def test_descriptions_of_durations_name_the_unit(kind: str) -> None:
    ends = ("Delay", "Timeout", "Interval", "Deadline", "tolerationSeconds")
    durations = [
        (path, node) for path, node in nodes(crds.schema(kind)) if path.endswith(ends) and ".status" not in path
    ]
    assert [path for path, node in durations if "econds" not in node["description"]] == []
    assert durations


@pytest.mark.parametrize("kind", crds.KINDS)
def test_defaults_are_valid_against_their_own_schema(kind: str) -> None:
    defaulted = [(path, node) for path, node in nodes(crds.schema(kind)) if "default" in node]
    assert [schemas.errors(node, node["default"], path) for path, node in defaulted] == [[]] * len(defaulted)
    assert len(defaulted) > 8


@pytest.mark.parametrize("kind", crds.KINDS)
def test_every_integer_says_its_width(kind: str) -> None:
    integers = [(path, node) for path, node in nodes(crds.schema(kind)) if node.get("type") == "integer"]
    assert [path for path, node in integers if node.get("format") not in ("int32", "int64")] == []


@pytest.mark.parametrize("kind", crds.KINDS)
def test_status_keeps_no_unknown_field_but_those_of_a_spec(kind: str) -> None:
    free = [path for path, node in nodes(crds.schema(kind)) if path.startswith("status") and node.get(FREE)]
    assert (
        free
        == {
            "FlinkJob": [f"status.{part}.bootstrap" for part in ("delivery", "update.delivery", "stable")],
            "FlinkCluster": [f"status.stable.{part}" for part in ("runtime", "jobManager", "taskManager")],
            "FlinkDeployment": [],
        }[kind]
    )


@pytest.mark.parametrize("kind", crds.KINDS)
def test_what_a_rule_iterates_is_bounded(kind: str) -> None:
    """The API server refuses a rule whose cost it cannot bound."""
    for _, node in nodes(crds.schema(kind)):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"]
            if "self.spec.jobs.all(" in rule["rule"]:
                jobs = node["properties"]["spec"]["properties"]["jobs"]
                assert jobs["maxItems"] <= 1000
                assert jobs["items"]["properties"]["name"]["maxLength"] <= 63
