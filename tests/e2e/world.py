"""What a scenario does and looks at, in whichever place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeVar

import pytest
import yaml

from cli.demo import wordcount
from cli.demo.wordcount import Gauges
from clients.kube import KubeClient, KubeError, NotFound, Resource
from clients.kube import resources as r
from core import conditions, names
from core import job as jobs
from core.pods import trouble

from . import places
from .places import Place

T = TypeVar("T")
Object = dict[str, Any]
KINDS = {item.kind: item for item in (r.FLINK_DEPLOYMENTS, r.FLINK_CLUSTERS, r.FLINK_JOBS)}
PATIENCE = 240.0
IMAGE_PATIENCE = 900.0
LOOK_SECONDS = 0.2
HOOKS = "flink-hooks"
OVER = ("FINISHED", "CANCELED", "FAILED")


class Mark(NamedTuple):
    """What a run had done at a moment: `total` records, which are in every checkpoint from number `checkpoint` on."""

    job_id: str
    attempt: int
    total: int
    checkpoint: int


class World:
    """One namespace, and everything of a scenario in it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client: KubeClient = place.client
        self.namespace = place.namespace

    # ---- looking -----------------------------------------------------------------------------------------------------

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
        return self._list(r.PODS, selector)

    def uids(self, cluster: str, *roles: str) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods(cluster, *roles)}

    def _list(self, resource: Resource, selector: str | None = None) -> list[Object]:
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

    def savepoints(self, cluster: str, job_id: str) -> set[str]:
        """The savepoints among a run's last ten checkpoints. Flink's answer may be half a second old."""
        found = self.wait("Flink answers", lambda: self.flink(cluster, f"/jobs/{job_id}/checkpoints"))
        return {item["external_path"] for item in found["history"] if item["is_savepoint"] and "external_path" in item}

    def one_more_savepoint(self, cluster: str, job_id: str, before: set[str], path: str) -> None:
        """Flink shows exactly this one besides those it had before."""
        self.wait("Flink shows the savepoint", lambda: path in self.savepoints(cluster, job_id))
        assert self.savepoints(cluster, job_id) - before == {path}

    def reasons(self, name: str) -> set[str]:
        """Of the events about an object of that name."""
        found = self.client.list(r.EVENTS, namespace=self.namespace, field_selector=f"involvedObject.name={name}")
        return {item["reason"] for item in found["items"]}

    # ---- waiting -----------------------------------------------------------------------------------------------------

    def wait(
        self,
        what: str,
        done: Callable[[], T | Literal[False] | None],
        seconds: float = PATIENCE,
        *,
        pace: float = LOOK_SECONDS,
    ) -> T:
        """What `done` gives once that is true."""
        end = time.monotonic() + seconds
        while not (found := done()):
            self.check_runs()
            if time.monotonic() > end:
                pytest.fail(f"{what}: not within {seconds:.0f} s")
            time.sleep(pace)
        self.check_runs()
        return found

    def check_runs(self) -> None:
        """No FlinkJob has more than one live job in Flink. At no moment: that is the promise."""
        alive = {
            item["metadata"]["name"]: self.running(item["metadata"]["name"]) for item in self._list(r.FLINK_CLUSTERS)
        }
        for item in self._list(r.FLINK_JOBS):
            status, uid = item.get("status") or {}, item["metadata"]["uid"]
            own = {jobs.flink_job_id(uid, attempt) for attempt in range(1, status.get("attempt", 0) + 1)}
            runs = own & alive.get(status.get("clusterName", ""), set())
            assert len(runs) <= 1, f"{item['metadata']['name']} runs {len(runs)} times: {sorted(runs)}"

    def steady(self, cluster: str, *jobs: str) -> dict[str, Mark]:
        """Cluster and jobs ready, each job counting, exactly one run of each in Flink, no more. What they did."""

        def done() -> bool:
            ids = {str(self.job(job).get("jobId")) for job in jobs}
            everyone = all(self.is_ready(r.FLINK_JOBS, job) for job in jobs)
            return (
                everyone
                and self.is_ready(r.FLINK_CLUSTERS, cluster)
                and len(ids) == len(jobs)
                and self.running(cluster) == ids
            )

        self.wait(f"cluster {cluster} and its jobs {', '.join(jobs)} are ready", done)
        return {job: self.mark(job) for job in jobs}

    def has_image(self, cluster: str) -> None:
        """A Flink pod runs, however long its image took to come. Skips on a cluster whose nodes cannot get it."""

        def done() -> bool:
            pods = self.pods(cluster)
            troubles = [told for pod in pods if "ImagePull" in (told := trouble(pod))]
            if troubles and not self.place.local:
                pytest.skip(f"OLD_FLINK_IMAGE={self.place.old_flink_image} is not on the nodes: {troubles[0]}")
            return any(
                "running" in item["state"] for pod in pods for item in pod["status"].get("containerStatuses", ())
            )

        self.wait(f"the image of {cluster} is there", done, IMAGE_PATIENCE)

    def settled(self, deployment: str, namespace: str) -> None:
        """All pods of the Deployment are of its present template, and ready."""

        def done() -> bool:
            found = self.client.get(r.DEPLOYMENTS, deployment, namespace=namespace)
            status, wanted = found.get("status") or {}, found["spec"]["replicas"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
            return status.get("observedGeneration", 0) >= found["metadata"]["generation"] and counts == [wanted] * 3

        self.wait(f"Deployment {deployment} is rolled out", done)

    def mark(self, job: str) -> Mark:
        """The gauges first, then the newest checkpoint: the one after that may have begun before, not the second."""

        def found() -> Mark | None:
            status, gauges = self.job(job), self.gauges(job)
            if not gauges:
                return None
            shown = self.flink(status["clusterName"], f"/jobs/{status['jobId']}/checkpoints")
            if not shown or not (newest := shown["latest"]["completed"]):
                return None
            return Mark(status["jobId"], status["attempt"], gauges.total, newest["id"] + 2)

        return self.wait(f"{job} counts and has a checkpoint", found)

    def passed(self, job: str, mark: Mark, checkpoints: int) -> None:
        """Until so many checkpoints after the mark are complete."""

        def done() -> bool:
            shown = self.flink(self.job(job)["clusterName"], f"/jobs/{mark.job_id}/checkpoints")
            newest = (shown or {}).get("latest", {}).get("completed") or {"id": 0}
            return bool(newest["id"] >= mark.checkpoint + checkpoints)

        self.wait(f"{checkpoints} checkpoints of {job} after the mark", done)

    def resumed(self, cluster: str, marks: Mapping[str, Mark]) -> dict[str, Mark]:
        """Each job runs again, from a recovery point that holds what was counted at its mark."""
        self.wait(
            f"another run of {', '.join(marks)}",
            lambda: all(self.job(job).get("attempt", 0) > mark.attempt for job, mark in marks.items()),
        )
        after = self.steady(cluster, *marks)
        for job, mark in marks.items():
            self.check_resumed(job, mark)
        return after

    def check_resumed(self, job: str, mark: Mark) -> None:
        """This run began with what was counted at the mark."""
        status = self.job(job)
        path = status["restorePath"]
        assert path, f"{job} started empty"
        assert status["restoredPath"] == path
        folder, _, number = path.rpartition("/chk-")
        if folder:
            assert folder.endswith(mark.job_id), f"{path} is not of the run {mark.job_id}"
            assert int(number) >= mark.checkpoint, f"{job} came back from {path}, which is older than {mark}"
        gauges = self.wait(f"{job} counts", lambda: self.gauges(job))
        assert gauges.restored >= mark.total, f"{job} came back with {gauges.restored} records, {mark.total} were there"

    # ---- doing -------------------------------------------------------------------------------------------------------

    def apply(self, *manifests: Object) -> None:
        for item in manifests:
            self.client.create(KINDS[item["kind"]], item, namespace=self.namespace)

    def edit(self, resource: Resource, name: str, path: str, value: Any) -> None:
        """Sets one field of the spec; `path` is a JSON pointer below it."""
        patch = [{"op": "add", "path": f"/spec/{path}", "value": value}]
        self.client.patch(resource, name, patch, namespace=self.namespace, kind="json")

    def request(self, resource: Resource, name: str, action: str, *, without_savepoint: bool = False) -> None:
        """What people and the CLI do."""
        annotations = {
            names.REQUESTED_ACTION: action,
            names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000),
            names.WITHOUT_SAVEPOINT: "true" if without_savepoint else None,
        }
        self.client.patch(resource, name, {"metadata": {"annotations": annotations}}, namespace=self.namespace)

    def scale(self, resource: Resource, name: str, replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        self.client.patch(resource, name, patch, namespace=self.namespace, subresource="scale")

    def delete(self, resource: Resource, name: str, propagation: str = "Background") -> None:
        self.client.delete(resource, name, namespace=self.namespace, propagation=propagation)

    def remove(self, *found: tuple[Resource, str]) -> None:
        """Deletes, and waits until they are gone."""
        for resource, name in found:
            self.delete(resource, name)
        for resource, name in found:
            self.wait(f"{resource.kind} {name} is gone", lambda kind=resource, key=name: not self.get(kind, key))  # type: ignore[misc]

    def kill(self, pods: Iterable[Object]) -> None:
        """Without a warning. There must be something to kill."""
        victims = list(pods)
        assert victims
        for pod in victims:
            self.place.kill(pod)

    @contextmanager
    def elsewhere(self) -> Iterator[World]:
        """A second namespace, which the scenario itself removes. Its pods have no folder in common."""
        with places.namespace(self.client) as name:
            volume = self.place.volume if self.place.local else {"emptyDir": {}}
            yield World(replace(self.place, namespace=name, volume=volume))

    def hooks(self) -> list[Object]:
        namespace, selector = places.HOOKS
        found: list[Object] = self.client.list(r.PODS, namespace=namespace, label_selector=selector)["items"]
        return found

    def hooks_template(self) -> Object:
        """Of the hooks' pods."""
        namespace, _ = places.HOOKS
        found: Object = self.client.get(r.DEPLOYMENTS, HOOKS, namespace=namespace)["spec"]["template"]
        return found

    def replace_hooks(self, template: Object) -> None:
        """By pods of this template."""
        namespace, _ = places.HOOKS
        patch = [{"op": "replace", "path": "/spec/template", "value": template}]
        self.client.patch(r.DEPLOYMENTS, HOOKS, patch, namespace=namespace, kind="json")
        self.settled(HOOKS, namespace)

    # ---- telling -----------------------------------------------------------------------------------------------------

    def story(self) -> str:
        """Statuses, pods, events and the supervisors' last words."""
        parts = [self._told(kind, item) for kind in KINDS.values() for item in self._list(kind)]
        parts += [_pod_line(pod) for pod in self._list(r.PODS)]
        parts += [_event_line(item) for item in sorted(self._list(r.EVENTS), key=_moment)[-40:]]
        parts += [self._log(pod) for pod in self._list(r.PODS, f"{names.LABEL_ROLE}={names.SUPERVISOR}")]
        return "\n".join(parts)

    @staticmethod
    def _told(resource: Resource, item: Object) -> str:
        status = {key: value for key, value in (item.get("status") or {}).items() if key not in ("digest", "delivery")}
        text = yaml.safe_dump(status, sort_keys=True, width=160)
        return f"--- {resource.kind} {item['metadata']['name']} {item['metadata'].get('annotations')}\n{text}"

    def _log(self, pod: Object) -> str:
        name = pod["metadata"]["name"]
        try:
            lines = list(self.client.logs(name, namespace=self.namespace, tail=60))
        except KubeError as error:
            lines = [str(error)]
        return "\n".join([f"--- log of {name}", *lines])


def _moment(event: Object) -> str:
    return str(event.get("lastTimestamp") or event["metadata"].get("creationTimestamp"))


def _event_line(event: Object) -> str:
    about = event.get("involvedObject", {})
    return (
        f"event {_moment(event)} {about.get('kind')} {about.get('name')} {event.get('reason')}: {event.get('message')}"
    )


def _pod_line(pod: Object) -> str:
    status = pod.get("status") or {}
    states = [item.get("state") for item in status.get("containerStatuses") or []]
    return (
        f"pod {pod['metadata']['name']} {status.get('phase')} {pod['metadata'].get('deletionTimestamp', '')} {states}"
    )
