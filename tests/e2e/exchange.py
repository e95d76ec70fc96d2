"""What passed between Metacontroller and the hooks about one cluster, and what became of each object.

The hooks log each answer (`--log-answers`), a watch sees each object. Names lose their hashes, so that the records of
two runs, or of two places, can be compared.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clients.kube import Listed, Resource, watch
from clients.kube import resources as r
from core import names
from core.pods import is_ready

from . import places
from .world import Object, World

Record = dict[str, dict[str, list[str]]]
Said = dict[str, Any]
WATCHED = (
    *(r.FLINK_DEPLOYMENTS, r.FLINK_CLUSTERS, r.FLINK_JOBS, r.PODS, r.SERVICES, r.DEPLOYMENTS, r.JOBS),
    Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
)
FLAG = "--log-answers"
REVISION = re.compile(r"-[0-9a-f]{8}-")
WRITTEN_BY_THE_SERVER = ("resourceVersion", "generation", "managedFields", "creationTimestamp", "uid")


class Recorder:
    """Watches everything of ours in a namespace whose name has `cluster` in it, until it is closed."""

    def __init__(self, world: World, cluster: str) -> None:
        self._world, self._cluster = world, cluster
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._last: dict[str, Object] = {}
        self._became: dict[str, list[str]] = {}
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in WATCHED]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def record(self) -> Record:
        """Call it when all is over, before the hooks are told not to log any more."""
        said = [(f"{item['hook'].split('/')[1]} {item['name']}", item) for item in self._said()]
        return {"sent": _sent(said), "answered": _answered(said), "objects": dict(sorted(self._became.items()))}

    def _follow(self, kind: Resource) -> None:
        for event in watch(self._world.client, kind, namespace=self._world.namespace, stop=self._stop):
            if isinstance(event, Listed):
                for item in event.items:
                    self._note(kind, item, gone=False)
            else:
                self._note(kind, event.object, gone=event.type == "DELETED")

    def _note(self, kind: Resource, item: Object, *, gone: bool) -> None:
        name, uid = item["metadata"]["name"], item["metadata"]["uid"]
        if self._cluster not in name or not _ours(kind, item):
            return
        with self._lock:
            became = self._became.setdefault(_plain(f"{kind.kind} {name}"), [])
            before = self._last.get(uid)
            new = ["created"] if before is None else _changes(before, item)
            became += [change for change in new if change not in became]
            if gone:
                became.append("deleted")
            self._last[uid] = item

    def _said(self) -> list[Said]:
        """The hooks' lines about this cluster."""
        return [
            item
            for item in _lines(self._world)
            if item["namespace"] == self._world.namespace and self._cluster in item["name"]
        ]


def _sent(said: Iterable[tuple[str, Said]]) -> dict[str, list[str]]:
    """The children that were ever observed."""
    found: dict[str, set[str]] = {}
    for parent, item in said:
        found.setdefault(parent, set()).update(map(_plain, item["observed"]))
    return {parent: sorted(names) for parent, names in sorted(found.items())}


def _answered(said: Iterable[tuple[str, Said]]) -> dict[str, list[str]]:
    """Each answer that differs from the one before it, by what it adds and leaves out."""
    found: dict[str, list[str]] = {}
    last: dict[str, tuple[str, set[str]]] = {}
    for parent, item in said:
        # A deployment's phase is made of its children's: how often it turns depends on which of them is quicker.
        phase = "" if parent.startswith("deployment ") else item["phase"]
        phase += " finalized" if item["finalized"] else ""
        children = set(map(_plain, item["children"]))
        _, before = last.get(parent, ("", set()))
        if (phase, children) != last.get(parent):
            changes = [f"+{name}" for name in sorted(children - before)]
            changes += [f"-{name}" for name in sorted(before - children)]
            found.setdefault(parent, []).append(" ".join(filter(None, [phase, *changes])))
        last[parent] = (phase, children)
    return {parent: _settled(answers) for parent, answers in sorted(found.items())}


def _settled(answers: list[str]) -> list[str]:
    """Without a bare phase that the next answer repeats: two writes in quick succession may be one sync or two."""
    after = [*answers[1:], ""]
    return [answer for answer, then in zip(answers, after, strict=True) if not then.startswith(f"{answer} ")]


def _ours(kind: Resource, item: Object) -> bool:
    """A Flink resource, or made by Metacontroller for one."""
    owners = item["metadata"].get("ownerReferences") or ()
    return kind.group == names.GROUP or any(owner["apiVersion"] == names.API_VERSION for owner in owners)


def _changes(before: Object, after: Object) -> Iterator[str]:
    if after["metadata"].get("deletionTimestamp") and not before["metadata"].get("deletionTimestamp"):
        yield "terminating"
    if _metadata(before) != _metadata(after):
        yield "metadata"
    for part in ("spec", "status"):
        if before.get(part) != after.get(part):
            yield part


def _metadata(item: Object) -> Mapping[str, Any]:
    ignored = (*WRITTEN_BY_THE_SERVER, "deletionTimestamp", "deletionGracePeriodSeconds")
    return {key: value for key, value in item["metadata"].items() if key not in ignored}


def _plain(name: str) -> str:
    return REVISION.sub("-REVISION-", name)


def _lines(world: World) -> Iterator[Said]:
    (pod,) = [pod for pod in world.hooks() if not pod["metadata"].get("deletionTimestamp")]
    namespace, _ = places.HOOKS
    for line in world.client.logs(pod["metadata"]["name"], namespace=namespace):
        _, found, text = line.partition(" answered ")
        if found:
            yield json.loads(text)


@contextmanager
def logged(world: World) -> Iterator[None]:
    """The hooks log their answers; then they are as they were."""
    path = "/spec/template/spec/containers/0/args"
    deployment = world.client.get(r.DEPLOYMENTS, "flink-hooks", namespace=places.HOOKS[0])
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    try:
        _replaced(world, [{"op": "replace", "path": path, "value": [*args, FLAG]}])
        yield
    finally:
        _replaced(world, [{"op": "replace", "path": path, "value": args}])


def _replaced(world: World, patch: list[dict[str, Any]]) -> None:
    """Changes the hooks' Deployment, and waits until only new pods are there."""
    namespace, _ = places.HOOKS
    before = {pod["metadata"]["uid"] for pod in world.hooks()}
    world.client.patch(r.DEPLOYMENTS, "flink-hooks", patch, namespace=namespace, kind="json")

    def renewed() -> bool:
        pods = world.hooks()
        return bool(pods) and all(is_ready(pod) and pod["metadata"]["uid"] not in before for pod in pods)

    world.wait("other hooks are ready", renewed)


def differences(there: Record, here: Record) -> dict[str, list[str]]:
    """What is not as it was there, as it is here."""
    return {
        f"{part}: {key}": here[part].get(key, [])
        for part in there
        for key in sorted({*there[part], *here[part]})
        if there[part].get(key) != here[part].get(key)
    }
