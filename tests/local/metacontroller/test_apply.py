"""The golden vectors: what the real client-side apply made of 58 inputs, and what it took for a change."""

import json
from pathlib import Path

import pytest

from local.metacontroller.apply import ANNOTATION, apply, canonical_json, identical, merge, wire, with_last_applied
from local.metacontroller.errors import SyncError

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "metacontroller-apply-vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_vector(vector):
    observed, desired = json.loads(vector["observed"]), json.loads(vector["desired"])
    if vector["lastApplied"]:
        observed = with_last_applied(observed, json.loads(vector["lastApplied"]))
    before = canonical_json([observed, desired])
    result = apply(observed, desired)
    assert canonical_json([observed, desired]) == before, "the inputs are left as they are"
    assert (not identical(result, observed)) is vector["changed"]
    del result["metadata"]["annotations"][ANNOTATION]
    assert identical(wire(result), json.loads(vector["result"])), "as it goes over the wire"


def test_all_vectors_are_there():
    assert len(VECTORS) == 58


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, 1.0), (1, True), (0, False), (0.0, False), (None, False), ({"a": None}, {}), ([], None), ([1], [1.0])],
)
def test_equality_compares_json_types(a, b):
    assert not identical(a, b)
    assert identical(a, a)


def test_annotation_is_escaped_as_go_escapes():
    assert canonical_json({"b": "<&>\u2028ä", "a": 3.0}) == '{"a":3,"b":"\\u003c\\u0026\\u003e\\u2028ä"}'


def test_broken_annotation_is_an_error_of_the_sync():
    observed = {"metadata": {"name": "x", "annotations": {ANNOTATION: "{"}}}
    with pytest.raises(SyncError, match="annotation"):
        apply(observed, {"metadata": {"name": "x"}})


def test_desired_scalar_over_a_list_map_leaves_foreign_items():
    assert merge([{"name": "a"}, {"name": "b"}], [{"name": "a"}], 5) == [{"name": "b"}]
