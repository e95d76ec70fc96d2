"""The two APIs that the scenarios run on: one in memory, and the real client on the real store."""

from __future__ import annotations

import contextlib
import copy
import queue
import threading
import types
import uuid
from functools import partial

from clients.kube import Changed, KubeClient, Listed, connect, watch
from clients.kube.errors import AlreadyExists, Conflict, NotFound
from clients.kube.resources import CRDS, Resource
from local.store import serve

THINGS = Resource("example.org", "v1", "things", "Thing")
GADGETS = Resource("example.org", "v1", "gadgets", "Gadget")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
RESOURCES = (THINGS, GADGETS, CONFIGMAPS, PODS, EVENTS, NAMESPACES)
WITH_STATUS = frozenset({THINGS, GADGETS, PODS})
NS = "ns"


def _clean(value):
    """What a server does to what it stores: no nulls, whole numbers as integers."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class MemoryApi:
    """The least of an API server that these tests need, with KubeClient's verbs and `watch`.

    `writes` logs what was accepted, changed or not; `before_write` may raise, or do something behind the caller.
    """

    def __init__(self):
        self._lock = threading.RLock()
        self._objects = {}
        self._version = 100
        self._watchers = []
        self.writes = []
        self.before_write = lambda verb, resource, obj: None

    def request(self, method, path):
        api_version = path.removeprefix("/apis/").removeprefix("/api/")
        served = [r for r in RESOURCES if r.api_version == api_version]
        if not served:
            raise NotFound(404, "NotFound", path)
        items = [{"name": r.plural, "kind": r.kind, "namespaced": r.namespaced} for r in served]
        items += [
            {"name": f"{r.plural}/status", "kind": r.kind, "namespaced": True} for r in served if r in WITH_STATUS
        ]
        return types.SimpleNamespace(json=lambda: {"resources": items})

    def get(self, resource, name, *, namespace=None):
        with self._lock:
            try:
                return copy.deepcopy(self._objects[resource, namespace, name])
            except KeyError:
                raise NotFound(404, "NotFound", f"{resource.plural} {name} not found") from None

    def list(self, resource, *, namespace=None):
        with self._lock:
            found = [
                o
                for (r, ns, _), o in sorted(self._objects.items(), key=str)
                if r == resource and namespace in (None, ns)
            ]
            return {"items": copy.deepcopy(found)}

    def create(self, resource, body, *, namespace=None):
        self.before_write("create", resource, body)
        with self._lock:
            obj = _clean(copy.deepcopy(body))
            key = resource, namespace, obj["metadata"]["name"]
            if key in self._objects:
                raise AlreadyExists(409, "AlreadyExists", f"{key[2]} exists")
            obj["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp="2026-01-01T00:00:00Z")
            if namespace:
                obj["metadata"]["namespace"] = namespace
            if resource.group:
                obj["metadata"]["generation"] = 1
            if resource in WITH_STATUS:
                obj.pop("status", None)
            self._log("create", key)
            return self._store("ADDED", key, obj)

    def replace(self, resource, body, *, namespace=None, subresource=None):
        self.before_write("status" if subresource else "replace", resource, body)
        with self._lock:
            key = resource, namespace, body["metadata"]["name"]
            old = self.get(resource, key[2], namespace=namespace)
            version = old["metadata"]["resourceVersion"]
            if body["metadata"].get("resourceVersion", version) != version:
                raise Conflict(409, "Conflict", "the object has been modified")
            new = _clean(copy.deepcopy(body))
            if subresource:
                new = {**copy.deepcopy(old), "status": new["status"]}
            elif resource in WITH_STATUS:
                new.pop("status", None)
                new.update({"status": old["status"]} if "status" in old else {})
            for field in ("uid", "generation", "creationTimestamp", "deletionTimestamp", "resourceVersion"):
                new["metadata"].pop(field, None)
                if field in old["metadata"]:
                    new["metadata"][field] = old["metadata"][field]
            self._log("status" if subresource else "replace", key)
            if new == old:
                return old
            if resource.group and {**new, "metadata": 0, "status": 0} != {**old, "metadata": 0, "status": 0}:
                new["metadata"]["generation"] += 1
            if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
                return self._remove(key, new)
            return self._store("MODIFIED", key, new)

    def patch(self, resource, name, patch, *, namespace=None, subresource=None):
        with self._lock:
            merged = _merge_patch(self.get(resource, name, namespace=namespace), patch)
            return self.replace(resource, merged, namespace=namespace, subresource=subresource)

    def delete(self, resource, name, *, namespace=None, propagation="Background", uid=None):
        with self._lock:
            key, obj = (resource, namespace, name), self.get(resource, name, namespace=namespace)
            if uid not in (None, obj["metadata"]["uid"]):
                raise Conflict(409, "Conflict", "the uid differs")
            self._log("delete", key)
            if propagation == "Foreground":
                obj["metadata"]["finalizers"] = [*obj["metadata"].get("finalizers", ()), "foregroundDeletion"]
            if not obj["metadata"].get("finalizers"):
                return self._remove(key, obj)
            obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
            return self._store("MODIFIED", key, obj)

    def watch(self, client, resource, *, stop):
        changes = queue.Queue()
        with self._lock:
            items = tuple(self.list(resource)["items"])
            self._watchers.append((resource, changes))
        yield Listed(items)
        while not stop.is_set():
            with contextlib.suppress(queue.Empty):
                yield changes.get(timeout=0.02)
                changes.task_done()
        self._watchers.remove((resource, changes))

    def delivered(self):
        """Whether every change so far has been through the handlers of whoever watches."""
        return all(changes.unfinished_tasks == 0 for _, changes in list(self._watchers))

    def _log(self, verb, key):
        if key[0] != EVENTS:
            self.writes.append((verb, key[0].plural, key[2]))

    def _store(self, change, key, obj):
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._objects[key] = obj
        self._tell(change, key[0], obj)
        return copy.deepcopy(obj)

    def _remove(self, key, obj):
        del self._objects[key]
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", key[0], obj)
        for other, dependent in list(self._objects.items()):
            if obj["metadata"]["uid"] in [o["uid"] for o in dependent["metadata"].get("ownerReferences", ())]:
                self.delete(other[0], other[2], namespace=other[1])
        return copy.deepcopy(obj)

    def _tell(self, change, resource, obj):
        for watched, changes in self._watchers:
            if watched == resource:
                changes.put(Changed(change, copy.deepcopy(obj)))


def _merge_patch(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_patch(result.get(key), value)
    return result


def crd(resource):
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {"name": resource.version, "served": True, "storage": True, "subresources": {"status": {}}}
    names = {"plural": resource.plural, "kind": resource.kind}
    return {
        "apiVersion": CRDS.api_version,
        "kind": CRDS.kind,
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


class StoreApi(KubeClient):
    """The real client on the real store over HTTP, with the same eyes and fingers as MemoryApi."""

    def __init__(self, folder):
        self._store = serve(logs=folder)
        super().__init__(connect(str(self._store.kubeconfig(folder / "kubeconfig"))))
        self.writes = []
        self.before_write = lambda verb, resource, obj: None
        self._handled = {}
        for name in (NS, "other"):
            self.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for resource in (THINGS, GADGETS):
            self.create(CRDS, crd(resource))
        self.writes.clear()

    def create(self, resource, body, *, namespace=None):
        return self._log(
            "create", resource, body, lambda: super(StoreApi, self).create(resource, body, namespace=namespace)
        )

    def replace(self, resource, body, *, namespace=None, subresource=None):
        put = partial(super().replace, resource, body, namespace=namespace, subresource=subresource)
        return self._log("status" if subresource else "replace", resource, body, put)

    def patch(self, resource, name, patch, *, namespace=None, subresource=None):
        change = partial(super().patch, resource, name, patch, namespace=namespace, subresource=subresource)
        return self._log("status" if subresource else "replace", resource, {"metadata": {"name": name}}, change)

    def delete(self, resource, name, **options):
        return self._log(
            "delete", resource, {"metadata": {"name": name}}, partial(super().delete, resource, name, **options)
        )

    def _log(self, verb, resource, body, write):
        self.before_write(verb, resource, body)
        result = write()
        if resource != EVENTS:
            self.writes.append((verb, resource.plural, body["metadata"]["name"]))
        return result

    def watch(self, client, resource, *, stop):
        for event in watch(client, resource, stop=stop):
            yield event
            objects = event.items if isinstance(event, Listed) else (event.object,)
            self._handled.update({(resource, obj["metadata"]["uid"]): _version(obj) for obj in objects})

    def delivered(self):
        """Whether the newest version of every object that is watched has been through the handlers."""
        objects = ((resource, obj) for resource, _ in list(self._handled) for obj in self.list(resource)["items"])
        return all(self._handled.get((r, obj["metadata"]["uid"]), 0) >= _version(obj) for r, obj in objects)

    def close(self):
        super().close()
        self._store.close()


def _version(obj):
    return int(obj["metadata"]["resourceVersion"])
