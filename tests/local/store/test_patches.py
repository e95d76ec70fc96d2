"""The patch formats as pure functions."""

from typing import Any

import pytest

from local.store.errors import Refusal
from local.store.patches import applied, json_patch, merge, strategic


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [  # the examples of RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(value: Any, patch: Any, result: Any) -> None:
    assert merge(value, patch) == result


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path} | more


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([op("add", "/a/b", value=1)], {"a": {"l": [1, 2], "b": 1}, "x/y~z": 0}),
        ([op("add", "/a/l/1", value=9)], {"a": {"l": [1, 9, 2]}, "x/y~z": 0}),
        ([op("add", "/a/l/-", value=9)], {"a": {"l": [1, 2, 9]}, "x/y~z": 0}),
        ([op("remove", "/a/l/0")], {"a": {"l": [2]}, "x/y~z": 0}),
        ([op("replace", "/a/l/0", value=7)], {"a": {"l": [7, 2]}, "x/y~z": 0}),
        ([op("replace", "/x~1y~0z", value=7)], {"a": {"l": [1, 2]}, "x/y~z": 7}),
        ([op("move", "/b", **{"from": "/a/l"})], {"a": {}, "b": [1, 2], "x/y~z": 0}),
        ([op("copy", "/b", **{"from": "/a/l"})], {"a": {"l": [1, 2]}, "b": [1, 2], "x/y~z": 0}),
        ([op("test", "/a/l", value=[1, 2]), op("test", "/none", value=None)], {"a": {"l": [1, 2]}, "x/y~z": 0}),
        ([op("add", "", value={"n": 1})], {"n": 1}),
    ],
)
def test_json_patch(operations: Any, result: Any) -> None:
    value = {"a": {"l": [1, 2]}, "x/y~z": 0}
    assert json_patch(value, operations) == result
    assert value == {"a": {"l": [1, 2]}, "x/y~z": 0}


@pytest.mark.parametrize(
    "operation",
    [
        op("remove", "/none"),
        op("replace", "/none", value=1),
        op("add", "/none/deeper", value=1),
        op("add", "/l/5", value=1),
        op("test", "/l/0", value=2),
        op("jump", "/l"),
        op("add", "l", value=1),
        {"path": "/l"},
    ],
)
def test_json_patches_that_do_not_fit(operation: Any) -> None:
    with pytest.raises(Refusal) as caught:
        json_patch({"l": [1]}, [operation])
    assert caught.value.code == 422


CONTAINERS = [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}]


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ([{"name": "b", "image": "3"}], [CONTAINERS[0], {"name": "b", "image": "3"}]),
        ([{"name": "c", "image": "3"}], [*CONTAINERS, {"name": "c", "image": "3"}]),
        ([{"name": "a", "$patch": "delete"}], [CONTAINERS[1]]),
        ([{"name": "a", "args": ["y"]}], [CONTAINERS[0] | {"args": ["y"]}, CONTAINERS[1]]),
        ([{"$patch": "replace"}, {"name": "z"}], [{"name": "z"}]),
    ],
)
def test_strategic_lists_merge_by_their_key(patch: Any, result: Any) -> None:
    assert strategic({"containers": CONTAINERS}, {"containers": patch}) == {"containers": result}


def test_strategic_directives_of_kubectl() -> None:
    ordered = {
        "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
        "containers": [{"name": "a", "image": "9"}],
    }
    assert [c["name"] for c in strategic({"containers": CONTAINERS}, ordered)["containers"]] == ["b", "a"]
    fewer = {"$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"]}
    assert strategic({"finalizers": ["x", "y"]}, fewer) == {"finalizers": ["y", "z"]}
    retained = {"$retainKeys": ["type"], "type": "Recreate"}
    assert strategic({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}, retained) == {"type": "Recreate"}
    assert strategic({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}) == {
        "tolerations": [{"key": "b"}]
    }
    assert strategic({"ports": [{"port": 1, "name": "a"}]}, {"ports": [{"port": 2}]})["ports"] == [
        {"port": 1, "name": "a"},
        {"port": 2},
    ]
    assert strategic({"a": {"b": 1}}, {"a": None, "c": {"$patch": "replace", "d": 1}}) == {"c": {"d": 1}}


def test_apply_takes_back_only_what_the_manager_gave() -> None:
    live = {"m": {"mine": 1, "theirs": 2}, "containers": CONTAINERS, "gone": {"x": 1}}
    last = {"m": {"mine": 1}, "containers": [{"name": "a", "args": ["x"]}], "gone": {"x": 1}}
    new = {"m": {}, "containers": [{"name": "c"}]}
    assert applied(live, last, new, keyed=True) == {"m": {"theirs": 2}, "containers": [CONTAINERS[1], {"name": "c"}]}
    assert applied(live, last, new, keyed=False)["containers"] == [{"name": "c"}]
