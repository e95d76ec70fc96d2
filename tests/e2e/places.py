"""Where the scenarios run: the local runtime, or the cluster of the current context, with what users install."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clients.kube import Connection, KubeClient, KubeError, NotFound, connect
from clients.kube import resources as r
from core.pods import is_ready
from local.kubelet.services import Detour
from local.metacontroller import Faults, Guards
from local.runtime import Runtime
from local.store import Trouble

FLINK_IMAGE = os.environ.get("FLINK_IMAGE", "flink:2.3.0")
OLD_FLINK_IMAGE = os.environ.get("OLD_FLINK_IMAGE", "flink:1.20.5")
OWN_IMAGE = os.environ.get("FLINKCTL_IMAGE", "flink-metacontroller/flinkctl:0.1.0")
IMAGES = (FLINK_IMAGE, OLD_FLINK_IMAGE, OWN_IMAGE)
RELEASED_IMAGE = "flink-metacontroller/flinkctl:0.1.0"
OVERLAY = Path(__file__).parents[2] / "metacontroller" / "overlays" / "default"
HOOKS = ("flink-system", "app.kubernetes.io/name=flink-hooks")
METACONTROLLER = "app.kubernetes.io/name=metacontroller"
ENFORCE = "pod-security.kubernetes.io/enforce"
TIMEOUT = (3.05, 10.0)
PATIENCE = 180.0


@dataclass(frozen=True)
class Place:
    """`state` is the folder of checkpoints and savepoints as Flink's pods see it, `volume` the source of it."""

    client: KubeClient
    namespace: str
    state: str
    volume: dict[str, Any]
    flink_image: str
    old_flink_image: str
    own_image: str
    local: bool  # pods are processes of this machine
    restart_metacontroller: Callable[[], None]
    guards: Guards = field(default_factory=Guards)  # in a cluster they see nothing
    trouble: Trouble | None = None  # of the local API store

    def kill(self, pod: dict[str, Any]) -> None:
        """Without warning: SIGKILL where pods are processes, else the pod is taken away."""
        metadata = pod["metadata"]
        if self.local:
            container = pod["status"]["containerStatuses"][0]["containerID"]
            os.kill(int(container.removeprefix("process://")), signal.SIGKILL)
        else:
            self.client.delete(
                r.PODS, metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"], grace_seconds=0
            )


@contextmanager
def local(
    directory: Path, faults: Faults | None = None, detour: Detour | None = None, guards: Guards | None = None
) -> Iterator[Place]:
    """A runtime of its own in `directory`, with guards on."""
    state = directory / "state"
    state.mkdir(parents=True)
    guards = guards or Guards()
    with Runtime(directory / "runtime", {}, guards=guards, faults=faults, detour=detour) as runtime:
        client = _client(connect(str(runtime.kubeconfig)))
        source = {"hostPath": {"path": str(state), "type": "DirectoryOrCreate"}}
        with namespace(client) as name:
            restart = runtime.restart_metacontroller
            trouble = runtime.store.trouble
            yield Place(client, name, str(state), source, *IMAGES, True, restart, guards, trouble)


@contextmanager
def on_cluster() -> Iterator[Place]:
    """The cluster of the current context, with our overlay of today installed. Ends the run when it cannot be used."""
    try:
        client = _client(connect())
        client.version()
        client.list(r.COMPOSITE_CONTROLLERS)
    except NotFound:
        pytest.exit(
            "Metacontroller is not installed (no CompositeController CRD): kubectl apply -k "
            "https://github.com/metacontroller/metacontroller/manifests/production?ref=v4.17.2",
            returncode=2,
        )
    except KubeError as error:
        pytest.exit(f"--cluster needs a cluster that answers: {error}", returncode=2)
    _install(client)
    with namespace(client) as name, _folder(client, name):
        claim = {"persistentVolumeClaim": {"claimName": "state"}}
        # From here on the API server refuses every pod that does not pass.
        _label(client, name, {ENFORCE: "restricted"})
        yield Place(client, name, f"/tmp/{name}", claim, *IMAGES, False, lambda: _restart(client))


def _client(connection: Connection) -> KubeClient:
    return KubeClient(connection, timeout=TIMEOUT)


def _install(client: KubeClient) -> None:
    """As `kubectl apply -k metacontroller/overlays/default`; without kubectl, what is there is taken as it is."""
    if not (kubectl := shutil.which("kubectl")):
        try:
            client.list(r.FLINK_DEPLOYMENTS)
        except NotFound:
            pytest.exit(f"install kubectl, or apply {OVERLAY} before: the CRDs are not there", returncode=2)
        return
    made = subprocess.run([kubectl, "kustomize", str(OVERLAY)], check=True, capture_output=True, text=True, timeout=60)
    manifests = made.stdout.replace(RELEASED_IMAGE, OWN_IMAGE)
    subprocess.run([kubectl, "apply", "-f", "-"], check=True, input=manifests, text=True, timeout=120)
    namespace, selector = HOOKS

    def ready() -> bool:
        found = client.get(r.DEPLOYMENTS, "flink-hooks", namespace=namespace)
        status = found.get("status") or {}
        current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return current and bool(status.get("readyReplicas")) and not status.get("unavailableReplicas")

    _until(ready, f"the hooks ({selector} in {namespace}) are ready")


