"""A toy hook server over real HTTP, and small objects for its answers."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from typing import Any, NamedTuple


class Call(NamedTuple):
    method: str
    path: str
    headers: Any
    body: bytes
    at: float  # monotonic

    @property
    def request(self) -> dict[str, Any]:
        return json.loads(self.body)


class Hooks:
    """A hook server: per path a JSON answer, (status, headers, body), or a function of the request returning either.

    address: where it listens, and where Metacontroller reaches it.
    """

    def __init__(self, address="127.0.0.1"):
        self._answers = {}
        self._calls = []
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                hooks.handle(self)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://{address}:{self._server.server_port}"

    def answer(self, path, answer):
        self._answers[path] = answer

    def calls(self, path=None):
        return [call for call in list(self._calls) if path in (None, call.path)]

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        answer = self._answers[handler.path]
        call = Call(handler.command, handler.path, handler.headers, body, time.monotonic())
        self._calls.append(call)
        if callable(answer):
            answer = answer(call.request)
        status, headers, content = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer).encode())
        with contextlib.suppress(OSError):  # the client gave up
            self._send(handler, status, headers, content)

    def _send(self, handler, status, headers, content):
        chunks = [content] if isinstance(content, bytes) else content
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in headers:
            handler.send_header("Content-Length", str(len(content)))
        else:
            handler.close_connection = True
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(chunk)
            handler.wfile.flush()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def configmap(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"k": "v"}}


def children(*names, **answer):
    return {"status": {"seen": True}, "children": [configmap(name) for name in names], **answer}


def attach(*names, **answer):
    return {"attachments": [configmap(name) for name in names], **answer}


def pod(name="p", image="i:1", **container):
    """One that no scheduler finds a node for: in a cluster, too, nobody but the loop touches it."""
    spec = {"nodeSelector": {"nowhere": "yes"}, "containers": [{"name": "c", "image": image, **container}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def service(name="s"):
    spec = {"selector": {"app": "d"}, "ports": [{"name": "ui", "port": 8081}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def deployment(name="d", replicas=0):
    template = {"metadata": {"labels": {"app": "d"}}, "spec": pod()["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "d"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def job(name="j"):
    template = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": True, "template": template},
    }
