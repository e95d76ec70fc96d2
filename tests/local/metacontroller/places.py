"""Where the toy controllers run: the loop on the store next door, or a real Metacontroller on a real cluster."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from urllib.parse import urlsplit

import pytest

from clients.kube import KubeClient, KubeError, connect, resources
from clients.kube.errors import AlreadyExists, NotFound
from clients.kube.resources import Resource
from local.metacontroller import Guards, Loop
from local.store import serve

from . import rights

THINGS = Resource("example.org", "v1", "things", "Thing")
GADGETS = Resource("example.org", "v1", "gadgets", "Gadget")
TOYS = (THINGS, GADGETS)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


def crd(resource):
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    status = {**anything, "properties": {"text": {"type": "string"}}}
    schema = {"type": "object", "properties": {"spec": anything, "status": status}}
    version = {"name": resource.version, "served": True, "storage": True, "subresources": {"status": {}}}
    names = {"plural": resource.plural, "kind": resource.kind}
    return {
        "apiVersion": resources.CRDS.api_version,
        "kind": resources.CRDS.kind,
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


class Spy(KubeClient):
    """The loop's client. `writes` are what was accepted, changed or not; `before` may raise, or do something behind
    the loop's back, and gets method, path and body."""

    def __init__(self, connection):
        super().__init__(connection)
        self.writes = []
        self.before = lambda method, path, body: None

    def request(self, method, path, **options):
        if method != "GET":
            self.before(method, path, options.get("json"))
        response = super().request(method, path, **options)
        if method != "GET" and "/events" not in path:
            self.writes.append((method, path.partition("/namespaces/")[2].partition("/")[2]))
        return response


class Emulator:
    """A store and loops of ours. Guards watch every test."""

    local = True
    patience = 20.0

    def __init__(self, folder):
        self._store = serve(logs=folder)
        self.trouble = self._store.trouble
        kubeconfig = str(self._store.kubeconfig(folder / "kubeconfig"))
        self.client = KubeClient(connect(kubeconfig))
        self.spy = Spy(connect(kubeconfig))
        self.guards = Guards(replay=False)
        self.hook_address = "127.0.0.1"
        self.loops = []
        for resource in TOYS:
            self.client.create(resources.CRDS, crd(resource))

    def install(self, controllers, **options):
        """Returns how to remove them."""
        loop = Loop(self.spy, controllers, webhook_url={}, observer=self.guards, **options)
        self.loops.append(loop)
        loop.start()

        def remove():
            self.loops.remove(loop)
            loop.stop()

        return remove

    def delivered(self):
        """Until all that has happened is known, dealt with or not."""
        deadline = time.monotonic() + self.patience
        while not all(loop.current() for loop in self.loops):
            assert time.monotonic() < deadline, "it is never told"
            time.sleep(0.01)

    def pause(self):
        """Until all that has happened is dealt with."""
        deadline = time.monotonic() + self.patience
        while not all(loop.settled() for loop in self.loops):
            assert time.monotonic() < deadline, "it never settles"
            time.sleep(0.01)

    def forget(self, namespaces):
        pass  # it goes with the store

    def close(self):
        self._store.close()


class Cluster:
    """The cluster of the current context with Metacontroller in it, which reaches this machine under HOOKS_ADDRESS."""

    local = False
    patience = 90.0
    spy = guards = None

    def __init__(self):
        try:
            self.client = KubeClient(connect())
            self.client.list(resources.COMPOSITE_CONTROLLERS)
        except KubeError as error:
            pytest.exit(f"--cluster needs a cluster with Metacontroller: {error}", returncode=2)
        if lacking := rights.missing(self.client):
            pytest.exit(lacking, returncode=2)
        self.hook_address = os.environ.get("HOOKS_ADDRESS") or _own_address(self.client.connection.server)
        for resource in TOYS:
            with contextlib.suppress(AlreadyExists):
                self.client.create(resources.CRDS, crd(resource))
        time.sleep(25)  # Metacontroller looks for new types every 20 s, and tells nobody

    def install(self, controllers, **_options):
        kinds = {kind.kind: kind for kind in (resources.COMPOSITE_CONTROLLERS, resources.DECORATOR_CONTROLLERS)}
        for item in controllers:
            self.client.create(kinds[item["kind"]], item)

        def remove():
            for item in controllers:
                with contextlib.suppress(NotFound):
                    self.client.delete(kinds[item["kind"]], item["metadata"]["name"])
            self.pause()

        return remove

    def delivered(self):
        time.sleep(2)

    def pause(self):
        """Nothing tells when Metacontroller has caught up; its five requests a second make it slow."""
        time.sleep(3)

    def forget(self, namespaces):
        for name in namespaces:
            for resource in TOYS:
                for item in self.client.list(resource, namespace=name)["items"]:
                    with contextlib.suppress(NotFound):
                        patch = {"metadata": {"finalizers": None}}
                        self.client.patch(resource, item["metadata"]["name"], patch, namespace=name)
                        # A namespace takes its time to end; until then the next test's hooks would be asked about it.
                        self.client.delete(resource, item["metadata"]["name"], namespace=name)
            for resource in (resources.PODS, resources.CONFIGMAPS):
                for item in self.client.list(resource, namespace=name)["items"]:
                    if item["metadata"].get("finalizers"):
                        patch = {"metadata": {"finalizers": None}}
                        self.client.patch(resource, item["metadata"]["name"], patch, namespace=name)
            self.client.delete(resources.NAMESPACES, name)

    def close(self):
        for resource in TOYS:
            self.client.delete(resources.CRDS, f"{resource.plural}.{resource.group}")
        self.client.close()


def _own_address(server):
    """Of this machine, as the API server sees it."""
    target = urlsplit(server)
    with socket.create_connection((target.hostname, target.port or 443)) as connection:
        return connection.getsockname()[0]
