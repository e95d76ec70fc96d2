"""KubeClient: the verbs of the Kubernetes API on plain dicts. request() is the one door; it alone repeats and renews.

A request is repeated only where that cannot do anything twice: see _worth_repeating().
"""

from __future__ import annotations

import copy
import json as jsonlib
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal

import requests

from clients.kube import transport
from clients.kube.config import Connection
from clients.kube.errors import (
    ApiError,
    Gone,
    KubeError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    api_error,
)
from clients.kube.resources import PODS, SERVICES, Resource, segment

_log = logging.getLogger(__name__)

PAGE = 500  # objects per answer of a list
REPEATS = 5  # with the pauses below about 3 s, if the server asks for nothing else
FOLLOW_SILENCE = 4 * 3600.0  # seconds a followed log may be silent: the kubelet's own limit; dead peers show earlier
_PATCH_TYPES = {"merge": "application/merge-patch+json", "json": "application/json-patch+json"}

Object = dict[str, Any]


class KubeClient:
    """A cluster's API. Thread-safe. Every call ends within its time-outs and raises KubeError, nothing else.

    timeout: (seconds to connect, seconds of silence until an answer is given up).
    deadline: seconds after which nothing is repeated any more.
    Where a namespace may be left out, a named object is looked for in the connection's, a list covers all.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: tuple[float, float] = (3.05, 30.0),
        deadline: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        self.timeout = timeout
        self._deadline = deadline
        self._sleep = sleep
        self._transport = transport.Transport(connection)

    def __enter__(self) -> KubeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections that are kept for reuse; the client stays usable."""
        self._transport.close()

    def without_repeats(self) -> KubeClient:
        """The same client, same connections, for a caller with a back-off of its own: each request is tried once."""
        other = copy.copy(self)
        other._deadline = 0.0
        return other

    # ---- the one door ----------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content_type: str | None = None,
        stream: bool = False,
        timeout: tuple[float, float] | None = None,
        repeat_server_errors: bool = True,
        accept: str = "application/json",
    ) -> requests.Response:
        """The answer, always of status 2xx. With stream=True its body is still to be read: by lines().

        Raises Unreachable, an ApiError by status, or ConfigError where a credential cannot be had.
        repeat_server_errors: whether a GET answered with 5xx is worth another try.
        """
        call = transport.Call(method, path, params, json, content_type, stream, timeout or self.timeout, accept)
        started, repeats, renewed = time.monotonic(), 0, False
        while True:
            credential = self.connection.credentials.get()
            failure = self._attempt(call, credential)
            if isinstance(failure, requests.Response):
                return failure
            if isinstance(failure, Unauthorized) and not renewed:
                renewed = True
                if self.connection.credentials.renew(credential):
                    continue
            delay = pause(repeats, failure)
            late = time.monotonic() + delay - started > self._deadline
            if late or repeats >= REPEATS or not _worth_repeating(method, failure, repeat_server_errors):
                raise failure
            _log.debug("%s %s again in %.2f s: %s", method, path, delay, failure)
            self._sleep(delay)
            repeats += 1

    def lines(self, response: requests.Response, timeout: tuple[float, float] | None = None) -> Iterator[bytes]:
        """The lines of an answer got with stream=True, as they come. Raises Unreachable when it breaks off."""
        return self._transport.lines(response, timeout or self.timeout)

    def _attempt(self, call: transport.Call, credential: Any) -> requests.Response | Unreachable | ApiError:
        try:
            response = self._transport.send(call, credential)
            if 200 <= response.status_code < 300:
                return response
            with response:
                return self._refusal(call, response)
        except Unreachable as error:
            return error

    def _refusal(self, call: transport.Call, response: requests.Response) -> ApiError:
        text = self._transport.body(response, call.timeout).decode("utf-8", "replace")
        asked = f"{call.method} {call.path}"
        if 300 <= response.status_code < 400:
            asked += f" (which points to {response.headers.get('Location', 'nowhere')})"
        error = api_error(response.status_code, _decoded(text), asked=asked, retry_after=retry_after(response.headers))
        if isinstance(error, Unauthorized):
            who = f'of context "{self.connection.context}"' if self.connection.context else "it was given"
            told = f"the Kubernetes API at {self.connection.server} does not accept the credentials {who}"
            return Unauthorized(401, error.reason, told, error.body)
        if isinstance(error, NotFound) and _is_no_kind(call.path, error):
            told = f"the Kubernetes API at {self.connection.server} does not know {call.path}: are the CRDs installed?"
            return NotFound(404, error.reason, told, error.body)
        return error

    def _json(self, method: str, path: str, **options: Any) -> Any:
        response = self.request(method, path, **options)
        try:
            return jsonlib.loads(response.content)
        except ValueError as error:
            told = f"{method} {path} was answered with something that is not JSON: {response.text[:100]!r}"
            raise Unreachable(told, sent=True, passing=False) from error

    def _object(self, method: str, path: str, **options: Any) -> Object:
        answer = self._json(method, path, **options)
        if not isinstance(answer, dict):
            raise Unreachable(f"{method} {path} was not answered with an object", sent=True, passing=False)
        return answer

    # ---- verbs -----------------------------------------------------------------------------------------------------

    def get(
        self, resource: Resource, name: str, *, namespace: str | None = None, subresource: str | None = None
    ) -> Object:
        """The object, or its subresource ("scale")."""
        return self._object("GET", self._path(resource, name, namespace, subresource))

    def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Object:
        """The whole List object of a namespace, or of all: pages are followed; each item says its kind."""
        path = resource.path(namespace)
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        params: dict[str, Any] = {key: value for key, value in selectors.items() if value}
        params["limit"] = PAGE
        items: Sequence[Object] = ()
        while True:
            try:
                page = self._object("GET", path, params=params)
            except Gone:
                # The next page is no longer kept: everything at once instead.
                if params.pop("continue", None) is None:
                    raise
                del params["limit"]
                items = ()
                continue
            items = [*items, *(page.get("items") or ())]
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                # The API leaves both out of the items of its own kinds.
                named = [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]
                return {**page, "items": named}
            params["continue"] = following

    def create(
        self, resource: Resource, body: Mapping[str, Any], *, namespace: str | None = None, dry_run: bool = False
    ) -> Object:
        """POST. The namespace is the given one, else the body's, else the connection's."""
        path = resource.path(namespace or self._namespace_of(body))
        return self._object("POST", path, json=body, params=_dry_run(dry_run))

    def replace(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Object:
        """PUT; the name is the body's. A metadata.resourceVersion in it is the precondition: Conflict."""
        name = str((body.get("metadata") or {}).get("name") or "")
        path = self._path(resource, name, namespace or self._namespace_of(body), subresource)
        return self._object("PUT", path, json=body)

    def patch(
        self,
        resource: Resource,
        name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        kind: Literal["merge", "json"] = "merge",
        dry_run: bool = False,
    ) -> Object:
        """PATCH, a merge patch (RFC 7386) or a list of operations (RFC 6902).

        A metadata.resourceVersion in a merge patch is the precondition: Conflict.
        """
        path = self._path(resource, name, namespace, subresource)
        return self._object("PATCH", path, json=patch, content_type=_PATCH_TYPES[kind], params=_dry_run(dry_run))

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        propagation: str = "Background",
        uid: str | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Object:
        """DELETE; the object while finalizers hold it, else a Status. uid: only that very object, else Conflict."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        return self._object("DELETE", self._path(resource, name, namespace), json=body, params=_dry_run(dry_run))

    def logs(
        self,
        name: str,
        *,
        namespace: str,
        container: str | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[str]:
        """A container's log lines; with follow they come until the container ends. The request is sent at once."""
        params = {"container": container, "tailLines": tail, "follow": "true" if follow else None}
        timeout = (self.timeout[0], FOLLOW_SILENCE if follow else self.timeout[1])
        path = PODS.path(namespace, name, "log")
        response = self.request("GET", path, params=params, stream=True, timeout=timeout)
        return (line.decode("utf-8", "replace") for line in self.lines(response, timeout))

    def service_proxy(
        self,
        namespace: str,
        service: str,
        port: int | str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        json: Any = None,
    ) -> Any:
        """GET from a Service through the API server, or POST where there is JSON to send; the decoded JSON.

        A 5xx is not repeated: it is the service's.
        """
        door = SERVICES.path(namespace, segment(f"{service}:{port}"), "proxy")
        method = "GET" if json is None else "POST"
        path = f"{door}/{path.lstrip('/')}"
        return self._json(method, path, params=params, json=json, repeat_server_errors=False)

    def version(self) -> Object:
        """The API server's version: {"major", "minor", "gitVersion", ...}; needs no rights."""
        return self._object("GET", "/version")

    def _path(self, resource: Resource, name: str, namespace: str | None, subresource: str | None = None) -> str:
        return resource.path(namespace or self.connection.namespace, name, subresource)

    def _namespace_of(self, body: Mapping[str, Any]) -> str:
        return (body.get("metadata") or {}).get("namespace") or self.connection.namespace


# ---- decisions -----------------------------------------------------------------------------------------------------


def _worth_repeating(method: str, failure: KubeError, server_errors: bool) -> bool:
    """Whether trying again may help and cannot do anything twice."""
    if isinstance(failure, TooManyRequests):
        return True  # refused before anything was done
    if isinstance(failure, Unreachable):
        return failure.passing and (method == "GET" or not failure.sent)
    return isinstance(failure, ServerError) and method == "GET" and server_errors


def _is_no_kind(path: str, error: NotFound) -> bool:
    """Whether the kind is unknown rather than one object of it: the server's two ways to say so."""
    told = error.body.get("message") if isinstance(error.body, Mapping) else str(error.body).strip()
    return path.startswith("/apis/") and told in (
        "404 page not found",
        "the server could not find the requested resource",
    )


def pause(repeats: int, failure: KubeError | None = None, *, longest: float = 5.0) -> float:
    """Seconds to wait after so many repeats: what the server asked for, else doubling from 0.1 s, with jitter."""
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    if asked is not None:
        return asked
    return float(min(0.1 * 2 ** min(repeats, 16), longest) * random.uniform(0.7, 1.3))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date; None without a sound one."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except ValueError:
        return None


def _decoded(text: str) -> Any:
    try:
        return jsonlib.loads(text)
    except ValueError:
        return text


def _dry_run(wanted: bool) -> dict[str, str] | None:
    return {"dryRun": "All"} if wanted else None
