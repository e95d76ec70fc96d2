"""A store, a client and a kubelet for each test; whatever ran is ended with it."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clients.kube import KubeClient, NotFound, Resource, connect
from clients.kube import resources as r
from local.kubelet import Backoff, Kubelet
from local.store import Trouble, serve

IMAGE = "box:1"
_numbers = itertools.count()
PATIENCE = 40.0


class World(NamedTuple):
    """Everything of one test."""

    client: KubeClient
    directory: Path
    root: Path  # the folder that plays image box:1
    images: dict[str, Path]
    kubeconfig: Path
    trouble: Trouble  # of the store

    def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return self.client.create(resource, body, namespace="default" if resource.namespaced else None)

    def pod(
        self, script: str, *, container: dict[str, Any] | None = None, labels: dict[str, str] | None = None, **spec: Any
    ) -> str:
        """A pod whose container "main" runs a shell script; returns its name."""
        name = f"pod-{next(_numbers)}"
        main = {"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", script], **(container or {})}
        spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 20, "containers": [main], **spec}
        self.create(r.PODS, {"metadata": {"name": name, "labels": labels or {}}, "spec": spec})
        return name

    def get(self, name: str, resource: Resource = r.PODS) -> dict[str, Any]:
        return self.client.get(resource, name, namespace="default")

    def until(
        self, name: str, predicate: Callable[[dict[str, Any]], object], resource: Resource = r.PODS
    ) -> dict[str, Any]:
        """The object once `predicate` holds for it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            item = self.get(name, resource)
            if predicate(item):
                return item
            assert time.monotonic() < deadline, f"never came true; last seen: {item.get('status')}"
            time.sleep(0.02)

    def until_phase(self, name: str, phase: str) -> dict[str, Any]:
        return self.until(name, lambda pod: pod["status"].get("phase") == phase)

    def until_gone(self, name: str, resource: Resource = r.PODS) -> None:
        with pytest.raises(NotFound):
            self.until(name, lambda _: False, resource)

    @staticmethod
    def state(pod: dict[str, Any], kind: str = "containerStatuses") -> dict[str, Any]:
        """The status of the pod's first container."""
        status: dict[str, Any] = pod["status"].get(kind, [{"state": {}}])[0]
        return status

    def pid(self, name: str) -> int:
        """The process of the pod's running container."""
        pod = self.until(name, lambda pod: "running" in self.state(pod)["state"])
        return int(self.state(pod)["containerID"].removeprefix("process://"))

    @staticmethod
    def condition(item: dict[str, Any], kind: str) -> str:
        """The status of one condition, "" without it."""
        return next((one["status"] for one in item["status"].get("conditions", ()) if one["type"] == kind), "")

    @staticmethod
    def alive(pid: int) -> bool:
        """Whether the process runs; a zombie does not."""
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):  # before it is opened, or before it is read
            return False

    def log(self, name: str, container: str = "main") -> str:
        """What the container has written so far, possibly nothing."""
        path = self.directory / "logs" / "default" / name / f"{container}.log"
        return path.read_text() if path.exists() else ""

    def until_logged(self, name: str, text: str) -> None:
        self.until(name, lambda _: text in self.log(name))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    root = tmp_path / "root"
    root.mkdir()
    directory = tmp_path / "node"
    with serve(logs=directory / "logs") as store:
        kubeconfig = store.kubeconfig(tmp_path / "kubeconfig")
        client = KubeClient(connect(str(kubeconfig)))
        images = {IMAGE: root}
        kubelet = Kubelet(client, directory, images, kubeconfig, backoff=Backoff(0.1, 1.0))
        kubelet.start()
        try:
            yield World(client, directory, root, images, kubeconfig, store.trouble)
        finally:
            kubelet.close()
