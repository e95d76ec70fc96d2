"""One test's namespaces, hooks and controllers, in whichever place."""

from __future__ import annotations

import threading
import time
import uuid

from clients.kube import Changed, resources, watch
from clients.kube.resources import CONFIGMAPS

from .places import SERVICE_ACCOUNTS, THINGS
from .toys import Hooks

KUBE_ROOT = "kube-root-ca.crt"  # a ConfigMap that a cluster puts into every namespace


class World:
    def __init__(self, place):
        self.place = place
        self.client = place.client
        self.local = place.local
        self.hooks = Hooks(place.hook_address)
        name = f"toys-{uuid.uuid4().hex[:8]}"
        self.ns, self.other = name, f"{name}-other"
        self.name = name  # of its controllers: they have no namespace
        self.expected = set()
        self._removes = []
        self._stop = threading.Event()
        for namespace in (self.ns, self.other):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            self.client.create(resources.NAMESPACES, body)
        if not self.local:  # without it no pod is admitted, and a controller makes it in its own time
            self.eventually(lambda: self.client.list(SERVICE_ACCOUNTS, namespace=self.ns)["items"])

    def close(self):
        self._stop.set()
        self.place.forget((self.ns, self.other))
        for remove in list(self._removes):
            remove()
        self.hooks.close()
        if self.place.guards:
            odd = [str(finding) for finding in self.place.guards.findings if finding.guard not in self.expected]
            assert not odd, "the guards found something"

    # ---- controllers ------------------------------------------------------------------------------------------------

    def hook(self, path, version="v2", **webhook):
        return {"version": version, "webhook": {"url": self.hooks.url + path, **webhook}}

    def composite(
        self,
        version="v2",
        *,
        finalize=False,
        customize=None,
        ignore_status=False,
        method="InPlace",
        types=(),
        webhook=None,
        suffix="",
        path="",
        **spec,
    ):
        """A CompositeController of Things with ConfigMaps and `types`; what is not named here goes into its spec."""
        hooks = {"sync": self.hook(f"{path}/sync", version, **(webhook or {}))}
        if finalize:
            hooks["finalize"] = self.hook(f"{path}/finalize", version)
        if customize:
            hooks["customize"] = self.hook(f"{path}/customize", customize)
        strategy = {"updateStrategy": {"method": method}}
        children = [{"apiVersion": r.api_version, "resource": r.plural, **strategy} for r in (CONFIGMAPS, *types)]
        parent = {"apiVersion": "example.org/v1", "resource": "things", "ignoreStatusChanges": ignore_status}
        body = {"parentResource": parent, "childResources": children, "hooks": hooks, "generateSelector": True, **spec}
        return _controller("CompositeController", self.name + suffix, body)

    def decorator(self, *, finalize=False, selector=None, suffix="", path="", **spec):
        """A DecoratorController of Things that attaches ConfigMaps."""
        hooks = {"sync": self.hook(f"{path}/sync")}
        if finalize:
            hooks["finalize"] = self.hook(f"{path}/finalize")
        target = {"apiVersion": "example.org/v1", "resource": "things", **(selector or {})}
        attached = {"apiVersion": "v1", "resource": "configmaps", "updateStrategy": {"method": "InPlace"}}
        body = {"resources": [target], "attachments": [attached], "hooks": hooks, **spec}
        return _controller("DecoratorController", self.name + suffix, body)

    def run(self, *controllers, **options):
        """Returns how to stop them. Options are those of our own Loop, and mean nothing elsewhere."""
        remove = self.place.install(controllers, **options)
        self._removes.append(remove)

        def stop():
            self._removes.remove(remove)
            remove()

        return stop

    def expect(self, guard):
        """This test does what a guard has to find. Waits for that where there are guards."""
        self.expected.add(guard)
        if guards := self.place.guards:
            self.eventually(lambda: guard in {finding.guard for finding in guards.findings}, f"no {guard} was found")

    # ---- objects ----------------------------------------------------------------------------------------------------

    def thing(self, name="a", resource=THINGS, spec=None, **metadata):
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec or {"size": 1}}
        return self.create(resource, {**body, "metadata": {"name": name, **metadata}})

    def create(self, resource, body):
        return self.client.create(resource, body, namespace=self.ns)

    def get(self, resource, name="a"):
        return self.client.get(resource, name, namespace=self.ns)

    def status(self):
        return self.get(THINGS).get("status")

    def names(self, resource):
        found = self.client.list(resource, namespace=self.ns)["items"]
        return sorted(obj["metadata"]["name"] for obj in found if obj["metadata"]["name"] != KUBE_ROOT)

    def patch(self, resource, name, patch, **options):
        return self.client.patch(resource, name, patch, namespace=self.ns, **options)

    def delete(self, resource, name="a", **options):
        self.client.delete(resource, name, namespace=self.ns, **options)

    def poke(self, name="a"):
        """Makes the parent's next sync due."""
        self.patch(THINGS, name, {"metadata": {"annotations": {"poke": uuid.uuid4().hex}}})

    def write_status(self, **status):
        self.patch(THINGS, "a", {"status": status}, subresource="status")

    def sync_events(self):
        found = self.client.list(resources.EVENTS, namespace=self.ns)["items"]
        return [event for event in found if event["reason"] == "SyncError"]

    def history(self, resource):
        """A list that grows with the changes of a resource from now on: (type, name, uid, resourceVersion)."""
        seen, listed = [], threading.Event()

        def follow():
            for found in watch(self.client, resource, namespace=self.ns, stop=self._stop):
                if isinstance(found, Changed):
                    metadata = found.object["metadata"]
                    seen.append((found.type, metadata["name"], metadata["uid"], metadata["resourceVersion"]))
                listed.set()

        threading.Thread(target=follow, daemon=True).start()
        assert listed.wait(self.place.patience)
        return seen

    # ---- time -------------------------------------------------------------------------------------------------------

    def eventually(self, check, what="it did not happen"):
        """Waits for a condition; returns what it returned."""
        deadline = time.monotonic() + self.place.patience
        while time.monotonic() < deadline:
            result = check()
            if result:
                return result
            time.sleep(0.01 if self.local else 0.2)
        raise AssertionError(f"{what}: still {check()!r} after {self.place.patience} s")

    def calls(self, path="/sync"):
        return [call.request for call in self.hooks.calls(path)]

    def synced_after(self, count, path="/sync"):
        """Waits until the hook was called more than `count` times."""
        self.eventually(lambda: len(self.hooks.calls(path)) > count, f"no call of {path}")

    def quiet(self):
        """Waits until nothing is called any more; returns the number of sync calls."""
        while True:
            before = len(self.hooks.calls())
            self.place.pause()
            if len(self.hooks.calls()) == before:
                return len(self.hooks.calls("/sync"))

    def synced_again(self):
        """Wakes the parent and waits until nothing follows any more; returns how many sync calls it took."""
        before = self.quiet()
        self.poke()
        self.synced_after(before)
        return self.quiet() - before


def _controller(kind, name, spec):
    return {"apiVersion": "metacontroller.k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
