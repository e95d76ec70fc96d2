"""core.schema: what a CRD's schema does to an object, in the API server's words."""

from typing import Any

import pytest

from core import schema as schemas

ROOM = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "size": {"type": "string", "default": "small"}},
}
SPEC = {
    "type": "object",
    "required": ["colour"],
    "properties": {
        "colour": {"type": "string", "enum": ["red", "green"]},
        "bulbs": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 10, "default": 1},
        "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "shade": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 1, "nullable": True},
        "port": {"x-kubernetes-int-or-string": True},
        "since": {"type": "string", "format": "date-time"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"room": ROOM}},
        "deep": {"type": "object", "default": {}, "properties": {"level": {"type": "integer", "default": 3}}},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "properties": {"spec": {"type": "object", "properties": {"x": {"type": "string"}}}},
        },
        "rooms": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": ROOM,
        },
    },
}
SCHEMA = {"type": "object", "properties": {"spec": SPEC}}


def lamp(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "x/v1", "kind": "Lamp", "metadata": {"name": "a"}, "spec": {"colour": "red"} | spec}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"colour": "blue"}, 'spec.colour: Unsupported value: "blue": supported values: "red", "green"'),
        ({"bulbs": "2"}, "spec.bulbs: Invalid value: must be of type integer, not string"),
        (
            {"bulbs": True},
            "spec.bulbs: Invalid value: must be of type integer, not boolean",
        ),
        ({"bulbs": -1}, "spec.bulbs: Invalid value: -1: must be greater than or equal to 0"),
        ({"bulbs": 11}, "spec.bulbs: Invalid value: 11: must be less than or equal to 10"),
        ({"ratio": 0}, "spec.ratio: Invalid value: 0: must be greater than 0"),
        ({"shade": "ABC"}, "spec.shade: Invalid value: \"ABC\": must match '^[a-z]+$'"),
        ({"shade": "abcdef"}, "spec.shade: Too long: may not be more than 5 bytes"),
        ({"rooms": []}, "spec.rooms: Invalid value: []: must not be empty"),
        ({"rooms": [{"name": n} for n in "abcd"]}, "spec.rooms: Too many: 4: must have at most 3 items"),
        ({"rooms": [{"name": "a"}, {}]}, "spec.rooms[1].name: Required value"),
        ({"rooms": [{"name": "a"}, {"name": "a"}]}, 'spec.rooms[1].name: Duplicate value: "a"'),
        (
            {"labels": {"k": 1}},
            "spec.labels.k: Invalid value: must be of type string, not integer",
        ),
        ({"since": "now"}, 'spec.since: Invalid value: "now": must be of type date-time'),
        (
            {"port": 1.5},
            "spec.port: Invalid value: must be of type int-or-string, not number",
        ),
        ({"bulbs": None}, "spec.bulbs: Invalid value: must be of type integer, not null"),
    ],
)
def test_one_wrong_field_gives_one_sentence(spec: dict[str, Any], problem: str) -> None:
    assert schemas.errors(SCHEMA, lamp(**spec)) == [problem]


@pytest.mark.parametrize(
    "spec",
    [
        {"shade": None},
        {"port": 80},
        {"port": "ui"},
        {"ratio": 1},
        {"since": "2026-01-02T03:04:05Z"},
        {"rooms": [{"name": "a"}, {"name": "b"}]},
    ],
)
def test_right_fields_give_no_error(spec: dict[str, Any]) -> None:
    assert schemas.errors(SCHEMA, lamp(**spec)) == []


def test_all_errors_are_told_and_sorted_with_the_given_path_before_them() -> None:
    found = schemas.errors(SPEC, {"bulbs": 11, "rooms": [{}]}, "spec.lamp")
    assert [sentence.partition(": ")[0] for sentence in found] == [
        "spec.lamp.bulbs",
        "spec.lamp.colour",
        "spec.lamp.rooms[0].name",
    ]


def test_unknown_fields_are_pruned_and_named() -> None:
    given = lamp(nope=1, rooms=[{"name": "a", "colr": 1}], free={"any": {"thing": 1}, "room": {"name": "r", "bad": 1}})
    assert schemas.unknown_fields(SCHEMA, given) == ["spec.nope", "spec.rooms[0].colr", "spec.free.room.bad"]
    expected = lamp(rooms=[{"name": "a"}], free={"any": {"thing": 1}, "room": {"name": "r"}})
    assert schemas.prune(SCHEMA, given) == expected
    assert given["spec"]["nope"] == 1, "the argument stays as it is"


