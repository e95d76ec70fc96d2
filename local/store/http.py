"""The HTTP door: reads a request, calls the verb on `Api`, writes the answer; one thread for each connection."""

import json
import logging
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from core.wording import shown

from . import discovery, patches, pods, selectors, watching
from .api import Answer, Api, Options
from .errors import Refusal, bad_request, no_such_path
from .resources import NAMESPACES, PODS, SERVICES, Object, Resource
from .tables import table
from .trouble import Trouble

_log = logging.getLogger(__name__)
_JSON = "application/json"
GRACE = 2.0  # seconds for answers under way when the store ends
_PATCHES = {
    "application/merge-patch+json": patches.merge,
    "application/json-patch+json": patches.json_patch,
    "application/strategic-merge-patch+json": patches.strategic,
}


class Target(NamedTuple):
    """What a path names; namespace and name are "" where the path has none. rest follows a proxy subresource."""

    resource: Resource
    namespace: str
    name: str
    subresource: str
    rest: str


def target(api: Api, path: str) -> Target:
    """Return what an object path names, or refuse with 404."""
    match path.split("/", 4):
        case ["", "api", version, below, *more]:
            group, steps = "", [below, *"/".join(more).split("/")]
        case ["", "apis", group, version, below]:
            steps = below.split("/")
        case _:
            raise no_such_path()
    namespace = ""
    if steps[0] == "namespaces" and len(steps) > 2 and steps[2] not in ("", "status", "finalize"):
        namespace, steps = unquote(steps[1]), steps[2:]
    plural, name, subresource, *rest = [*steps, "", "", ""]
    found = Target(
        api.resource(group, version, plural), namespace, unquote(name), subresource, "/".join(rest).rstrip("/")
    )
    if subresource == "proxy" and path.endswith("/") and found.rest:
        found = found._replace(rest=found.rest + "/")
    if found.name and bool(namespace) != found.resource.namespaced:
        raise no_such_path()
    return found


