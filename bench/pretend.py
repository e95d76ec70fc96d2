"""Where `bench.scale` runs: a cluster whose pods only pretend, or this machine."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import requests

import crds
from bench.flink import JAR
from bench.hooks import served
from clients.kube import KubeClient, KubeError, NotFound, connect
from clients.kube import resources as r
from core import names
from core.pods import has_ended
from local import store
from local.kubelet.mirror import Mirror
from local.kubelet.status import Backoff
from local.kubelet.workloads import Workloads
from local.metacontroller import Loop
from local.runtime import manifests

Object = dict[str, Any]
HOOKS = ("flink-system", "flink-hooks")
SHARED = ("flink-system", "flink-shared-supervisor")


@dataclass(frozen=True)
class Place:
    """`metrics` gives those of the hooks."""

    client: KubeClient
    kubeconfig: str | None
    metrics: Callable[[], str]
    pods: Pods


class Pods:
    """Ends the bootstraps as if they had carried their JARs; with `all` it also runs the pods, as KWOK does."""

    def __init__(self, client: KubeClient, *, all: bool) -> None:
        self.mirror = Mirror(client, r.PODS)
        self._client, self._all = client, all
        self._addresses = count(1)
        self.mirror.listen(self._changed)

    def workers(self, address: str) -> list[str]:
        """The TaskManagers of the JobManager with this address and port."""
        pods = self.mirror.objects()
        ip = address.rpartition(":")[0]
        # A pod that has ended keeps its address in its status; another one has it by then.
        found = (pod for pod in pods if _role(pod) == names.JOBMANAGER and not has_ended(pod))
        own = next((pod for pod in found if (pod.get("status") or {}).get("podIP") == ip), None)
        return [pod["metadata"]["name"] for pod in pods if own and _belongs(pod, own)]

    def _changed(self, pod: Object, gone: bool) -> None:
        metadata = pod["metadata"]
        status = self._next(_role(pod), pod)
        if status is None or gone:
            return
        try:
            patch = {"status": status}
            self._client.patch(r.PODS, metadata["name"], patch, namespace=metadata["namespace"], subresource="status")
        except NotFound:
            pass
        except KubeError as error:
            logging.getLogger("bench").warning("%s: %s", metadata["name"], error)

    def _next(self, role: str | None, pod: Object) -> Object | None:
        status = pod.get("status") or {}
        phase = status.get("phase", "Pending")
        if role == names.BOOTSTRAP:
            ends = phase == "Succeeded" or (self._all and phase == "Pending")
            told = any("terminated" in (item.get("state") or {}) for item in status.get("containerStatuses") or [])
            return _carried() if ends and not (told and JAR in str(status)) else None
        return self._running() if self._all and role and phase == "Pending" else None

    def _running(self) -> Object:
        number = next(self._addresses)
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        return {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": "True"}]}


def _belongs(pod: Object, jobmanager: Object) -> bool:
    def key(item: Object) -> list[str]:
        labels = item["metadata"].get("labels") or {}
        same = [labels.get(name, "") for name in (names.LABEL_CLUSTER, names.LABEL_INCARNATION)]
        return [item["metadata"]["namespace"], *same]

    # Not by the condition Ready: it goes, for good, when a pretending node's heartbeat is late on a busy machine.
    running = (pod.get("status") or {}).get("phase") == "Running"
    return _role(pod) == names.TASKMANAGER and running and key(pod) == key(jobmanager)


def _role(pod: Object) -> str | None:
    return (pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE)


def _carried() -> Object:
    ended = {"exitCode": 0, "reason": "Completed", "message": json.dumps({"jarId": JAR})}
    container = {"name": names.BOOTSTRAP, "ready": False, "restartCount": 0, "image": "", "imageID": ""}
    return {"phase": "Succeeded", "containerStatuses": [{**container, "state": {"terminated": ended}}]}


@contextmanager
def on_cluster() -> Iterator[Place]:
    """The current context's, where nodes pretend and the overlay `shared-supervisor` is installed, with no pod of it:
    the supervisor that is measured is a process of this machine."""
    client, stop = KubeClient(connect()), threading.Event()
    for (namespace, name), wanted in ((SHARED, 0), (HOOKS, 1)):
        try:
            replicas = client.get(r.DEPLOYMENTS, name, namespace=namespace)["spec"]["replicas"]
        except NotFound as error:
            raise SystemExit(f"Deployment {name}: apply metacontroller/overlays/shared-supervisor first") from error
        if replicas != wanted:
            raise SystemExit(f"kubectl -n {namespace} scale deployment {name} --replicas={wanted}")
    path = r.SERVICES.path(HOOKS[0], f"{HOOKS[1]}:http", "proxy") + "/metrics"
    pods = Pods(client, all=False)
    watching = pods.mirror.start(stop)
    try:
        yield Place(client, None, lambda: str(client.request("GET", path, accept="text/plain").text), pods)
    finally:
        stop.set()
        watching.join()


@contextmanager
def locally() -> Iterator[Place]:
    """The local API store and loop, the hooks in a process of their own, and pods that are nothing."""
    stop = threading.Event()
    hooks = [sys.executable, "-m", "cli.main", "hooks", "run", "--address=127.0.0.1", "--shared-supervisor"]
    with (
        tempfile.TemporaryDirectory() as folder,
        store.serve(logs=Path(folder)) as api,
        served(hooks, "--port={}") as (url, _),
    ):
        kubeconfig = str(api.kubeconfig(Path(folder) / "kubeconfig"))
        client = KubeClient(connect(kubeconfig))
        for kind in crds.KINDS:
            client.create(r.CRDS, crds.load(kind))
        pods = Pods(client, all=True)
        workloads = Workloads(client, pods.mirror, Backoff())
        threads = [*workloads.start(stop), pods.mirror.start(stop)]
        controllers = [item for item in manifests() if item["kind"].endswith("Controller")]
        loop = Loop(client, controllers, webhook_url=lambda *_: url)
        loop.start()
        try:
            yield Place(client, kubeconfig, lambda: requests.get(f"{url}/metrics", timeout=10).text, pods)
        finally:
            loop.stop()
            stop.set()
            workloads.wake()
            for thread in threads:
                thread.join()
