"""The Toolbox's paths: what each writes, what it answers, and how it says no."""

from __future__ import annotations

from typing import Any

import pytest

from cli.rest.app import create_app
from clients.kube import Connection, resources
from tests.cli.conftest import CLUSTER_SPEC, JOB_SPEC, World

from .conftest import TOKEN, Ask, Told

DONE = Told(200, "OK", None, "")
PREFIX = "operator.nextbreakpoint.com/"
KINDS = [
    ("/deployments/d", resources.FLINK_DEPLOYMENTS, "d", {"cluster": CLUSTER_SPEC}),
    ("/clusters/c", resources.FLINK_CLUSTERS, "c", CLUSTER_SPEC),
    ("/clusters/c/jobs/j", resources.FLINK_JOBS, "c-j", JOB_SPEC),
]


@pytest.mark.parametrize(("path", "resource", "name", "spec"), KINDS)
def test_objects_are_made_told_changed_and_deleted(
    ask: Ask, world: World, path: str, resource: resources.Resource, name: str, spec: Any
) -> None:
    if resource is resources.FLINK_JOBS:
        world.cluster("c")
    assert ask("POST", path, spec) == DONE
    assert world.get(resource, name)["spec"].items() >= {}.items()
    assert ask("GET", path.rpartition("/")[0]).output == [path.rpartition("/")[2]]
    assert ask("GET", f"{path}/status") == Told(200, "OK", {}, "")
    assert ask("POST", path, spec).code == 409
    assert ask("PUT", path, {}) == DONE
    assert ask("DELETE", path) == DONE
    assert ask("GET", f"{path}/status").code == 404


def test_an_update_merges(ask: Ask, world: World) -> None:
    world.job("c-j")
    assert ask("PUT", "/clusters/c/jobs/j", {"jobParallelism": 3}) == DONE
    spec = world.get(resources.FLINK_JOBS, "c-j")["spec"]
    assert (spec["jobParallelism"], spec["bootstrap"]["className"]) == (3, "Main")


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("PUT", "/start", {"withoutSavepoint": True}, ("START", "true", "false")),
        ("PUT", "/start", None, ("START", "false", "false")),
        ("PUT", "/stop", {"withoutSavepoint": False}, ("STOP", "false", "false")),
        ("PUT", "/stop", {"drain": True}, ("STOP", "false", "true")),
        ("PUT", "/savepoint", None, ("TRIGGER_SAVEPOINT", "false", "false")),
        ("DELETE", "/savepoint", None, ("FORGET_SAVEPOINT", "false", "false")),
    ],
)
def test_requests_are_written_as_annotations(
    ask: Ask, world: World, method: str, path: str, body: Any, wanted: tuple[str, ...]
) -> None:
    world.job("c-j")
    assert ask(method, f"/clusters/c/jobs/j{path}", body) == DONE
    found = world.annotations(resources.FLINK_JOBS, "c-j")
    assert tuple(found[PREFIX + key] for key in ("requested-action", "without-savepoint", "drain")) == wanted


def test_a_start_from_a_savepoint(ask: Ask, world: World) -> None:
    world.job("c-j")
    assert ask("PUT", "/clusters/c/jobs/j/start", {"savepointPath": "s3://s/1"}) == DONE
    assert world.annotations(resources.FLINK_JOBS, "c-j")[PREFIX + "from-savepoint"] == "s3://s/1"


def test_clusters_too(ask: Ask, world: World) -> None:
    world.cluster("c")
    assert ask("PUT", "/clusters/c/stop", {"withoutSavepoint": True}) == DONE
    assert world.annotations(resources.FLINK_CLUSTERS, "c")[PREFIX + "requested-action"] == "STOP"
    assert ask("PUT", "/clusters/c/scale", {"taskManagers": 3}) == DONE
    assert world.get(resources.FLINK_CLUSTERS, "c")["spec"]["taskManagers"] == 3


def test_scale(ask: Ask, world: World) -> None:
    world.job("c-j")
    assert ask("PUT", "/clusters/c/jobs/j/scale", {"parallelism": 4}) == DONE
    assert world.get(resources.FLINK_JOBS, "c-j")["spec"]["jobParallelism"] == 4