class Server(ThreadingHTTPServer):
    """Holds what the handlers share, and ends their connections when it is closed."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, logs: Path) -> None:
        self.api, self.logs, self.trouble = api, logs, Trouble()
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._closed_one = threading.Condition()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._closed_one:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._closed_one:
            self._open.discard(request)
            self._closed_one.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a client went away", exc_info=True)

    def end(self) -> None:
        """Stop serving: watches end, idle connections are closed, answers under way get a moment."""
        self.closing.set()
        with self.api.objects.changed:
            self.api.objects.changed.notify_all()
        self.shutdown()
        with self._closed_one:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RD)  # as if the client had no further request
            self._closed_one.wait_for(lambda: not self._open, GRACE)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection; requests on it follow one another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Server

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)

    # --- one request

    def _answer(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self._path, self._raw_query = parts.path, parts.query
        self._query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._lost, self._cuts = False, self.server.trouble.cuts
        try:
            self._lost = not self._is_watch() and self.server.trouble.meet(self.command)
            self._dispatch()
        except Refusal as refusal:
            self._send(refusal.code, refusal.status())
        except OSError:
            self.close_connection = True  # the client went away, or is to think that we did
        except Exception as error:
            _log.exception("%s %s", self.command, self.path)
            message = f"Internal error occurred: {type(error).__name__}: {error}"
            self._send(500, Refusal(500, "InternalError", message).status())

    def _dispatch(self) -> None:
        api, steps = self.server.api, self._path.strip("/").split("/")
        if self._path in ("/healthz", "/livez", "/readyz"):
            return self._send_bytes(200, [("Content-Type", "text/plain")], b"ok")
        kinds = {"api": 2, "apis": 3, "version": 1, "openapi": 9}
        if len(steps) <= kinds.get(steps[0], 0) and self.command == "GET":
            document = discovery.answer(self._path, self.headers.get("Accept", ""), api.resources())
            return self._send(200, document, kind=discovery.content_type(document))
        found = target(api, self._path)
        if found.subresource == "proxy":
            return self._proxy(found)
        verb = {"GET": self._read, "POST": self._post, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        return verb[self.command](found)

    def _options(self) -> Options:
        query = self._query
        manager = query.get("fieldManager") or self.headers.get("User-Agent", "").partition("/")[0]
        return Options(bool(query.get("dryRun")), query.get("fieldValidation", "Warn"), manager)

    def _parsed(self) -> Any:
        kind = self.headers.get("Content-Type", _JSON)
        if "protobuf" in kind or "cbor" in kind:
            raise Refusal(415, "UnsupportedMediaType", f"{kind}: this store reads JSON and YAML: use kubectl apply")
        try:
            return yaml.safe_load(self._body) if "yaml" in kind else json.loads(self._body or b"null")
        except (ValueError, yaml.YAMLError) as error:
            raise bad_request(f"the object provided is unrecognized: {error}") from error

    # --- verbs

    def _read(self, found: Target) -> None:
        api, (resource, namespace, name, sub, _) = self.server.api, found
        if not name:
            return self._watch(found) if self._is_watch() else self._list(found)
        if resource is PODS and sub == "log":
            chunks = pods.log(api, self.server.logs, namespace, name, self._query, self._alive)
            return self._stream("text/plain", chunks)
        obj = api.get(resource, namespace, name)
        if sub == "scale" and resource.scale:
            return self._send(200, api.scale(resource, obj))
        if sub not in ("", "status"):
            raise no_such_path()
        return self._send(200, self._formed(resource, [obj], obj, obj["metadata"]["resourceVersion"]))

    def _is_watch(self) -> bool:
        return self._query.get("watch") in ("1", "true")

    def _wanted(self) -> selectors.Predicate:
        by_labels = selectors.labels(self._query.get("labelSelector", ""))
        by_fields = selectors.fields(self._query.get("fieldSelector", ""))
        return lambda obj: by_labels(obj) and by_fields(obj)

    def _list(self, found: Target) -> None:
        resource, wanted = found.resource, self._wanted()
        number, items = self.server.api.objects.items(resource, found.namespace)
        items = [obj for obj in items if wanted(obj)]
        head: Object = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
        head["metadata"] = {"resourceVersion": str(number)}
        # An API server names the kind on the items of custom resources only.
        bare = items if resource.custom else [_bare(obj) for obj in items]
        self._send(200, self._formed(resource, items, head | {"items": bare}, str(number)))

    def _formed(self, resource: Resource, objects: list[Object], plain: Object, version: str) -> Object:
        """The answer in the form the client asks for: a Table or plain."""
        if "as=Table" not in self.headers.get("Accept", ""):
            return plain
        include = self._query.get("includeObject", "Metadata")
        return table(resource, objects, version, include, datetime.now(UTC))

    def _watch(self, found: Target) -> None:
        query = self._query
        if query.get("sendInitialEvents"):
            why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            raise Refusal(422, "Invalid", f"ListOptions is invalid: sendInitialEvents: Forbidden: {why}")
        version, seconds = query.get("resourceVersion", ""), query.get("timeoutSeconds", "")
        if not version.isdigit() and version:
            raise bad_request(f"resourceVersion: Invalid value: {version!r}: must be a number")
        watch = watching.Watch(
            found.resource,
            found.namespace,
            self._wanted(),
            int(version) if version not in ("", "0") else None,
            float(seconds) if seconds.isdigit() else None,
            query.get("allowWatchBookmarks") in ("1", "true"),
        )
        batches = watching.events(self.server.api.objects, watch, self._alive)
        self._stream(_JSON, (self._lines(found.resource, batch) for batch in batches))

    def _lines(self, resource: Resource, batch: list[Object]) -> bytes:
        time.sleep(self.server.trouble.lag)
        for one in batch:
            obj = one["object"]
            if one["type"] not in ("ERROR", "BOOKMARK"):
                one["object"] = self._formed(resource, [obj], obj, obj["metadata"]["resourceVersion"])
        return b"".join(_encoded(one) + b"\n" for one in batch)

    def _post(self, found: Target) -> None:
        resource, namespace, name, sub, _ = found
        if name and not (resource is PODS and sub == "binding"):
            raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        body = self._parsed()
        if not name and resource.namespaced and not namespace:
            raise bad_request("an empty namespace may not be set during creation")
        if name:
            return self._written(found, self.server.api.bind(resource, namespace, name, body))
        return self._written(found, self.server.api.create(resource, namespace, body, self._options()))

    def _put(self, found: Target) -> None:
        resource, namespace, name, sub, _ = found
        _check_subresource(resource, sub)
        if sub == "scale":
            answer = self.server.api.set_scale(resource, namespace, name, self._parsed(), self._options())
        else:
            answer = self.server.api.update(resource, namespace, name, self._parsed(), self._options(), sub)
        self._written(found, answer)

    def _patch(self, found: Target) -> None:
        resource, namespace, name, sub, _ = found
        _check_subresource(resource, sub)
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        body, options, api = self._parsed(), self._options(), self.server.api
        if kind == "application/apply-patch+yaml" and sub != "scale":
            return self._written(found, api.apply(resource, namespace, name, body, options, sub))
        change = _PATCHES.get(kind)
        if change is None or (change is patches.strategic and resource.custom):
            media = f"accepted media types include: {', '.join(_PATCHES)}"
            raise Refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format - {media}")
        text = shown(self._body.decode())
        return self._written(
            found, api.patch(resource, namespace, name, lambda obj: change(obj, body), options, sub, text)
        )

    def _delete(self, found: Target) -> None:
        resource, namespace, name, sub, _ = found
        if sub:
            raise no_such_path()
        how = {k: v for k, v in self._query.items() if k in ("propagationPolicy", "gracePeriodSeconds", "dryRun")}
        if "gracePeriodSeconds" in how:
            how |= {"gracePeriodSeconds": int(how["gracePeriodSeconds"])}  # type: ignore[dict-item]
        body = self._parsed() or {}
        if name:
            return self._written(found, self.server.api.delete(resource, namespace, name, how | body))
        wanted = self._wanted()
        items = [obj for obj in self.server.api.objects.items(resource, namespace)[1] if wanted(obj)]
        self.server.api.delete_collection(resource, items, how | body)
        return self._send(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _proxy(self, found: Target) -> None:
        resolve = {SERVICES: pods.service_address, PODS: pods.pod_address}.get(found.resource)
        if resolve is None:
            raise no_such_path()
        address = resolve(self.server.api, found.namespace, found.name)
        path = f"/{found.rest}" + (f"?{self._raw_query}" if self._raw_query else "")
        answer = pods.forward(address, self.command, path, dict(self.headers.items()), self._body)
        self._send_bytes(answer.code, answer.headers, answer.body)

    # --- writing the answer

    def _written(self, found: Target, answer: Answer) -> None:
        obj = answer.object
        if obj["kind"] == found.resource.kind:
            obj = self._formed(found.resource, [obj], obj, obj["metadata"].get("resourceVersion", ""))
        self._send(answer.code, obj, answer.warnings)

    def _send(self, code: int, document: Object, warnings: Sequence[str] = (), kind: str = _JSON) -> None:
        headers = [("Content-Type", kind)]
        for text in warnings:
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            headers.append(("Warning", f'299 - "{escaped}"'))
        self._send_bytes(code, headers, _encoded(document) + b"\n")

    def _send_bytes(self, code: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self._lost:
            raise ConnectionAbortedError
        self.send_response(code)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, kind: str, chunks: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()  # a watcher wants to know that it watches before anything happens
        for chunk in chunks:
            if chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _alive(self) -> bool:
        """Whether the client still listens and the server still serves."""
        if self.server.closing.is_set() or self._cuts != self.server.trouble.cuts:
            return False
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))


def _check_subresource(resource: Resource, name: str) -> None:
    known = {"": True, "status": resource.status, "scale": bool(resource.scale), "finalize": resource is NAMESPACES}
    if not known.get(name):
        raise no_such_path()


def _bare(obj: Object) -> Object:
    return {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}


def _encoded(document: Object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
