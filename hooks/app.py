"""The Flask application behind Metacontroller's webhooks. A 200 is a complete answer; all else changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import flask
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from werkzeug.exceptions import HTTPException

import crds
from core import canonical, names, schema
from hooks import deployment, exchange, job
from hooks.cluster import sync as cluster
from hooks.install import DEFAULT, Install
from hooks.protocol import BadRequest, Request, Resource, decode

log = logging.getLogger("hooks")
CLUSTER_KEYS = {"parent": "parent", "children": "children"}
JOB_KEYS = {"parent": "object", "children": "attachments"}


def create_app(install: Install = DEFAULT, *, log_answers: bool = False) -> flask.Flask:
    """The application; it holds no state but its metrics."""
    app = flask.Flask("hooks")
    _serve_hooks(app, install, log_answers)
    _serve_errors(app)
    _serve_health(app)
    return app


def _serve_hooks(app: flask.Flask, install: Install, log_answers: bool) -> None:
    def hook(path: str, function: Callable[[Any], dict[str, Any]]) -> None:
        def view() -> flask.Response:
            body = flask.request.get_json(force=True)
            answer = function(body)
            if log_answers and "relatedResources" not in answer:
                log.info("answered %s", exchange.summary(path, body, answer))
            return _json(answer)

        app.add_url_rule(path, path, view, methods=["POST"])

    def of_cluster(body: Any) -> Request:
        return decode(body, **CLUSTER_KEYS, install=install)

    def of_job(body: Any) -> Request:
        return decode(body, **JOB_KEYS, install=install)

    def now() -> datetime:
        return datetime.now(UTC)

    def sync_cluster(request: Request, problems: list[str]) -> dict[str, Any]:
        return cluster.sync(request, problems, now())

    def finalize_cluster(request: Request, problems: list[str]) -> dict[str, Any]:
        return cluster.finalize(request, problems, now())

    def finalize_job(request: Request, problems: list[str]) -> dict[str, Any]:
        return job.finalize(request, problems, now())

    hook("/deployment/sync", lambda body: _checked(of_cluster(body), names.DEPLOYMENT, deployment.sync))
    hook("/cluster/sync", lambda body: _checked(of_cluster(body), names.CLUSTER, sync_cluster))
    hook("/cluster/finalize", lambda body: _checked(of_cluster(body), names.CLUSTER, finalize_cluster))
    hook("/cluster/customize", lambda body: cluster.customize(_parent(body)))
    hook("/job/sync", lambda body: job.sync(of_job(body)))
    hook("/job/finalize", lambda body: _checked(of_job(body), names.JOB, finalize_job))
    hook("/job/customize", lambda body: job.customize(_parent(body)))


def _checked(request: Request, kind: str, sync: Callable[[Request, list[str]], dict[str, Any]]) -> dict[str, Any]:
    """Validated against the CRD's own schema: the API server's check may have been another version's."""
    return sync(request, schema.errors(crds.schema(kind)["properties"]["spec"], request.parent.get("spec"), "spec"))


def _parent(body: Any) -> Resource:
    """The parent of a customize request, which has no children."""
    whole = {**body, "children": {}} if isinstance(body, dict) else body
    return decode(whole, parent="parent", children="children").parent


def _json(answer: dict[str, Any], status: int = 200) -> flask.Response:
    return flask.Response(canonical.canonical_json(answer) + "\n", status=status, mimetype="application/json")


def _serve_errors(app: flask.Flask) -> None:
    @app.errorhandler(BadRequest)
    def bad_request(error: BadRequest) -> flask.Response:
        return _json({"error": str(error)}, 400)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> flask.Response:
        return _json({"error": f"{error.name}: {error.description}"}, error.code or 500)

    @app.errorhandler(Exception)
    def internal_error(error: Exception) -> flask.Response:
        # Metacontroller copies the text into an event on the parent: short, and nothing of the parent's in it.
        log.exception("%s failed", flask.request.path)
        return _json({"error": f"internal error: {type(error).__name__}"}, 500)


def _serve_health(app: flask.Flask) -> None:
    registry = CollectorRegistry()
    requests = Counter("flink_hooks_requests", "Requests answered", ["hook", "code"], registry=registry)
    seconds = Histogram("flink_hooks_request_seconds", "Time to answer", ["hook"], registry=registry)

    @app.before_request
    def start() -> None:
        flask.g.started = perf_counter()

    @app.after_request
    def count(response: flask.Response) -> flask.Response:
        if flask.request.method == "POST" and flask.request.url_rule:
            requests.labels(flask.request.path, response.status_code).inc()
            seconds.labels(flask.request.path).observe(perf_counter() - flask.g.started)
        return response

    @app.get("/healthz")
    @app.get("/readyz")
    def healthy() -> str:
        return "ok"

    @app.get("/metrics")
    def metrics() -> flask.Response:
        return flask.Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")
