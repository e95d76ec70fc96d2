"""The real hooks under the loop, and actors for all else: a kubelet and a supervisor that write what these write."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

import crds
from clients.kube import KubeClient, KubeError, Resource, connect, watch
from clients.kube import resources as r
from core import cluster as clusters
from core import conditions, names
from core.job_status import Delivery, JobStatus
from core.states import Phase
from hooks.app import create_app
from local import runtime
from local.metacontroller import Faults, Guards, Loop, Strikes
from local.store import serve

Object = dict[str, Any]
NS = "team"
PACE = 0.05
PATIENCE = 60.0
MADE = (
    r.FLINK_CLUSTERS,
    r.FLINK_JOBS,
    r.PODS,
    r.SERVICES,
    r.DEPLOYMENTS,
    r.JOBS,
    Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
)
APPLIED = "metacontroller.k8s.io/last-applied-configuration"


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as gunicorn does


class HookServer:
    """The hooks' application over HTTP; `restart` ends it without a warning, and it is away for a moment."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = self._serve(0)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _serve(self, port: int) -> BaseWSGIServer:
        server = make_server("127.0.0.1", port, create_app(), threaded=True, request_handler=Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def restart(self) -> None:
        port = self._server.server_port
        self.close()
        time.sleep(0.05)
        self._server = self._serve(port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Actors(threading.Thread):
    """Looks at the API again and again and does what a kubelet and a supervisor would: a thread of its own."""

    def __init__(self, client: KubeClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._stop_wanted = threading.Event()

    def run(self) -> None:
        while not self._stop_wanted.wait(PACE):
            with contextlib.suppress(KubeError):  # overtaken: the next look sees it
                pods = self._list(r.PODS)
                for pod in pods:
                    self._kubelet(pod)
                jobs = self._list(r.FLINK_JOBS)
                for cluster in self._list(r.FLINK_CLUSTERS):
                    mine = [job for job in jobs if (job["metadata"].get("labels") or {}).get("clusterName")]
                    self._supervisor(cluster, pods, mine)

    def end(self) -> None:
        self._stop_wanted.set()
        self.join()

    def _list(self, resource: Resource) -> list[Object]:
        found: list[Object] = self._client.list(resource, namespace=NS)["items"]
        return found

    def _kubelet(self, pod: Object) -> None:
        if pod["status"]["phase"] == "Pending":
            ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
            self._write_status(r.PODS, pod, ready)

    def _supervisor(self, cluster: Object, pods: list[Object], jobs: list[Object]) -> None:
        status = clusters.read_status(cluster)
        for job in jobs:
            self._job(job, status)
        if not status.revision:
            return
        running = [pod for pod in pods if _is_of(pod, status) and pod["status"]["phase"] == "Running"]
        roles = [pod["metadata"]["labels"][names.LABEL_ROLE] for pod in running]
        report = clusters.Report(
            revision=status.revision,
            incarnation=status.incarnation,
            answering=names.JOBMANAGER in roles,
            task_managers=roles.count(names.TASKMANAGER),
            releasable=_releasable(running, status),
        )
        if (cluster["metadata"].get("annotations") or {}).get(names.REPORT) != report.text():
            patch = {"metadata": {"annotations": {names.REPORT: report.text()}}}
            self._client.patch(r.FLINK_CLUSTERS, cluster["metadata"]["name"], patch, namespace=NS)

    def _job(self, job: Object, cluster: clusters.ClusterStatus) -> None:
        """Orders the JAR, starts when it is there, and lets go of a cluster that is stopping."""
        status = JobStatus.from_json(job.get("status") or {})
        at = cluster.revision, cluster.incarnation
        if status.cluster_revision and (cluster.phase == Phase.STOPPING or at != _runs_at(status)):
            stopped = {"supervisorStatus": "Stopped", "jobStatus": "", "clusterRevision": "", "incarnation": 0}
            self._write_status(r.FLINK_JOBS, job, {**stopped, **_says(job, conditions.SUSPENDED)})
        elif cluster.phase == Phase.STARTED and not status.cluster_revision:
            wanted = {"supervisorStatus": "Starting", "clusterName": "demo", "jobParallelism": 1, "jarId": ""}
            delivery = Delivery(cluster.incarnation, cluster.incarnation, "", "ours:1", "", job["spec"]["bootstrap"])
            if status.delivery.number != cluster.incarnation:
                self._write_status(r.FLINK_JOBS, job, {**wanted, "delivery": delivery.to_json()})
            elif self._is_delivered(job, cluster.incarnation):
                runs = {"clusterRevision": at[0], "incarnation": at[1], "jarId": f"{at[1]}.jar", "attempt": at[1]}
                started = {**wanted, "supervisorStatus": "Started", "jobStatus": "RUNNING", **runs}
                self._write_status(r.FLINK_JOBS, job, {**started, **_says(job, conditions.READY)})

    def _is_delivered(self, job: Object, number: int) -> bool:
        wanted = names.bootstrap_job(job["metadata"]["name"], number)
        return wanted in {item["metadata"]["name"] for item in self._list(r.JOBS)}

    def _write_status(self, resource: Resource, obj: Object, status: Mapping[str, Any]) -> None:
        metadata = obj["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
        self._client.patch(resource, metadata["name"], patch, namespace=NS, subresource="status")


def _says(job: Object, type: str) -> Object:
    wanted = [conditions.Condition(type, True, "Played")]
    generation = job["metadata"]["generation"]
    said = conditions.merged([], wanted, generation=generation, now="2026-01-01T00:00:00Z")
    return {"observedGeneration": generation, "conditions": said}


def _runs_at(status: JobStatus) -> tuple[str, int]:
    return status.cluster_revision, status.incarnation


def _is_of(pod: Object, status: clusters.ClusterStatus) -> bool:
    labels = pod["metadata"]["labels"]
    return (labels.get(names.LABEL_REVISION), labels.get(names.LABEL_INCARNATION)) == (
        status.revision,
        str(status.incarnation),
    )


def _releasable(running: list[Object], status: clusters.ClusterStatus) -> tuple[str, ...]:
    """The youngest of more than is wanted."""
    workers = sorted(
        pod["metadata"]["name"] for pod in running if pod["metadata"]["labels"][names.LABEL_ROLE] == names.TASKMANAGER
    )
    return tuple(workers[status.task_managers :])


class Stage:
    """A store with our CRDs, our controllers with our hooks, and the actors; `faults` strike loop and hooks."""

    def __init__(self, folder: Path, faults: Faults | None) -> None:
        self.guards = Guards()
        self._store = serve(logs=folder)
        self._hooks = HookServer()
        self.client = KubeClient(connect(str(self._store.kubeconfig(folder / "kubeconfig"))))
        self.client.create(r.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        for kind in crds.KINDS:
            self.client.create(r.CRDS, crds.load(kind))
        self._loop = Loop(
            self.client,
            [item for item in runtime.manifests() if item["kind"].endswith("Controller")],
            webhook_url={"flink-hooks": self._hooks.url},
            watch=faults.watch if faults else watch,
            observer=self.guards,
        )
        self._actors = Actors(self.client)
        deeds = {"loop": self._loop.restart, "hooks": self._hooks.restart}
        self._strikes = [Strikes(faults, name, deed) for name, deed in deeds.items()] if faults else []

    def __enter__(self) -> Stage:
        self._loop.start()
        for thread in (self._actors, *self._strikes):
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for strikes in self._strikes:
            strikes.stop()
        self._actors.end()
        self._loop.stop()
        self._hooks.close()
        self._store.close()

    # ---- what a person does, and sees -------------------------------------------------------------------------------

    def apply(self, deployment: Object) -> None:
        self.client.create(r.FLINK_DEPLOYMENTS, deployment, namespace=NS)
        self.ready()

    def edit(self, path: str, value: Any) -> None:
        patch = [{"op": "replace", "path": path, "value": value}]
        self.client.patch(r.FLINK_DEPLOYMENTS, "demo", patch, namespace=NS, kind="json")
        self.ready()

    def lose(self, role: str) -> None:
        """The newest pod of a role is taken away, as with its node."""
        pods = self._pods(role)
        self.client.delete(r.PODS, pods[-1]["metadata"]["name"], namespace=NS)
        self.wait("another one", lambda: len(self._uids(role) - _uids(pods)) == 1)
        self.ready()

    def fail(self, role: str) -> None:
        """It ends, and stays there to be looked at."""
        pods = self._pods(role)
        name = pods[-1]["metadata"]["name"]
        self.client.patch(r.PODS, name, {"status": {"phase": "Failed"}}, namespace=NS, subresource="status")
        self.wait("another one", lambda: not self._uids(role) & _uids(pods) and self._uids(role))
        self.ready()

    def _pods(self, role: str) -> list[Object]:
        pods = self.client.list(r.PODS, namespace=NS, label_selector=f"role={role}")["items"]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    def _uids(self, role: str) -> set[str]:
        return _uids(self._pods(role))

    def names(self, resource: Resource) -> list[str]:
        return [item["metadata"]["name"] for item in self.client.list(resource, namespace=NS)["items"]]

    def ready(self) -> None:
        """Everything says that it is as declared, as it is declared now, and the jobs run or are stopped with it."""
        self.wait("all is ready", lambda: self._all_ready())

    def _all_ready(self) -> bool:
        deployment = self.client.get(r.FLINK_DEPLOYMENTS, "demo", namespace=NS)
        cluster = self.client.get(r.FLINK_CLUSTERS, "demo", namespace=NS)
        jobs = [JobStatus.from_json(job["status"]) for job in self.client.list(r.FLINK_JOBS, namespace=NS)["items"]]
        at = clusters.read_status(cluster)
        suspended = deployment["spec"]["cluster"].get("suspend")
        return (
            conditions.is_true(deployment, conditions.READY)
            and conditions.is_true(cluster, conditions.SUSPENDED if suspended else conditions.READY)
            and all(_runs_at(job) == (at.revision, 0 if suspended else at.incarnation) for job in jobs)
            and not self.names(r.JOBS)
        )

    def wait(self, what: str, done: Callable[[], Any], missing: Callable[[], Any] = lambda: "") -> None:
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(KubeError, KeyError):
                if done():
                    return
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not in {PATIENCE:.0f} s {missing()}\n{self._story()}")
            time.sleep(PACE)

    def _story(self) -> str:
        lines = [str(finding) for finding in self.guards.findings]
        for resource in (r.FLINK_DEPLOYMENTS, r.FLINK_CLUSTERS, r.FLINK_JOBS, r.PODS):
            for item in self.client.list(resource, namespace=NS)["items"]:
                lines.append(f"{resource.kind} {item['metadata']['name']} {json.dumps(item.get('status'))}")
        return "\n".join(lines)

    def made(self) -> dict[tuple[str, str], str]:
        """What the hooks' answers have made, without what is of this run only: uids."""
        found = {}
        for resource in MADE:
            for item in self.client.list(resource, namespace=NS)["items"]:
                applied = (item["metadata"].get("annotations") or {}).get(APPLIED)
                if applied:
                    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UID", applied)
                    found[resource.kind, item["metadata"]["name"]] = text
        return found


def _uids(objects: list[Object]) -> set[str]:
    return {item["metadata"]["uid"] for item in objects}