@contextmanager
def namespace(client: KubeClient) -> Iterator[str]:
    """A new one, and nothing is left of it afterwards."""
    name = f"flink-e2e-{secrets.token_hex(4)}"
    client.create(r.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        if not _gone(client, r.NAMESPACES, name):
            remove_all(client, name)
            client.delete(r.NAMESPACES, name)
            _until(lambda: _gone(client, r.NAMESPACES, name), f"namespace {name} is gone")


def remove_all(client: KubeClient, namespace: str) -> None:
    """Every Flink resource of a namespace, in the order in which nothing waits for anything."""
    kinds = (r.FLINK_DEPLOYMENTS, r.FLINK_JOBS, r.FLINK_CLUSTERS)
    for kind in kinds:
        for item in client.list(kind, namespace=namespace)["items"]:
            try:
                client.delete(kind, item["metadata"]["name"], namespace=namespace)
            except NotFound:
                continue
        _until(lambda kind=kind: not client.list(kind, namespace=namespace)["items"], f"no {kind.plural} are left")


@contextmanager
def _folder(client: KubeClient, namespace: str) -> Iterator[None]:
    """A folder of the node under a PersistentVolume, that Flink's user may write to; removed afterwards."""
    path, size = f"/tmp/{namespace}", {"storage": "1Gi"}
    shared: dict[str, Any] = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    source = {"hostPath": {"path": path, "type": "DirectoryOrCreate"}, "persistentVolumeReclaimPolicy": "Retain"}
    volume = {"metadata": {"name": namespace}, "spec": {**shared, "capacity": size, **source}}
    claim = {
        "metadata": {"name": "state"},
        "spec": {**shared, "volumeName": namespace, "resources": {"requests": size}},
    }
    client.create(r.PERSISTENT_VOLUMES, {"apiVersion": "v1", "kind": "PersistentVolume", **volume})
    try:
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim}
        client.create(r.PERSISTENT_VOLUME_CLAIMS, body, namespace=namespace)
        own = {"name": "state", "persistentVolumeClaim": {"claimName": "state"}}
        _run(client, namespace, "chown", ["chown", "9999:9999", "/state"], {**own, "mountPath": "/state"})
        try:
            yield
        finally:
            remove_all(client, namespace)
            _label(client, namespace, {ENFORCE: None})
            parent = {"name": "parent", "hostPath": {"path": "/tmp"}, "mountPath": "/node-tmp"}
            _run(client, namespace, "sweep", ["rm", "-rf", f"/node{path.replace('/tmp', '-tmp')}"], parent)
    finally:
        client.delete(r.PERSISTENT_VOLUMES, namespace)


def _run(client: KubeClient, namespace: str, name: str, command: list[str], volume: dict[str, Any]) -> None:
    """A Job as root on the node's folder, to its end."""
    mount = {"name": volume["name"], "mountPath": volume.pop("mountPath")}
    container = {"name": name, "image": OWN_IMAGE, "command": command, "volumeMounts": [mount]}
    pod = {
        "restartPolicy": "OnFailure",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsUser": 0},
        "containers": [{**container, "imagePullPolicy": "IfNotPresent"}],
        "volumes": [volume],
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    client.create(r.JOBS, job, namespace=namespace)

    def done() -> bool:
        return bool((client.get(r.JOBS, name, namespace=namespace).get("status") or {}).get("succeeded"))

    _until(done, f"Job {name} has succeeded")


def _label(client: KubeClient, namespace: str, labels: dict[str, str | None]) -> None:
    client.patch(r.NAMESPACES, namespace, {"metadata": {"labels": labels}})


def _restart(client: KubeClient) -> None:
    """Metacontroller's pods are replaced, wherever it is installed."""
    before = client.list(r.PODS, label_selector=METACONTROLLER)["items"]
    assert before, f"no pod has the label {METACONTROLLER}"
    old = {pod["metadata"]["uid"] for pod in before}
    for pod in before:
        client.delete(r.PODS, pod["metadata"]["name"], namespace=pod["metadata"]["namespace"])

    def replaced() -> bool:
        pods = client.list(r.PODS, label_selector=METACONTROLLER)["items"]
        new = [pod for pod in pods if pod["metadata"]["uid"] not in old]
        return bool(new) and len(new) == len(pods) and all(is_ready(pod) for pod in new)

    _until(replaced, "another Metacontroller is ready")


def _gone(client: KubeClient, resource: r.Resource, name: str) -> bool:
    try:
        client.get(resource, name)
    except NotFound:
        return True
    return False


def _until(done: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(0.2)
