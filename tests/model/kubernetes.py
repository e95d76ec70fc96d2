"""The API server as a log of changes, caches behind it, Metacontroller around the real hooks, and a kubelet."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from clients.kube import resources
from core import names, times
from hooks import job as job_hook
from hooks.cluster import sync as cluster_hook
from hooks.protocol import Request
from tests.supervisor.lane.fakes import Knife, Kube

Object = dict[str, Any]
NS, CLUSTER = "test", "demo"
FINALIZER = "metacontroller.io/flink"


class Api(Kube):
    """... that remembers every change in its order. Stored objects are never changed in place."""

    def __init__(self, knife: Knife) -> None:
        super().__init__(knife)
        self.log: list[tuple[str, str, Object | None]] = []
        self._uids = itertools.count(1)

    def put(self, resource: resources.Resource, body: Object) -> Object:
        written = super().put(resource, body)
        name = body["metadata"]["name"]
        self.log.append((resource.plural, name, self.objects[resource.plural, name]))
        return written

    def make(self, resource: resources.Resource, body: Object) -> None:
        """Create; a name that is taken is passed over, as Metacontroller does."""
        if (resource.plural, body["metadata"]["name"]) not in self.objects:
            metadata = {**body["metadata"], "uid": f"uid-{next(self._uids)}"}
            self.put(resource, {"status": {}, **body, "metadata": metadata})

    def delete(self, resource: resources.Resource, name: str, at: datetime, uid: str = "") -> None:
        """Marks it: a kubelet ends pods, a finalizer keeps the others."""
        found = self.objects.get((resource.plural, name))
        if found and uid in ("", found["metadata"]["uid"]) and "deletionTimestamp" not in found["metadata"]:
            self.put(resource, {**found, "metadata": {**found["metadata"], "deletionTimestamp": times.to_text(at)}})

    def remove(self, resource: resources.Resource, name: str) -> None:
        if self.objects.pop((resource.plural, name), None):
            self.log.append((resource.plural, name, None))

    def all(self, resource: resources.Resource) -> list[Object]:
        return [body for (plural, _), body in sorted(self.objects.items()) if plural == resource.plural]


class Cache:
    """What one watch has brought so far: never ahead, never back."""

    def __init__(self, api: Api, resource: resources.Resource) -> None:
        self.resource = resource
        self._api, self._position = api, 0
        self._objects: dict[str, Object] = {}

    def catch_up(self, changes: int | None = None) -> None:
        """By so many changes of its resource; all of them for None."""
        while self._position < len(self._api.log) and changes != 0:
            plural, name, body = self._api.log[self._position]
            self._position += 1
            if plural != self.resource.plural:
                continue
            changes = None if changes is None else changes - 1
            if body is None:
                self._objects.pop(name, None)
            else:
                self._objects[name] = body

    def all(self) -> list[Object]:
        return [self._objects[name] for name in sorted(self._objects)]


class Caches:
    """Of one program: each of its watches is behind for itself."""

    def __init__(self, api: Api) -> None:
        self.clusters = Cache(api, resources.FLINK_CLUSTERS)
        self.jobs = Cache(api, resources.FLINK_JOBS)
        self.pods = Cache(api, resources.PODS)
        self.every = (self.clusters, self.jobs, self.pods)

    def catch_up(self) -> None:
        for cache in self.every:
            cache.catch_up()


class Metacontroller:
    """One sync is one list of writes, which may break off anywhere."""

    def __init__(self, api: Api, clock: Callable[[], datetime], removes: Callable[[Object, Object], None]) -> None:
        """`removes` is told of each pod before it is deleted, and of the answer."""
        self.api, self.clock, self._removes = api, clock, removes
        self.caches = Caches(api)

    def sync_cluster(self, writes: int | None = None) -> None:
        for parent in self.caches.clusters.all():
            for write in self._cluster_writes(parent)[:writes]:
                write()

    def _cluster_writes(self, parent: Object) -> list[Callable[[], None]]:
        owned = {pod["metadata"]["name"]: pod for pod in self.caches.pods.all() if _is_flink(pod)}
        children = {"Pod": list(owned.values()), "Service": [], "Deployment": []}
        finalizing = "deletionTimestamp" in parent["metadata"]
        request = Request(parent, children, {"FlinkJob": self.caches.jobs.all()}, finalizing)
        hook = cluster_hook.finalize if finalizing else cluster_hook.sync
        answer = hook(request, [], self.clock())
        if answer.get("finalized"):
            return [partial(self.api.remove, resources.FLINK_CLUSTERS, CLUSTER)]
        wanted = {child["metadata"]["name"]: child for child in answer["children"] if child["kind"] == "Pod"}
        gone = [pod for name, pod in owned.items() if name not in wanted]
        new = [child for name, child in wanted.items() if name not in owned]
        return [
            *(partial(self._delete, pod, answer["status"]) for pod in gone),
            *(partial(self.api.make, resources.PODS, _owned(child, parent)) for child in new),
            partial(self._status, parent, answer["status"]),
        ]

    def _delete(self, pod: Object, status: Object) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        live = self.api.objects.get(("pods", name))
        if live and live["metadata"]["uid"] == uid and "deletionTimestamp" not in live["metadata"]:
            self._removes(live, status)
            self.api.delete(resources.PODS, name, self.clock(), uid)

    def _status(self, parent: Object, status: Object) -> None:
        """The whole of it, over whatever is there now."""
        live = self.api.objects.get(("flinkclusters", CLUSTER))
        status = {**status, "observedGeneration": parent["metadata"]["generation"]}
        if live and live.get("status") != status:
            self.api.put(resources.FLINK_CLUSTERS, {**live, "status": status})

    def _label(self, job: Object, labels: Object) -> None:
        live = self.api.objects.get(("flinkjobs", job["metadata"]["name"]))
        if live and not labels.items() <= live["metadata"]["labels"].items():
            metadata = {**live["metadata"], "labels": {**live["metadata"]["labels"], **labels}}
            self.api.put(resources.FLINK_JOBS, {**live, "metadata": metadata})

    def sync_jobs(self) -> None:
        for job in self.caches.jobs.all():
            finalizing = "deletionTimestamp" in job["metadata"]
            request = Request(job, {"Job": []}, {"FlinkCluster": self.caches.clusters.all()}, finalizing)
            answer = job_hook.finalize(request, [], self.clock()) if finalizing else job_hook.sync(request)
            self._label(job, answer["labels"])
            if answer.get("finalized"):
                self.api.remove(resources.FLINK_JOBS, job["metadata"]["name"])
            wanted = {child["metadata"]["name"] for child in answer["attachments"]}
            for child in answer["attachments"]:
                self.api.make(resources.PODS, _bootstrap_pod(child))
            for pod in self.caches.pods.all():
                labels = pod["metadata"]["labels"]
                if labels.get(names.LABEL_JOB_UID) == job["metadata"]["uid"] and pod["metadata"]["name"] not in wanted:
                    self.api.remove(resources.PODS, pod["metadata"]["name"])


def _owned(pod: Object, cluster: Object) -> Object:
    owner = {"controller": True, "uid": cluster["metadata"]["uid"]}
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [owner]}}


def _is_flink(pod: Object) -> bool:
    return pod["metadata"]["labels"].get(names.LABEL_ROLE) in (names.JOBMANAGER, names.TASKMANAGER)


def _bootstrap_pod(job: Object) -> Object:
    """The pod that the Job controller makes."""
    name = job["metadata"]["name"]
    labels = {**job["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NS, "labels": labels}}
