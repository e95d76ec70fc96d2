"""The whole system on one machine: store, kubelet and loop in this process; the hooks, as in a cluster, in a pod.

What is installed is what `kubectl apply -k metacontroller/overlays/default` installs, from the same files: the custom
resources, the hooks and the controllers. The roles are left out, as nobody has rights here.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

import crds
from clients.kube import KubeClient, Resource, connect, resources, watch
from local import store
from local.kubelet import Kubelet
from local.kubelet.services import Detour
from local.metacontroller import Faults, Guards, Loop, Strikes

log = logging.getLogger("local")
HOOKS_SECONDS = 60.0
INSTALLED: Mapping[str, Resource] = {
    "Namespace": resources.NAMESPACES,
    "Deployment": resources.DEPLOYMENTS,
    "Service": resources.SERVICES,
    "CompositeController": resources.COMPOSITE_CONTROLLERS,
    "DecoratorController": resources.DECORATOR_CONTROLLERS,
}


class Runtime:
    """A running system. `directory` gets the kubeconfig, the logs and the pods' folders; `images` maps the names of
    images to folders that play their root file systems. Usable as a context manager.

    guards: watch what the hooks make the loop do. faults: what the loop and the hooks have to put up with.
    detour: what stands between our own programs and a pod: see Kubelet.
    """

    def __init__(
        self,
        directory: Path,
        images: Mapping[str, Path],
        *,
        port: int = 0,
        guards: Guards | None = None,
        faults: Faults | None = None,
        detour: Detour | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.store = store.serve(port=port, logs=directory / "logs")
        self.kubeconfig = self.store.kubeconfig(directory / "kubeconfig")
        self.client = KubeClient(connect(str(self.kubeconfig)))
        self._images = images
        self._guards = guards
        self._faults = faults
        self._detour = detour
        self._strikes: list[Strikes] = []
        self._kubelet: Kubelet | None = None
        self._loop: Loop | None = None

    def start(self) -> None:
        """Installs the system and returns when its hooks answer. RuntimeError when they do not."""
        for kind in crds.KINDS:
            self.client.create(resources.CRDS, crds.load(kind))
        controllers = [self._install(item) for item in manifests() if item["kind"] in INSTALLED]
        self._kubelet = Kubelet(self.client, self.directory, self._images, self.kubeconfig, detour=self._detour)
        self._kubelet.start()
        self._await_hooks()
        self._loop = Loop(
            self.client,
            [item for item in controllers if item["kind"].endswith("Controller")],
            webhook_url=self._service_url,
            watch=self._faults.watch if self._faults else watch,
            observer=self._guards,
        )
        self._loop.start()
        if self._faults:
            deeds = {"loop": self.restart_metacontroller, "hooks": self._kill_hooks}
            self._strikes = [Strikes(self._faults, name, deed) for name, deed in deeds.items()]
        for strikes in self._strikes:
            strikes.start()

    def restart_metacontroller(self) -> None:
        """As when its process is killed: what was under way is left undone, and what it knew is read again."""
        if self._loop:
            self._loop.restart()

    def _install(self, item: dict[str, Any]) -> dict[str, Any]:
        return self.client.create(INSTALLED[item["kind"]], item, namespace=item["metadata"].get("namespace"))

    def _service_url(self, name: str, namespace: str) -> str:
        service = self.client.get(resources.SERVICES, name, namespace=namespace)
        return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"

    def _kill_hooks(self) -> None:
        selector = "app.kubernetes.io/name=flink-hooks"
        for pod in self.client.list(resources.PODS, namespace="flink-system", label_selector=selector)["items"]:
            for container in (pod.get("status") or {}).get("containerStatuses") or []:
                if "running" in container.get("state", {}):
                    os.kill(int(container["containerID"].removeprefix("process://")), signal.SIGKILL)

    def _await_hooks(self) -> None:
        end = time.monotonic() + HOOKS_SECONDS
        while time.monotonic() < end:
            found = self.client.get(resources.DEPLOYMENTS, "flink-hooks", namespace="flink-system")
            if (found.get("status") or {}).get("readyReplicas"):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the hooks did not start in {HOOKS_SECONDS:.0f} s; see {self.directory}/logs/flink-system")

    def close(self) -> None:
        """Ends every process; the jobs are not asked: what survives is what Flink has checkpointed."""
        for strikes in self._strikes:
            strikes.stop()
        if self._loop:
            self._loop.stop()
        if self._kubelet:
            self._kubelet.close()
        self.store.close()

    def __enter__(self) -> Runtime:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def manifests() -> list[dict[str, Any]]:
    """What the default overlay holds of the kinds that are served here."""
    folder = files("metacontroller")
    names = ("overlays/default/namespace.yaml", "base/hooks.yaml", "base/controllers.yaml")
    return [item for name in names for item in yaml.safe_load_all(folder.joinpath(name).read_text("utf-8"))]
