"""The Flask application behind Metacontroller's webhooks. A 200 is a complete answer; all else changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import flask
import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from werkzeug.exceptions import HTTPException

import crds
from core import canonical, names, validation
from hooks import deployment, exchange, job
from hooks.cluster import sync as cluster
from hooks.install import DEFAULT, Install
from hooks.protocol import CLUSTER, DEPLOYMENT, JOB, BadRequest, Request, decode, decode_parent

log = logging.getLogger("hooks")


def create_app(install: Install = DEFAULT, *, log_answers: bool = False) -> flask.Flask:
    """The application; it holds no state but its metrics."""
    app = flask.Flask("hooks")
    _serve_hooks(app, install, log_answers)
    _serve_errors(app)
    _serve_health(app)
    return app


def _serve_hooks(app: flask.Flask, install: Install, log_answers: bool) -> None:
    """Each body is read by the path's own record; a spec is checked against the CRD's own schema, since the API
    server's check may have been another version's."""

    def hook(path: str, function: Callable[[Any], dict[str, Any]]) -> None:
        def view() -> flask.Response:
            body = _decoded(flask.request.get_data())
            answer = function(body)
            if log_answers and "relatedResources" not in answer:
                log.info("answered %s", exchange.summary(path, body, answer))
            return _json(answer)

        app.add_url_rule(path, path, view, methods=["POST"])

    def sync_deployment(body: Any) -> dict[str, Any]:
        request = decode(body, DEPLOYMENT, install=install)
        return deployment.sync(request, _problems(request))

    def sync_cluster(body: Any) -> dict[str, Any]:
        request = decode(body, CLUSTER, install=install)
        return cluster.sync(request, _problems(request), _now())

    def finalize_cluster(body: Any) -> dict[str, Any]:
        request = decode(body, CLUSTER, install=install, finalizing=True)
        return cluster.finalize(request, _problems(request), _now())

    def finalize_job(body: Any) -> dict[str, Any]:
        request = decode(body, JOB, install=install, finalizing=True)
        return job.finalize(request, _now())

    hook("/deployment/sync", sync_deployment)
    hook("/cluster/sync", sync_cluster)
    hook("/cluster/finalize", finalize_cluster)
    hook("/cluster/customize", lambda body: cluster.customize(decode_parent(body, names.CLUSTER)))
    hook("/job/sync", lambda body: job.sync(decode(body, JOB, install=install)))
    hook("/job/finalize", finalize_job)
    hook("/job/customize", lambda body: job.customize(decode_parent(body, names.JOB)))


def _decoded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body must be JSON: {error}") from error


def _problems(request: Request) -> list[str]:
    return validation.problems(crds.schema(request.parent["kind"])["properties"]["spec"], request.parent.get("spec"))


def _now() -> datetime:
    return datetime.now(UTC)


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
    ProcessCollector(registry=registry)
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
