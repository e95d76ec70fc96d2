"""Any object that the schemas allow, in any world that can be reached, gets a 200, stable bytes and valid children."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import crds
from core import canonical, schema

from . import schemas
from .reached import FOREIGN_LABELS, Children, declared, misfortunes, report, stored, taken
from .worlds import CLUSTER_SPEC, Post, cluster_body, deployment_body, job_body, resource

POST = Post()

# Without shrinking, which takes minutes for worlds of this size: the fields one by one are below.
few = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
CONTROLLERS = {"deployment": "flink-deployment", "cluster": "flink-cluster", "job": "flink-job"}
KINDS = {"deployment": "FlinkDeployment", "cluster": "FlinkCluster", "job": "FlinkJob"}
Resource = dict[str, Any]


def check(path: str, body: Resource) -> Resource:
    """The answer: a 200 in canonical bytes, twice the same, with children and a status that an API server takes."""
    status, text = POST(path, body)
    assert status == 200, text
    assert POST(path, copy.deepcopy(body)) == (status, text)
    answer: Resource = json.loads(text)
    assert text.decode() == canonical.canonical_json(answer) + "\n"
    noun = path.split("/")[1]
    parent = body["object" if noun == "job" else "parent"]
    children = answer["attachments" if noun == "job" else "children"]
    check_children(declared(CONTROLLERS[noun]), parent, children)
    if noun == "job":
        assert answer["status"] is None
    else:
        whole = {**parent, "status": answer["status"]}
        assert schema.unknown_fields(crds.schema(KINDS[noun]), whole) == []
        assert schema.errors(crds.schema(KINDS[noun]), whole) == []
    return answer


def check_children(kinds: dict[str, str], parent: Resource, children: list[Resource]) -> None:
    identities = [(child["kind"], child["metadata"]["name"]) for child in children]
    assert identities == sorted(set(identities))
    for child in children:
        assert child["kind"] in kinds
        assert child["metadata"]["namespace"] == parent["metadata"]["namespace"]
        assert child == canonical.without_nulls(child)
        assert foreign(child) == []
        if child.keys() == {"apiVersion", "kind", "metadata"}:
            continue  # named only, so that it stays: what was applied to it is not known any more
        if wrong := invalid(child):
            raise AssertionError(f"{child['kind']}: {wrong}")


def invalid(child: Resource) -> Collection[str]:
    if child["kind"] in crds.KINDS:
        return schema.errors(crds.schema(child["kind"]), schema.apply_defaults(crds.schema(child["kind"]), child))
    return schemas.kubernetes_errors(child)


def foreign(child: Resource) -> list[str]:
    """Labels and annotations that were not made for this child, or are no texts."""
    metadata = [child["metadata"], (child.get("spec") or {}).get("template", {}).get("metadata", {})]
    labels = [pair for each in metadata for pair in each.get("labels", {}).items()]
    texts = [value for each in metadata for key in ("labels", "annotations") for value in each.get(key, {}).values()]
    return [key for key, value in labels if FOREIGN_LABELS.get(key) == value] + [t for t in texts if type(t) is not str]


# Worlds.


@st.composite
def jobs(draw: st.DrawFn) -> list[Resource]:
    found = [
        draw(stored("FlinkJob", f"demo-{name}"))
        for name in draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True))
    ]
    for job in found:
        job["metadata"].setdefault("labels", {})["clusterName"] = "demo"
    return found


@few
@given(st.data())
def test_any_cluster(data: st.DataObject) -> None:
    parent, children = data.draw(stored("FlinkCluster", "demo")), Children("flink-cluster")
    for _ in range(data.draw(st.integers(1, 4))):
        finalizing = "deletionTimestamp" in parent["metadata"] and data.draw(st.booleans())
        body = cluster_body(parent, children, data.draw(jobs()), finalizing=finalizing)
        answer = check("/cluster/finalize" if finalizing else "/cluster/sync", body)
        children.take(answer["children"])
        assert children.restless == []
        if data.draw(st.integers(0, 3)):  # else the next sync sees the status of before
            parent = {**parent, "status": answer["status"]}
        for happen in data.draw(st.lists(misfortunes(), max_size=2)):
            happen(children)
        parent = data.draw(changes("FlinkCluster", parent))


@st.composite
def changes(draw: st.DrawFn, kind: str, parent: Resource) -> Resource:
    """Somebody edits the parent, or its supervisor reports; often nobody does."""
    parent = copy.deepcopy(parent)
    if not draw(st.integers(0, 2)):
        parent["spec"] = draw(stored(kind, "demo", with_status=False))["spec"]
        parent["metadata"]["generation"] += 1
    if kind == "FlinkCluster" and draw(st.booleans()):
        said = report(draw, parent)
        parent["metadata"].setdefault("annotations", {})["supervisor.nextbreakpoint.com/report"] = said
    return parent


@few
@given(st.data())
def test_any_deployment(data: st.DataObject) -> None:
    parent, children = data.draw(stored("FlinkDeployment", "demo")), Children("flink-deployment")
    for _ in range(data.draw(st.integers(1, 3))):
        answer = check("/deployment/sync", deployment_body(parent, children))
        children.take(answer["children"])
        assert children.restless == []
        parent = {**parent, "status": answer["status"]}
        for happen in data.draw(st.lists(misfortunes(), max_size=2)):
            happen(children)
        for child in children:
            if data.draw(st.booleans()):
                child["status"] = data.draw(schemas.values(crds.schema(child["kind"])["properties"]["status"]))
        parent = data.draw(changes("FlinkDeployment", parent))


@few
@given(st.data())
def test_any_job(data: st.DataObject) -> None:
    job, attachments = data.draw(stored("FlinkJob", "demo-a")), Children("flink-job")
    for _ in range(data.draw(st.integers(1, 3))):
        around = [data.draw(stored("FlinkCluster", name)) for name in data.draw(st.sampled_from([[], ["demo"]]))]
        finalizing = "deletionTimestamp" in job["metadata"] and data.draw(st.booleans())
        body = job_body(job, attachments, around, finalizing=finalizing)
        answer = check("/job/finalize" if finalizing else "/job/sync", body)
        attachments.take(answer["attachments"])
        job = copy.deepcopy(job)
        job["metadata"].setdefault("labels", {}).update(answer["labels"])
        if data.draw(st.booleans()):
            job["status"] = data.draw(schemas.values(crds.schema("FlinkJob")["properties"]["status"]))


# Every field, one by one.


def each_field(kind: str, part: str) -> Iterator[tuple[str, Resource]]:
    whole = crds.schema(kind)["properties"]
    for path, value in schemas.spots(whole[part], part):
        if value is not None:
            body = value if part == "spec" else schemas.smallest(whole["spec"])
            yield path, {"spec": body, **({"status": value} if part == "status" else {})}


@pytest.mark.parametrize("noun", KINDS)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_alone(noun: str, part: str) -> None:
    bodies = {"deployment": deployment_body, "cluster": cluster_body, "job": job_body}
    for path, fields in each_field(KINDS[noun], part):
        parent = taken({**resource(KINDS[noun], "demo", fields["spec"]), **fields})
        try:
            check(f"/{noun}/sync", bodies[noun](parent))
        except AssertionError as error:
            raise AssertionError(path) from error


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | schemas.TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(schemas.TEXTS, inner, max_size=2),
    max_leaves=6,
)
SPREAD = {"maxSkew": 1, "topologyKey": "x", "whenUnsatisfiable": "x"}


def with_unknown(field: str, value: Any) -> Resource:
    """A jobManager with the value where the CRD keeps what it does not know."""
    unknown = {"name": "x", "x": value}
    return {
        "serviceMode": "ClusterIP",
        **{
            "spec": {"podTemplate": {"spec": unknown}},
            "valueFrom": {"environment": [{"name": "A", "valueFrom": unknown}]},
            "labelSelector": {"topologySpreadConstraints": [{**SPREAD, "labelSelector": unknown}]},
            "affinity": {"affinity": unknown},
            "securityContext": {"securityContext": unknown},
        }.get(field, {field: [unknown]}),
    }


@few
@given(ANYTHING, st.sampled_from(sorted(schemas.AS_IN_A_POD)))
def test_what_only_the_api_server_can_refuse_is_answered(value: Any, field: str) -> None:
    parent = taken(resource("FlinkCluster", "demo", {**CLUSTER_SPEC, "jobManager": with_unknown(field, value)}))
    status, text = POST("/cluster/sync", cluster_body(parent))
    assert status == 200, text
