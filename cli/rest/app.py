"""The Flask application. Each request acts with the bearer token that it brings, so that Kubernetes' RBAC decides.

An answer is the Toolbox's envelope: `status` is OK, with `output` as JSON in a string where there is any; ERROR when
Kubernetes, Flink or we said no; FAILURE when nobody can know what came of it. The HTTP status tells the same, which
it does not with the Toolbox.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import flask
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from cli.errors import Failed, Invalid, Unanswered
from cli.options import Where
from cli.rest import openapi
from cli.rest.routes import Call, Route, routes
from cli.session import Session
from clients.kube import ApiError, ConfigError, Connection, KubeError
from clients.kube.auth import ANONYMOUS, Fixed, checked_token
from core import canonical, schema

log = logging.getLogger("rest")
LARGEST_BODY = 3 << 20  # bytes; the API server takes no larger object


class NoToken(Exception):
    """Nobody can say who asks."""


def create_app(base: Connection) -> flask.Flask:
    """base: where the API server is; its own credentials are never used."""
    app = flask.Flask("rest")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = True
    for route in routes():
        path = openapi.PREFIX + route.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(path, route.id, _view(route, base), methods=[route.method], provide_automatic_options=False)
    _serve_rest(app)
    _serve_errors(app)
    return app


def _view(route: Route, base: Connection) -> Callable[..., flask.Response]:
    def view(**names: str) -> flask.Response:
        connection = replace(base, credentials=Fixed(ANONYMOUS.with_token(_token())))
        session = Session(Where(namespace=_namespace(names)), connection)
        with session.client:
            output = route.act(Call(session, names, _body(route) if route.body else None))
        return _answer(200, "OK", **({} if output is None else {"output": json.dumps(output)}))

    return view


def _token() -> str:
    scheme, _, token = flask.request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() == "bearer":
            return checked_token(token, "Authorization")
    except ConfigError as error:
        raise NoToken(str(error)) from error
    raise NoToken("send the header Authorization: Bearer TOKEN, with a token of the Kubernetes cluster")


def _namespace(names: Mapping[str, str]) -> str | None:
    """Checked with the path's names. A parameter that nobody knows is no detail: another namespace would be meant."""
    given = flask.request.args.to_dict()
    if unknown := set(given) - {"namespace"}:
        raise Invalid(f"query: unknown parameter {min(unknown)!r}; there is namespace")
    if len(flask.request.args.getlist("namespace")) > 1:
        raise Invalid("query: namespace is given more than once")
    wrong = [text for key, name in {**names, **given}.items() for text in schema.errors(openapi.name(key), name, key)]
    if wrong:
        raise Invalid("\n".join(wrong))
    return given.get("namespace")


def _body(route: Route) -> Any:
    try:
        body = json.loads(_whole_body() or b"{}")
    except ValueError as error:
        raise Invalid(f"body: must be JSON: {error}") from error
    if wrong := schema.errors(route.body or {}, body, "body"):
        raise Invalid("\n".join(wrong))
    return body


def _whole_body() -> bytes:
    """NB: from gunicorn a body that broke off, or was cut where it became too large, looks like any other."""
    data = flask.request.get_data()
    if len(data) >= LARGEST_BODY:
        raise RequestEntityTooLarge
    if len(data) < (flask.request.content_length or 0):
        raise BadRequest(f"the body broke off after {len(data)} bytes")
    return data


def _answer(code: int, status: str, **more: str) -> flask.Response:
    text = canonical.canonical_json({"status": status, **more}) + "\n"
    headers = {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    return flask.Response(text, status=code, mimetype="application/json", headers=headers)


def _serve_rest(app: flask.Flask) -> None:
    document = openapi.document(routes())

    @app.get("/openapi.json")
    def described() -> flask.Response:
        return flask.jsonify(document)

    @app.get("/healthz")
    @app.get("/readyz")
    def healthy() -> str:
        return "ok"

    @app.route("/", methods=["OPTIONS"], provide_automatic_options=False)
    def options() -> flask.Response:
        return flask.Response(status=204)


def _serve_errors(app: flask.Flask) -> None:
    @app.errorhandler(NoToken)
    def unknown_caller(error: NoToken) -> flask.Response:
        return _answer(401, "ERROR", error=str(error))

    @app.errorhandler(Failed)
    def refused(error: Failed) -> flask.Response:
        if isinstance(error, Invalid):
            return _answer(422, "ERROR", error=error.message)
        if isinstance(error, Unanswered):
            return _answer(503, "FAILURE", error=error.message)
        if isinstance(error.__cause__, ApiError):
            return _told(error.__cause__.status, error.message)
        return _answer(409, "ERROR", error=error.message)

    @app.errorhandler(KubeError)
    def of_kubernetes(error: KubeError) -> flask.Response:
        return _told(error.status if isinstance(error, ApiError) else 503, str(error))

    @app.errorhandler(RecursionError)
    def too_deep(error: RecursionError) -> flask.Response:
        return _answer(422, "ERROR", error="body: is nested too deeply")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> flask.Response:
        answer = _answer(error.code or 500, "ERROR", error=_sentence(error))
        answer.headers.extend(pair for pair in error.get_headers() if pair[0] == "Allow")
        return answer

    @app.errorhandler(Exception)
    def internal_error(error: Exception) -> flask.Response:
        log.exception("%s %s failed", flask.request.method, flask.request.path)
        return _answer(500, "FAILURE", error=f"internal error: {type(error).__name__}")


def _sentence(error: HTTPException) -> str:
    asked = f"{flask.request.method} {flask.request.path}"
    if isinstance(error, NotFound):
        return f"{asked}: there is no such path; GET /openapi.json names all"
    if isinstance(error, MethodNotAllowed):
        return f"{asked}: there is only {', '.join(sorted(error.valid_methods or ()))}"
    if isinstance(error, RequestEntityTooLarge):
        return f"body: must be smaller than {LARGEST_BODY >> 20} MiB"
    return f"{asked}: {error.description}"


def _told(status: int, text: str) -> flask.Response:
    """A refusal passes with its own status; what Kubernetes could not do is not ours to have done."""
    return _answer(503, "FAILURE", error=text) if status >= 500 else _answer(status, "ERROR", error=text)