def test_an_embedded_resource_keeps_its_identity() -> None:
    template = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {"x": "y", "z": 1}}
    pruned = schemas.prune(SCHEMA, lamp(template=template))
    assert pruned["spec"]["template"] == template | {"spec": {"x": "y"}}


def test_an_object_without_kind_is_pruned_at_its_top_too() -> None:
    assert schemas.prune(SPEC, {"colour": "red", "metadata": {}}) == {"colour": "red"}


def test_defaults_are_filled_in_at_every_depth() -> None:
    got = schemas.apply_defaults(SCHEMA, lamp(rooms=[{"name": "a"}]))
    assert got["spec"] == {
        "colour": "red",
        "bulbs": 1,
        "deep": {"level": 3},
        "rooms": [{"name": "a", "size": "small"}],
    }


def test_a_null_that_is_not_allowed_counts_as_absent() -> None:
    got = schemas.apply_defaults(SCHEMA, lamp(bulbs=None, shade=None, labels=None))
    assert got["spec"] == {"colour": "red", "bulbs": 1, "shade": None, "deep": {"level": 3}}


def with_rule(rule: str, **more: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": SPEC | {"x-kubernetes-validations": [{"rule": rule} | more]}}}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("self.bulbs <= 3", True),
        ("self.bulbs > 3", False),
        ("has(self.shade) && self.shade != ''", False),
        ("!has(self.shade) || self.bulbs > 5", True),
        ("size(self.rooms) == 2", True),
        ("self.colour in ['red']", True),
        ("self.rooms.all(r, r.name != 'b')", False),
        ("self.rooms.exists(r, r.name == 'b')", True),
        ("!self.colour.contains('.')", True),
        ("self.bulbs + size(self.rooms) == 5", False),
        ("self.nothing == 1", False),
        ("self.bulbs > 9 ? false : true", True),  # not read, so it counts as kept
        ("duration(self.colour) == self.bulbs", True),
    ],
)
def test_rules_as_far_as_they_are_read(rule: str, holds: bool) -> None:
    new = lamp(bulbs=2, rooms=[{"name": "a"}, {"name": "b"}])
    assert (schemas.cel_errors(with_rule(rule), None, new) == []) is holds


def test_a_transition_rule_needs_an_old_value() -> None:
    schema = with_rule("self.colour == oldSelf.colour", message="colour stays", fieldPath=".colour")
    assert schemas.cel_errors(schema, None, lamp()) == []
    assert schemas.cel_errors(schema, lamp(), lamp(bulbs=3)) == []
    broken = schemas.cel_errors(schema, lamp(), lamp(colour="green"))
    assert broken == ['spec.colour: Invalid value: "green": colour stays']


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("metadata.name must be short", 'metadata.name: Invalid value: "a": must be short'),
        ("spec.bulbs cannot change", "spec.bulbs: Invalid value: 3: cannot change"),
        ("spec.bulbs and spec.colour must go together", "spec.bulbs and spec.colour must go together"),
    ],
)
def test_a_rule_names_the_field_that_its_message_begins_with(message: str, told: str) -> None:
    schema = {**SCHEMA, "x-kubernetes-validations": [{"rule": "false", "message": message}]}
    assert schemas.cel_errors(schema, None, lamp(bulbs=3)) == [told]


def test_items_of_a_map_list_are_compared_with_their_namesakes() -> None:
    room = ROOM | {"x-kubernetes-validations": [{"rule": "self.size == oldSelf.size", "message": "fixed"}]}
    rooms = SPEC["properties"]["rooms"] | {"items": room}  # type: ignore[index,operator]
    schema = {"type": "object", "properties": {"rooms": rooms}}
    old = {"rooms": [{"name": "a", "size": "s"}, {"name": "b", "size": "m"}]}
    moved = {"rooms": [{"name": "b", "size": "m"}, {"name": "c", "size": "x"}]}
    assert schemas.cel_errors(schema, old, moved) == []
    grown = {"rooms": [{"name": "b", "size": "l"}]}
    assert schemas.cel_errors(schema, old, grown) == ["rooms[0]: Invalid value: fixed"]


def test_a_schema_that_an_api_server_would_refuse_is_named() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"description": "no type"},
            "b": {"type": "array"},
            "c": {"type": "integer", "default": "three"},
            "d": {"x-kubernetes-int-or-string": True},
        },
    }
    fields = [problem.partition(": ")[0] for problem in schemas.structural_errors(schema, "schema")]
    assert fields == ["schema.properties[a].type", "schema.properties[b].items", "schema.properties[c].default"]
    assert schemas.structural_errors(SCHEMA) == []
