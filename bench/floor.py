"""The floor: what a bare script does by hand, with the pods that the hooks would make and Flink's REST. It knows what
comes next, waits for nothing that it does not need, and writes nothing down."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import crds
from bench.rest import Rest
from bench.waiting import until
from clients.kube import NotFound, Resource
from clients.kube import resources as r
from core import cluster as clusters
from core import names, schema
from hooks.children import jobmanager, taskmanager
from hooks.protocol import finished
from tests.e2e.manifests import Manifest, changed, flink_cluster
from tests.e2e.places import Place

JAR = Path(__file__).parents[1] / "examples" / "wordcount" / "wordcount.jar"
NAME = "bare"
OTHER_ARGUMENTS = ["--name", "edited"]


class Script:
    """One JobManager, one TaskManager, one job."""

    title = "bare script"

    def __init__(self, place: Place, cluster: Manifest, job: Manifest) -> None:
        self._place, self._client = place, place.client
        self._cluster, self._bootstrap = cluster, job["bootstrap"]
        self._parallelism, self._target = job["jobParallelism"], job["savepoint"]["savepointTargetPath"]
        self._arguments = list(self._bootstrap["arguments"])
        self._incarnation, self._pods = 0, []  # type: int, list[Manifest]
        self._jar = self._job = ""

    def __enter__(self) -> Script:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pods = self._pods
        self._remove(pods)
        self._delete(r.SERVICES, names.jobmanager_service(NAME))
        until("the pods are gone", lambda: not any(self._there(pod) for pod in pods))

    @property
    def flink(self) -> Rest:
        pod = names.jobmanager_pod(NAME, self._revision, self._incarnation)
        return Rest(self._client, r.PODS.path(self._place.namespace, f"{pod}:8081", "proxy"))

    def ready(self) -> bool:
        return bool(self.flink.running() and self.flink.checkpoint(self._job))

    # ---- the life ----------------------------------------------------------------------------------------------------

    def deploy(self) -> None:
        self._make_pods()
        self._run()

    def edit_arguments(self) -> None:
        path = self._stop()
        self._arguments = [*self._arguments, *OTHER_ARGUMENTS]
        self._submit(path)

    def edit_parallelism(self, parallelism: int) -> None:
        path = self._stop()
        self._parallelism = parallelism
        self._submit(path)

    def edit_cluster(self, path: str, value: Any) -> None:
        savepoint, old = self._stop(), self._pods
        self._cluster = changed(self._cluster, {path: value})
        self._make_pods()
        self._remove(old)
        self._run(savepoint)

    def lose_jobmanager(self) -> None:
        newest, old = self.flink.checkpoint(self._job)["external_path"], self._pods
        self._place.kill(self._client.get(r.PODS, old[0]["metadata"]["name"], namespace=self._place.namespace))
        self._make_pods()
        self._remove(old)
        self._run(newest)

    # ---- pods --------------------------------------------------------------------------------------------------------

    @property
    def _revision(self) -> str:
        return clusters.revision(self._read())

    def _read(self) -> clusters.Cluster:
        whole = schema.apply_defaults(crds.schema(names.CLUSTER), flink_cluster(NAME, self._cluster))
        return clusters.read({**whole, "metadata": {"name": NAME, "namespace": self._place.namespace}})

    def _make_pods(self) -> None:
        self._incarnation += 1
        cluster, revision = self._read(), self._revision
        builders = (jobmanager.make_pod, taskmanager.make_pod, jobmanager.make_service)
        *pods, service = finished(make(cluster, revision=revision, incarnation=self._incarnation) for make in builders)
        self._create_or_patch(service)
        for pod in pods:
            self._client.create(r.PODS, pod)
        self._pods = pods

    def _create_or_patch(self, service: Manifest) -> None:
        name, namespace = service["metadata"]["name"], self._place.namespace
        try:
            self._client.patch(
                r.SERVICES, name, {"spec": {"selector": service["spec"]["selector"]}}, namespace=namespace
            )
        except NotFound:
            self._client.create(r.SERVICES, service)

    def _remove(self, pods: list[Manifest]) -> None:
        for pod in pods:
            self._delete(r.PODS, pod["metadata"]["name"])

    def _delete(self, resource: Resource, name: str) -> None:
        try:
            self._client.delete(resource, name, namespace=self._place.namespace)
        except NotFound:
            return

    def _there(self, pod: Manifest) -> bool:
        try:
            self._client.get(r.PODS, pod["metadata"]["name"], namespace=self._place.namespace)
        except NotFound:
            return False
        return True

    # ---- Flink -------------------------------------------------------------------------------------------------------

    def _run(self, path: str = "") -> None:
        """On a JobManager that is only starting."""
        until("the JobManager answers", lambda: self.flink.get("/overview"))
        self._jar = self.flink.upload(JAR)
        until("the slots are there", lambda: self.flink.get("/overview")["slots-available"] >= self._parallelism)
        self._submit(path)

    def _submit(self, path: str) -> None:
        body: dict[str, Any] = {
            "entryClass": self._bootstrap["className"],
            "programArgsList": self._arguments,
            "parallelism": self._parallelism,
        }
        if path:
            body["savepointPath"] = path
        self._job = self.flink.post(f"/jars/{self._jar}/run", body)["jobid"]

    def _stop(self) -> str:
        """The savepoint, when the job has ended with it."""
        body = {"targetDirectory": self._target, "drain": False}
        trigger = self.flink.post(f"/jobs/{self._job}/stop", body)["request-id"]
        path = f"/jobs/{self._job}/savepoints/{trigger}"
        done = until("the savepoint is complete", lambda: _completed(self.flink.get(path)))
        return str(done["location"])


def _completed(found: Any) -> Any:
    return found["operation"] if found and found["status"]["id"] == "COMPLETED" else None
