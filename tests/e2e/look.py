"""What a scenario sees, in whichever place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.demo import wordcount
from cli.demo.wordcount import Gauges
from clients.kube import KubeClient, KubeError, NotFound, Resource
from clients.kube import resources as r
from core import conditions, names
from core import job as jobs

from . import places
from .places import Place

Object = dict[str, Any]
KINDS = {item.kind: item for item in (r.FLINK_DEPLOYMENTS, r.FLINK_CLUSTERS, r.FLINK_JOBS)}
HOOKS = "flink-hooks"
OVER = ("FINISHED", "CANCELED", "FAILED")


class Look:
    """One namespace, and everything of a scenario in it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client: KubeClient = place.client
        self.namespace = place.namespace

    def get(self, resource: Resource, name: str) -> Object:
        """The object, or an empty one."""
        try:
            return self.client.get(resource, name, namespace=self.namespace)
        except NotFound:
            return {}

    def status(self, resource: Resource, name: str) -> Object:
        return self.get(resource, name).get("status") or {}

    def job(self, name: str) -> Object:
        """The status of a FlinkJob."""
        return self.status(r.FLINK_JOBS, name)

    def cluster(self, name: str) -> Object:
        """The status of a FlinkCluster."""
        return self.status(r.FLINK_CLUSTERS, name)

    def is_ready(self, resource: Resource, name: str) -> bool:
        found = self.get(resource, name)
        return bool(found) and conditions.is_true(found, conditions.READY)

    def condition(self, resource: Resource, name: str, type: str) -> Mapping[str, Any]:
        return conditions.find(self.status(resource, name).get("conditions"), type)

    def pods(self, cluster: str, *roles: str) -> list[Object]:
        """The Flink pods of a cluster, or those of some roles."""
        wanted = ",".join(roles or (names.JOBMANAGER, names.TASKMANAGER))
        selector = f"{names.LABEL_CLUSTER}={cluster},{names.LABEL_ROLE} in ({wanted})"
        return self.items(r.PODS, selector)

    def uids(self, cluster: str, *roles: str) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods(cluster, *roles)}

    def items(self, resource: Resource, selector: str | None = None) -> list[Object]:
        found: list[Object] = self.client.list(resource, namespace=self.namespace, label_selector=selector)["items"]
        return found

    def flink(self, cluster: str, path: str) -> Any:
        """Flink's answer, None while nobody gives one."""
        try:
            return self.client.service_proxy(self.namespace, names.jobmanager_service(cluster), 8081, path)
        except KubeError:
            return None

    def running(self, cluster: str) -> set[str]:
        """The ids of the jobs that are not over; empty while nobody answers."""
        found = self.flink(cluster, "/jobs")
        return {item["id"] for item in found["jobs"] if item["status"] not in OVER} if found else set()

    def gauges(self, job: str) -> Gauges | None:
        """What the run of a FlinkJob says of its state. None while it says nothing."""
        status = self.job(job)
        if not status.get("jobId"):
            return None
        found = wordcount.read(self.client, self.namespace, status["clusterName"], status["jobId"])
        assert not found or found.errors == 0, f"{job}: {found.errors} records were lost or counted twice"
        return found

    def events(self, name: str) -> list[Object]:
        """About objects of that name."""
        found = self.client.list(r.EVENTS, namespace=self.namespace, field_selector=f"involvedObject.name={name}")
        events: list[Object] = found["items"]
        return events

    def reasons(self, name: str) -> set[str]:
        """Of the events about an object of that name."""
        return {item["reason"] for item in self.events(name)}

    def hooks(self) -> list[Object]:
        namespace, selector = places.HOOKS
        found: list[Object] = self.client.list(r.PODS, namespace=namespace, label_selector=selector)["items"]
        return found

    def hooks_template(self) -> Object:
        """Of the hooks' pods."""
        namespace, _ = places.HOOKS
        found: Object = self.client.get(r.DEPLOYMENTS, HOOKS, namespace=namespace)["spec"]["template"]
        return found

    def check_runs(self) -> None:
        """No FlinkJob has more than one live job in Flink. At no moment: that is the promise."""
        alive = {
            item["metadata"]["name"]: self.running(item["metadata"]["name"]) for item in self.items(r.FLINK_CLUSTERS)
        }
        for item in self.items(r.FLINK_JOBS):
            status, uid = item.get("status") or {}, item["metadata"]["uid"]
            own = {jobs.flink_job_id(uid, attempt) for attempt in range(1, status.get("attempt", 0) + 1)}
            runs = own & alive.get(status.get("clusterName", ""), set())
            assert len(runs) <= 1, f"{item['metadata']['name']} runs {len(runs)} times: {sorted(runs)}"
