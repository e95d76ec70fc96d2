"""What a scenario waits for and does, in whichever place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeVar

import pytest

from clients.kube import NotFound, Resource
from clients.kube import resources as r
from core import names
from core.pods import trouble

from . import places
from .look import HOOKS, KINDS, Look, Object
from .manifests import flink_deployment

T = TypeVar("T")
PATIENCE = 240.0
IMAGE_PATIENCE = 900.0
LOOK_SECONDS = 0.2


class Mark(NamedTuple):
    """What a run had done at a moment: `total` records, which are in every checkpoint from number `checkpoint` on."""

    job_id: str
    attempt: int
    total: int
    checkpoint: int


class World(Look):
    """One namespace, in which a scenario acts and waits for what follows."""

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
                pytest.fail(f"{what}: not within {seconds:.0f} s\n{self._jobs_in_full()}")
            time.sleep(pace)
        self.check_runs()
        return found

    def _jobs_in_full(self) -> str:
        """As they are when something does not come: they are gone when the failure is shown."""
        found = self.client.list(r.FLINK_JOBS, namespace=self.namespace)["items"]
        return "\n".join(f"{item['metadata']['name']}: {json.dumps(item.get('status'))}" for item in found)

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

    def resumed(self, cluster: str, marks: Mapping[str, Mark], *others: str) -> dict[str, Mark]:
        """Each job runs again, from a recovery point that holds what was counted at its mark; the others just run."""
        self.wait(
            f"another run of {', '.join(marks)}",
            lambda: all(self.job(job).get("attempt", 0) > mark.attempt for job, mark in marks.items()),
        )
        after = self.steady(cluster, *marks, *others)
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

    def savepoints(self, cluster: str, job_id: str) -> set[str]:
        """The savepoints among a run's last ten checkpoints. Flink's answer may be half a second old."""
        found = self.wait("Flink answers", lambda: self.flink(cluster, f"/jobs/{job_id}/checkpoints"))
        return {item["external_path"] for item in found["history"] if item["is_savepoint"] and "external_path" in item}

    def one_more_savepoint(self, cluster: str, job_id: str, before: set[str], path: str) -> None:
        """Flink shows exactly this one besides those it had before."""
        self.wait("Flink shows the savepoint", lambda: path in self.savepoints(cluster, job_id))
        assert self.savepoints(cluster, job_id) - before == {path}

    # ---- doing -------------------------------------------------------------------------------------------------------

    def apply(self, *manifests: Object) -> None:
        for item in manifests:
            self.client.create(KINDS[item["kind"]], item, namespace=self.namespace)

    @contextmanager
    def deployed(self, name: str, cluster: Object, jobs: Mapping[str, Object]) -> Iterator[None]:
        """A FlinkDeployment whose image is there, for as long as it is needed; nothing is left of it."""
        self.apply(flink_deployment(name, cluster, jobs))
        try:
            self.has_image(name)
            yield
        finally:
            children = ((r.FLINK_JOBS, f"{name}-{job}") for job in jobs)
            self.remove((r.FLINK_DEPLOYMENTS, name), (r.FLINK_CLUSTERS, name), *children)

    def edit(self, resource: Resource, name: str, path: str, value: Any) -> None:
        """Sets one field of the spec; `path` is a JSON pointer below it."""
        patch = [{"op": "add", "path": f"/spec/{path}", "value": value}]
        self.client.patch(resource, name, patch, namespace=self.namespace, kind="json")

    def request(
        self, resource: Resource, name: str, action: str, *, without_savepoint: bool = False, origin: str = ""
    ) -> None:
        """What people and the CLI do."""
        annotations = {
            names.REQUESTED_ACTION: action,
            names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000),
            names.WITHOUT_SAVEPOINT: "true" if without_savepoint else None,
            names.FROM_SAVEPOINT: origin or None,
        }
        self.client.patch(resource, name, {"metadata": {"annotations": annotations}}, namespace=self.namespace)

    def take_savepoint(self, job: str) -> str:
        """On request; its path."""
        before = self.job(job).get("savepointPath")
        self.request(r.FLINK_JOBS, job, "TRIGGER_SAVEPOINT")
        known = ("", None, before)
        self.wait(f"a savepoint of {job}", lambda: self.job(job).get("savepointPath") not in known)
        return str(self.job(job)["savepointPath"])

    def scale(self, resource: Resource, name: str, replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        self.client.patch(resource, name, patch, namespace=self.namespace, subresource="scale")

    def delete(self, resource: Resource, name: str, propagation: str = "Background") -> None:
        self.client.delete(resource, name, namespace=self.namespace, propagation=propagation)

    def remove(self, *found: tuple[Resource, str]) -> None:
        """Deletes, and waits until they are gone. One may go with the one before."""
        for resource, name in found:
            with suppress(NotFound):
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

    def replace_hooks(self, template: Object) -> None:
        """By pods of this template."""
        namespace, _ = places.HOOKS
        patch = [{"op": "replace", "path": "/spec/template", "value": template}]
        self.client.patch(r.DEPLOYMENTS, HOOKS, patch, namespace=namespace, kind="json")
        self.settled(HOOKS, namespace)
