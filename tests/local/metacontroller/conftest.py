"""What the tests share: a toy hook server over real HTTP, an API in memory, and the loop between them."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
import uuid
from typing import Any, NamedTuple

import pytest

from clients.kube.errors import Invalid
from local.metacontroller import Loop

from .apis import CONFIGMAPS, EVENTS, NS, THINGS, MemoryApi, StoreApi


def eventually(check, what="it did not happen", seconds=20.0):
    """Waits for a condition; returns what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = check()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError(f"{what}: still {check()!r} after {seconds} s")


class Call(NamedTuple):
    method: str
    path: str
    headers: Any
    body: bytes

    @property
    def request(self) -> dict[str, Any]:
        return json.loads(self.body)


class Hooks:
    """A hook server: per path a JSON answer, (status, headers, body), or a function of the request returning either."""

    def __init__(self):
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

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path, answer):
        self._answers[path] = answer

    def calls(self, path):
        return [call for call in list(self._calls) if call.path == path]

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        answer = self._answers[handler.path]
        call = Call(handler.command, handler.path, handler.headers, body)
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


@pytest.fixture
def hooks():
    server = Hooks()
    yield server
    server.close()


class World:
    """An API, a hook server, and loops that are stopped at the end."""

    THINGS = THINGS
    CONFIGMAPS = CONFIGMAPS

    def invalid(self, message):
        return Invalid(422, "Invalid", message)

    def __init__(self, api, hooks):
        self.api = api
        self.hooks = hooks
        self._loops = []

    def run(self, *controllers, **options):
        loop = Loop(self.api, controllers, webhook_url={"hooks": self.hooks.url}, watch=self.api.watch, **options)
        self._loops.append(loop)
        loop.start()
        return loop

    def close(self):
        for loop in self._loops:
            loop.stop()

    def thing(self, name="a", resource=THINGS, **metadata):
        body = {"apiVersion": resource.api_version, "kind": resource.kind}
        body["metadata"] = {"name": name, "namespace": NS, **metadata}
        return self.api.create(resource, {**body, "spec": {"size": 1}}, namespace=NS)

    def get(self, resource, name="a"):
        return self.api.get(resource, name, namespace=NS)

    def names(self, resource):
        return sorted(obj["metadata"]["name"] for obj in self.api.list(resource, namespace=NS)["items"])

    def poke(self, name="a", resource=THINGS):
        """Makes the parent's next sync due."""
        count = str(uuid.uuid4())
        self.api.patch(resource, name, {"metadata": {"annotations": {"poke": count}}}, namespace=NS)

    def sync_events(self):
        return [e for e in self.api.list(EVENTS, namespace=NS)["items"] if e["reason"] == "SyncError"]

    def calls(self, path="/sync"):
        return [call.request for call in self.hooks.calls(path)]

    def synced_after(self, count, path="/sync"):
        """Waits until the hook was called more than `count` times."""
        eventually(lambda: len(self.calls(path)) > count, f"no call of {path}")

    def quiet(self, seconds=0.4):
        """Waits until nothing is called or written for a while; returns the number of sync calls."""
        while True:
            before = len(self.hooks._calls), len(self.api.writes)
            time.sleep(seconds)
            if (len(self.hooks._calls), len(self.api.writes)) == before and self.api.delivered():
                return len(self.calls())


@pytest.fixture
def memory(hooks):
    """A world in memory, for what the store's own helpers would get in the way of."""
    created = World(MemoryApi(), hooks)
    yield created
    created.close()


@pytest.fixture
def store(hooks, tmp_path):
    """A world on the real store."""
    api = StoreApi(tmp_path)
    created = World(api, hooks)
    yield created
    created.close()
    api.close()


@pytest.fixture(params=["memory", "store"])
def world(request):
    """Both, one after the other: whoever passes in one has to pass in the other."""
    return request.getfixturevalue(request.param)


def hook(path, version="v2", **webhook):
    return {"version": version, "webhook": {"service": {"name": "hooks", "namespace": "mc"}, "path": path, **webhook}}


def configmap(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"k": "v"}}


def children(*names, **answer):
    return {"status": {"seen": True}, "children": [configmap(name) for name in names], **answer}


def pod(name="p", image="i:1"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def controller(kind, name, spec):
    return {"apiVersion": "metacontroller.k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def composite():
    """A CompositeController of Things with ConfigMaps; keywords go into its spec, hooks by name."""

    def make(version="v2", finalize=False, customize=None, ignore_status=False, method="InPlace", children=(), **spec):
        hooks = {"sync": hook("/sync", version)}
        if finalize:
            hooks["finalize"] = hook("/finalize", version)
        if customize:
            hooks["customize"] = hook("/customize", customize)
        strategy = {"updateStrategy": {"method": method}}
        types = [{"apiVersion": r.api_version, "resource": r.plural, **strategy} for r in (CONFIGMAPS, *children)]
        parent = {"apiVersion": "example.org/v1", "resource": "things", "ignoreStatusChanges": ignore_status}
        body = {"parentResource": parent, "childResources": types, "hooks": hooks, "generateSelector": True, **spec}
        return {
            "apiVersion": "metacontroller.k8s.io/v1alpha1",
            "kind": "CompositeController",
            "metadata": {"name": "cc"},
            "spec": body,
        }

    return make


@pytest.fixture
def decorator():
    """A DecoratorController of Things that attaches ConfigMaps."""

    def make(finalize=False, selector=None, **spec):
        hooks = {"sync": hook("/sync")}
        if finalize:
            hooks["finalize"] = hook("/finalize")
        target = {"apiVersion": "example.org/v1", "resource": "things", **(selector or {})}
        attached = {"apiVersion": "v1", "resource": "configmaps", "updateStrategy": {"method": "InPlace"}}
        body = {"resources": [target], "attachments": [attached], "hooks": hooks, **spec}
        return {
            "apiVersion": "metacontroller.k8s.io/v1alpha1",
            "kind": "DecoratorController",
            "metadata": {"name": "dc"},
            "spec": body,
        }

    return make
