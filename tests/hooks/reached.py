"""Worlds that can be reached: children are what the hook answered before, as an API server stores it, and what then
happened to them. Built with the local runtime's own store and merge, which are proven against the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import assume
from hypothesis import strategies as st

import crds
from core import schema
from hooks.protocol import LAST_APPLIED
from local.metacontroller import apply
from local.metacontroller.errors import SyncError
from local.store import writes
from local.store.errors import Refusal
from local.store.resources import BUILT_IN, from_crd

from . import schemas
from .worlds import NS, Resource, resource

BASE = Path(__file__).parents[2] / "metacontroller" / "base" / "controllers.yaml"
RESOURCES = {
    item.kind: item for item in [*BUILT_IN, *(found for kind in crds.KINDS for found in from_crd(crds.load(kind)))]
}
BORN = "2026-01-01T00:00:00Z"
# None of these may reach a child: each of them is read by a selector or a controller.
FOREIGN_LABELS = {
    "controller-uid": "another",
    "batch.kubernetes.io/job-name": "another",
    "job-name": "another",
    "team": "x",
}


@cache
def declared(controller: str) -> dict[str, str]:
    """Child kinds of a controller and how each is updated, as it is installed."""
    found = next(item for item in yaml.safe_load_all(BASE.read_text("utf-8")) if item["metadata"]["name"] == controller)
    entries = found["spec"].get("childResources") or found["spec"]["attachments"]
    plurals = {(item.api_version, item.plural): item.kind for item in RESOURCES.values()}
    return {plurals[entry["apiVersion"], entry["resource"]]: entry["updateStrategy"]["method"] for entry in entries}


class Children:
    """The observed children of one parent, under Metacontroller's hand and everybody else's."""

    def __init__(self, controller: str) -> None:
        self.methods = declared(controller)
        self.objects: dict[tuple[str, str], Resource] = {}
        self.restless: list[tuple[str, str]] = []  # those which the same answer would change again and again
        self._count = 0

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.objects.values())

    def take(self, answered: Iterable[Resource]) -> None:
        """What Metacontroller makes of an answer."""
        wanted = {(child["kind"], child["metadata"]["name"]): child for child in answered}
        for key in self.objects.keys() - wanted.keys():
            self._delete(key)
        for key, child in wanted.items():
            old = self.objects.get(key)
            if old is None:
                self._create(key, child)
            elif self.methods[key[0]] == "InPlace" and "deletionTimestamp" not in old["metadata"]:
                with suppress(SyncError):  # somebody's hand in Metacontroller's annotation
                    self._store(key, child, apply.apply(old, child), old)

    def _create(self, key: tuple[str, str], child: Resource) -> None:
        self._count += 1
        kind = RESOURCES[key[0]]
        obj = writes.newborn(kind, writes.read(kind, NS, apply.with_last_applied(deepcopy(child), child)))
        obj["metadata"].update(uid=f"uid-{self._count}", creationTimestamp=BORN)
        self._store(key, child, obj, None)

    def _store(self, key: tuple[str, str], child: Resource, obj: Resource, old: Resource | None) -> None:
        kind = RESOURCES[key[0]]
        with suppress(Refusal):  # an error of this child; the others go on
            self.objects[key] = writes.settle(kind, writes.read(kind, NS, obj), old)
            self.objects[key] |= {"status": obj["status"]} if "status" in obj else {}
            stored = self.objects[key]
            if self.methods[key[0]] == "InPlace" and not apply.identical(apply.apply(stored, child), stored):
                self.restless.append(key)

    def _delete(self, key: tuple[str, str]) -> None:
        if key[0] == "Pod" and "deletionTimestamp" not in self.objects[key]["metadata"]:
            self.objects[key]["metadata"]["deletionTimestamp"] = BORN  # its grace period
        else:
            del self.objects[key]


@st.composite
def misfortunes(draw: st.DrawFn) -> Callable[[Children], None]:
    """Something that happens to one child: it dies, ends, goes, or somebody edits it."""
    index, what = draw(st.integers(0, 9)), draw(st.sampled_from(sorted(EVENTS)))
    value = draw(EVENTS[what][0])

    def happen(children: Children) -> None:
        keys = sorted(children.objects)
        if keys:
            key = keys[index % len(keys)]
            EVENTS[what][1](children, key, value)

    return happen


def _status(children: Children, key: tuple[str, str], value: Any) -> None:
    if key[0] == "Pod":
        children.objects[key]["status"] = value


def _gone(children: Children, key: tuple[str, str], value: Any) -> None:
    del children.objects[key]


def _terminating(children: Children, key: tuple[str, str], value: Any) -> None:
    children.objects[key]["metadata"]["deletionTimestamp"] = value


def _label(children: Children, key: tuple[str, str], value: Any) -> None:
    labels = children.objects[key]["metadata"].setdefault("labels", {})
    name = sorted(labels)[value[0] % len(labels)] if labels else "team"
    labels[name] = value[1]


def _annotations(children: Children, key: tuple[str, str], value: Any) -> None:
    annotations = children.objects[key]["metadata"].setdefault("annotations", {})
    annotations[LAST_APPLIED] = value
    if value is None:
        del annotations[LAST_APPLIED]


PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"])
STATUSES = st.builds(
    lambda phase, more: {**(more or {}), "phase": phase},
    PHASES,
    schemas.values(schemas.definition(f"{schemas.CORE}.PodStatus")),
)
EVENTS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Children, tuple[str, str], Any], None]]] = {
    "phase": (PHASES.map(lambda phase: {"phase": phase, "podIP": "10.0.0.1"}), _status),
    "status": (STATUSES, _status),
    "gone": (st.none(), _gone),
    "terminating": (schemas.TIMES, _terminating),
    "label": (st.tuples(st.integers(0, 9), st.text("ab-9", max_size=3)), _label),
    "annotation": (st.sampled_from([None, "", "{", "null", "[]", '{"kind": "Pod"}']), _annotations),
}


@st.composite
def stored(draw: st.DrawFn, kind: str, name: str, *, with_status: bool = True) -> Resource:
    """A custom resource that an API server has taken."""
    whole = crds.schema(kind)["properties"]
    metadata: Resource = {"labels": dict(FOREIGN_LABELS)} if draw(st.booleans()) else {}
    if draw(st.integers(0, 4)) == 4:
        metadata["deletionTimestamp"] = draw(schemas.TIMES)
    made = resource(kind, name, draw(schemas.values(whole["spec"])), **metadata)
    if with_status and draw(st.booleans()):
        made["status"] = draw(schemas.values(whole["status"]))
    found = taken(made)
    assume(schema.cel_errors(crds.schema(kind), None, found) == [])
    return found


def taken(made: Resource) -> Resource:
    """As stored: pruned, defaulted, and with limits in their order, which a rule of the CRD's asks for."""
    whole = crds.schema(made["kind"])
    for body in _bodies(made):
        for low, high in (("minTaskManagers", "maxTaskManagers"), ("minJobParallelism", "maxJobParallelism")):
            if (body.get(low) or 0) > (body.get(high, 32) or 0):
                body.pop(low)
    found: Resource = schema.apply_defaults(whole, schema.prune(whole, made))
    assert schema.errors(whole, found) == []
    return found


def _bodies(made: Resource) -> list[Resource]:
    spec = made["spec"]
    return [spec, spec.get("cluster", {}), *(job["spec"] for job in spec.get("jobs") or [])]


def report(draw: st.DrawFn, parent: Resource) -> str:
    """What the supervisor may have said, about this incarnation or another."""
    status = parent.get("status") or {}
    fields = {
        "revision": st.sampled_from([status.get("revision", ""), "0badcafe"]),
        "incarnation": st.sampled_from([status.get("incarnation", 0), 7]),
        "answering": st.booleans(),
        "taskManagers": st.integers(0, 5),
        "releasable": st.lists(st.sampled_from([f"taskmanager-demo-x-1-{n}" for n in range(3)]), max_size=2),
        "stopped": st.booleans(),
        "restarts": st.integers(0, 2),
    }
    return draw(st.fixed_dictionaries({}, optional=fields).map(json.dumps) | schemas.TEXTS)