def test_a_job_that_is_bound_by_its_spec_is_found_by_its_own_name(ask: Ask, world: World) -> None:
    world.cluster("c")
    world.add(resources.FLINK_JOBS, "free", {**JOB_SPEC, "clusterName": "c"})
    world.add(resources.FLINK_JOBS, "c-j", JOB_SPEC)
    assert sorted(ask("GET", "/clusters/c/jobs").output) == ["free", "j"]
    assert ask("GET", "/clusters/c/jobs/free/status").code == 200
    assert ask("GET", "/clusters/other/jobs/free/status").code == 404


def test_another_namespace(ask: Ask, world: World) -> None:
    world.client.create(resources.NAMESPACES, {"metadata": {"name": "other"}})
    world.add(resources.FLINK_CLUSTERS, "x", CLUSTER_SPEC, namespace="other")
    assert ask("GET", "/clusters").output == []
    assert ask("GET", "/clusters?namespace=other").output == ["x"]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "told"),
    [
        ("POST", "/clusters/c/jobs/j", {"jobParalelism": 1}, 422, "spec.jobParalelism: unknown field"),
        ("PUT", "/clusters/c/jobs/j", {"jobParalelism": 1}, 422, "spec.jobParalelism: unknown field"),
        ("PUT", "/clusters/c/jobs/j", {"jobParallelism": "x"}, 422, "spec.jobParallelism"),
        ("PUT", "/clusters/c/jobs/j/scale", {"parallelism": -1}, 422, "body.parallelism: "),
        ("PUT", "/clusters/c/jobs/j/scale", {}, 422, "body.parallelism: Required value"),
        ("PUT", "/clusters/c/jobs/j/stop", [], 422, "body: Invalid value"),
        ("PUT", "/clusters/c/jobs/none/stop", {}, 404, 'flinkjobs.nextbreakpoint.com "c-none" not found'),
        ("PUT", "/clusters/c/jobs/j/savepoint", None, 409, "only a running job can take a savepoint"),
        ("GET", "/clusters/none/jobmanager/metrics", None, 404, '"none" not found'),
        ("GET", "/clusters/c/taskmanagers", None, 503, "its JobManager does not answer"),
        ("DELETE", "/clusters/c?namespce=other", None, 422, "unknown parameter 'namespce'"),
        ("GET", "/clusters?namespace=a&namespace=b", None, 422, "namespace is given more than once"),
        ("GET", "/sofas", None, 404, "GET /api/v1/sofas: there is no such path; GET /openapi.json names all"),
        ("DELETE", "/clusters", None, 405, "DELETE /api/v1/clusters: there is only GET, HEAD"),
    ],
)
def test_a_no_has_its_status_and_its_reason(
    ask: Ask, world: World, method: str, path: str, body: Any, code: int, told: str
) -> None:
    world.cluster("c", phase="Stopped")
    world.job("c-j", phase="Stopped")
    found = ask(method, path, body)
    assert (found.code, found.status) == (code, "FAILURE" if code >= 500 else "ERROR")
    assert told in found.error


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}])
def test_without_a_token_nobody_is_served(ask: Ask, world: World, headers: dict[str, str]) -> None:
    world.job("c-j")
    for method, path in (("GET", "/clusters"), ("DELETE", "/clusters/c/jobs/j")):
        assert ask(method, path, headers=headers)[:2] == (401, "ERROR")
    assert world.get(resources.FLINK_JOBS, "c-j")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{bad", "body: must be JSON: Expecting property name"),
        (b"withoutSavepoint: true", "body: must be JSON: Expecting value"),
        (b"[" * 100_000, "body: is nested too deeply"),
        (b'{"drain":' + b"9" * 5000 + b"}", "body: must be JSON: Exceeds the limit"),
    ],
)
def test_a_body_that_is_none_is_told_and_does_nothing(world: World, body: bytes, told: str) -> None:
    world.cluster("c")
    client = create_app(Connection(world.client.connection.server)).test_client()
    answer = client.put("/api/v1/clusters/c/stop", data=body, headers=TOKEN)
    assert answer.status_code == 422
    assert answer.json is not None and answer.json["error"].startswith(told)
    assert not world.annotations(resources.FLINK_CLUSTERS, "c")


def test_so_is_one_that_only_its_check_finds_too_deep(ask: Ask, world: World) -> None:
    deep: Any = {}
    for _ in range(600):
        deep = {"a": deep}
    spec = {**CLUSTER_SPEC, "taskManager": {"affinity": deep}}
    assert ask("POST", "/clusters/d", spec)[:2] == (422, "ERROR")
