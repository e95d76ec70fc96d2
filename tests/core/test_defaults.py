"""The defaults of the views are the CRDs': a view of an empty spec is the view of what an API server stores for it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

import crds
from core import cluster, job, schema

CLUSTER = {"runtime": {}, "jobManager": {}, "taskManager": {"taskSlots": None}, "supervisor": {}}
JOB = {"bootstrap": {}, "savepoint": {}, "restart": {}}


def defaulted(kind, spec):
    return schema.apply_defaults(crds.schema(kind)["properties"]["spec"], spec)


def without(view, *fields):
    """Fields that keep a part of the spec as it was written."""
    return {key: value for key, value in asdict(view).items() if key not in fields}


@pytest.mark.defect(6)
@pytest.mark.parametrize("spec", [None, {}, CLUSTER])
def test_cluster(spec):
    bare = cluster.read({"metadata": {"name": "demo"}, "spec": spec})
    stored = cluster.read({"metadata": {"name": "demo"}, "spec": defaulted("FlinkCluster", CLUSTER)})
    as_written = ("runtime", "job_manager", "task_manager")
    assert without(bare, *as_written) == without(stored, *as_written)
    assert cluster.revision(bare) == cluster.revision(stored)


@pytest.mark.defect(6)
@pytest.mark.parametrize("spec", [None, {}, JOB])
def test_job(spec):
    bare = job.read({"metadata": {"name": "demo-a"}, "spec": spec})
    stored = job.read({"metadata": {"name": "demo-a"}, "spec": defaulted("FlinkJob", JOB)})
    as_written = ("bootstrap_spec", "savepoint_digest", "restart_digest")
    assert without(bare, *as_written) == without(stored, *as_written)


@pytest.mark.parametrize("part", ["savepoint", "restart"])
def test_spelled_out_defaults_of_a_job_change_no_digest(part):
    bare = job.read({"metadata": {"name": "demo-a"}, "spec": JOB})
    stored = job.read({"metadata": {"name": "demo-a"}, "spec": defaulted("FlinkJob", JOB)})
    assert getattr(bare, part) == getattr(stored, part)


def numbers(properties):
    return {name: item["default"] for name, item in properties.items() if isinstance(item.get("default"), int)}


def test_every_default_of_the_cluster_is_read():
    """A default that the CRD has and the view forgets would show up here."""
    spec = crds.schema("FlinkCluster")["properties"]["spec"]["properties"]
    view = asdict(cluster.read({"metadata": {"name": "demo"}, "spec": {}}))
    found = {key: view[_snake(key)] for key in numbers(spec)}
    assert found == numbers(spec)
    supervisor = numbers(spec["supervisor"]["properties"])
    assert {key: view["supervisor"][_snake(key)] for key in supervisor} == supervisor


def _snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
