"""Metacontroller and its three controllers on a copy of the state: the real hooks answer, every pod runs at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cli.plan.edit import born, stored
from cli.plan.state import Object, State, is_deleting, key_of, place_of, problems_of
from core import conditions, names, times
from hooks import deployment as deployment_hook
from hooks import job as job_hook
from hooks.cluster import sync as cluster_hook
from hooks.install import Install
from hooks.protocol import Request
from local.metacontroller.apply import apply, identical

CHILDREN = {names.DEPLOYMENT: (names.CLUSTER, names.JOB), names.CLUSTER: ("Pod", "Service", "Deployment")}


class Controllers:
    def __init__(self, state: State, now: datetime) -> None:
        self._state, self._now = state, now
        self._installs = {place_of(item): _install(state, item) for item in state.of(names.CLUSTER)}

    def sync_deployment(self, parent: Object) -> None:
        if not is_deleting(parent):  # else its children go with it, and the garbage collector does that
            self._take(parent, deployment_hook.sync(self._request(parent), problems_of(parent)))

    def sync_cluster(self, parent: Object) -> None:
        request, problems = self._request(parent), problems_of(parent)
        hook = cluster_hook.finalize if request.finalizing else cluster_hook.sync
        answer = hook(request, problems, self._now)
        self._take(parent, answer)
        if answer.get("finalized"):
            self._state.remove(parent)

    def _request(self, parent: Object) -> Request:
        children = {kind: self._state.owned(parent, kind) for kind in CHILDREN[parent["kind"]]}
        bound = self._state.of_cluster(names.JOB, parent) if parent["kind"] == names.CLUSTER else []
        install = self._installs.get(place_of(parent), Install())
        return Request(parent, children, {names.JOB: bound}, is_deleting(parent), install)

    def sync_job(self, parent: Object) -> None:
        """The bootstrap Job is not looked at: the JAR arrives."""
        namespace = parent["metadata"].get("namespace", "")
        there = [item for item in self._state.of(names.CLUSTER) if item["metadata"].get("namespace", "") == namespace]
        request = Request(parent, {"Job": []}, {names.CLUSTER: there}, is_deleting(parent))
        if not is_deleting(parent):
            self._label(parent, job_hook.sync(request)["labels"])
        elif job_hook.finalize(request, self._now)["finalized"]:
            self._state.remove(parent)

    def _label(self, item: Object, labels: Mapping[str, str]) -> None:
        known = item["metadata"].get("labels") or {}
        self._state.put({**item, "metadata": {**item["metadata"], "labels": {**known, **labels}}})

    def _take(self, parent: Object, answer: Mapping[str, Any]) -> None:
        """The answer's status, and its children as the update strategies of our controllers say."""
        generation = parent["metadata"].get("generation", 0)
        self._state.put({**parent, "status": {**answer["status"], "observedGeneration": generation}})
        for kind in CHILDREN[parent["kind"]]:
            desired = {item["metadata"]["name"]: item for item in answer["children"] if item["kind"] == kind}
            observed = {item["metadata"]["name"]: item for item in self._state.owned(parent, kind)}
            for name in observed.keys() - desired.keys():
                self._delete(observed[name])
            for name, item in desired.items():
                self._create_or_update(parent, observed.get(name), item)

    def _create_or_update(self, parent: Object, observed: Object | None, desired: Object) -> None:
        if observed is None and self._state.get(key_of(desired)):
            return  # another's object of that name, which is left alone
        if observed is None:
            made = _owned(parent, born(apply({"metadata": {}}, desired), self._now))
            self._state.put({**made, "status": _ready(self._now)} if made["kind"] == "Pod" else made)
        elif observed["kind"] != "Pod":
            updated = apply(observed, desired)
            if not identical(updated, observed):
                self._state.put(stored(observed, updated))

    def _delete(self, item: Object) -> None:
        """A job has a finalizer; everything else is gone at once."""
        if item["kind"] != names.JOB:
            self._state.remove(item)
        elif not is_deleting(item):
            metadata = {**item["metadata"], "deletionTimestamp": times.to_text(self._now)}
            self._state.put({**item, "metadata": metadata})


def _install(state: State, cluster: Object) -> Install:
    """As the install is, which only its hooks know: a cluster that is there shows whether it has a supervisor."""
    has_one = any(
        item["metadata"]["name"] == names.supervisor_deployment(cluster["metadata"]["name"])
        for item in state.of_cluster("Deployment", cluster)
    )
    return Install(shared_supervisor=bool(cluster.get("status")) and not has_one)


def _owned(parent: Object, child: Object) -> Object:
    owner = {key: parent[key] for key in ("apiVersion", "kind")}
    owner |= {"name": parent["metadata"]["name"], "uid": parent["metadata"]["uid"], "controller": True}
    return {**child, "metadata": {**child["metadata"], "ownerReferences": [owner]}}


def _ready(now: datetime) -> Object:
    return {
        "phase": "Running",
        "startTime": times.to_text(now),
        "conditions": [{"type": conditions.READY, "status": "True"}],
    }
