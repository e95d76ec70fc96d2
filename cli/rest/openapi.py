"""The interface as an OpenAPI document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from cli.rest.routes import Route

PREFIX = "/api/v1"
NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
TASKMANAGER = r"^[A-Za-z0-9][-A-Za-z0-9._:]*$"
REFUSALS = {
    "400": "The request is malformed.",
    "401": "There is no bearer token, or Kubernetes does not accept it.",
    "403": "Who has this token may not do that.",
    "404": "There is no such object, or Flink does not know it.",
    "409": "It is there already, has changed meanwhile, or is in no state for that.",
    "413": "The body is too large.",
    "422": "The body is no JSON or does not fit its schema; the error names the field.",
    "429": "Kubernetes has too much to do.",
    "500": "A defect of this interface.",
    "503": "Kubernetes or Flink does not answer, so that nobody knows whether it was done.",
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Flink on Kubernetes",
            "version": "v1",
            "description": "FlinkDeployments, FlinkClusters and FlinkJobs, with the rights of the bearer token.",
        },
        "security": [{"kubernetes": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"kubernetes": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Done": _envelope("OK", "output"), "Refused": _envelope("ERROR", "error")},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    keys = re.findall(r"{(\w+)}", route.path)
    named = [{"name": key, "in": "path", "required": True, "schema": name(key)} for key in keys]
    namespace = {
        "name": "namespace",
        "in": "query",
        "schema": name("namespace"),
        "description": "Instead of the server's own.",
    }
    operation: dict[str, Any] = {
        "operationId": route.id,
        "summary": route.summary,
        "parameters": [*named, namespace],
        "responses": {
            "200": _response("Done; `output` is JSON in a string.", "Done"),
            **{code: _response(text, "Refused") for code, text in REFUSALS.items()},
        },
    }
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": route.shown or route.body}},
        }
    return operation


def name(key: str) -> dict[str, Any]:
    """The schema of what a path or the query names."""
    return {"type": "string", "pattern": TASKMANAGER if key == "taskmanager" else NAME, "maxLength": 253}


def _response(text: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


def _envelope(status: str, text: str) -> dict[str, Any]:
    words = [status] if status == "OK" else [status, "FAILURE"]
    properties = {"status": {"type": "string", "enum": words}, text: {"type": "string"}}
    needed = ["status", *([] if status == "OK" else [text])]
    return {"type": "object", "required": needed, "properties": properties, "additionalProperties": False}
