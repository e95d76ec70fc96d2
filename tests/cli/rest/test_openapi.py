"""The interface is what its OpenAPI document says, whatever is asked; and the document is of the Toolbox's paths."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from cli.rest import openapi
from cli.rest.app import create_app
from cli.rest.routes import Route, routes
from clients.kube import Connection
from tests.cli.conftest import World

from .conftest import TOKEN

# Of the Toolbox's operator: method and path.
JOB = "/clusters/{cluster}/jobs/{job}"
TOOLBOX = {
    "/deployments": "GET",
    "/deployments/{deployment}": "POST PUT DELETE",
    "/deployments/{deployment}/status": "GET",
    "/clusters": "GET",
    "/clusters/{cluster}": "POST PUT DELETE",
    "/clusters/{cluster}/status": "GET",
    "/clusters/{cluster}/start": "PUT",
    "/clusters/{cluster}/stop": "PUT",
    "/clusters/{cluster}/scale": "PUT",
    "/clusters/{cluster}/jobs": "GET",
    JOB: "POST PUT DELETE",
    f"{JOB}/status": "GET",
    f"{JOB}/details": "GET",
    f"{JOB}/metrics": "GET",
    f"{JOB}/start": "PUT",
    f"{JOB}/stop": "PUT",
    f"{JOB}/scale": "PUT",
    f"{JOB}/savepoint": "PUT DELETE",
    "/clusters/{cluster}/jobmanager/metrics": "GET",
    "/clusters/{cluster}/taskmanagers": "GET",
    "/clusters/{cluster}/taskmanagers/{taskmanager}/details": "GET",
    "/clusters/{cluster}/taskmanagers/{taskmanager}/metrics": "GET",
}
DOCUMENT = openapi.document(routes())


def test_the_paths_are_the_toolboxs() -> None:
    found = {path: " ".join(method.upper() for method in item) for path, item in DOCUMENT["paths"].items()}
    assert found == {f"/api/v1{path}": methods for path, methods in TOOLBOX.items()}


def test_it_is_served() -> None:
    client = create_app(Connection("http://127.0.0.1:1")).test_client()
    assert client.get("/openapi.json").json == DOCUMENT
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert client.options("/").status_code == 204


CHECKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.mark.slow
@pytest.mark.parametrize("route", routes(), ids=lambda route: route.id)
def test_whatever_is_asked_the_answer_is_one_of_the_document(world: World, route: Route) -> None:
    world.cluster("c")
    world.job("c-j")
    app = create_app(Connection(world.client.connection.server))
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app)[openapi.PREFIX + route.path][route.method]

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)))
    def holds(case: Any) -> None:
        case.call_and_validate(headers=TOKEN, checks=CHECKED)

    holds()
