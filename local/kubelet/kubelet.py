"""The node: watches pods and gives each a runner and an address; starts and ends everything that belongs to it."""

import ipaddress
import logging
import random
import threading
from collections.abc import Mapping
from pathlib import Path

from clients.kube import KubeClient
from clients.kube import resources as r
from local.kubelet import scheduling
from local.kubelet.guard import Guard
from local.kubelet.mirror import Mirror
from local.kubelet.pod import Node, PodRunner
from local.kubelet.services import Detour, Services
from local.kubelet.status import Backoff, Object
from local.kubelet.workloads import Workloads

log = logging.getLogger(__name__)
NODE_NAME = "local"
_ADDRESSES = ipaddress.IPv4Network("127.64.0.0/11")  # 127.64 to 127.95: the store gives services 127.96


class Kubelet:
    """Turns the pods of an API store into processes of this machine.

    client: of the store. directory: for logs/<namespace>/<pod>/<container>.log and pods; made if missing.
    images: image name → folder that plays its root file system; read at each start, so it may change.
    kubeconfig: given to pods that want the API. backoff: of restarts, image pulls and Jobs, in seconds.
    detour: where our own programs go when they mean the address of a pod; None: straight there.
    """

    def __init__(
        self,
        client: KubeClient,
        directory: Path,
        images: Mapping[str, Path],
        kubeconfig: Path,
        *,
        backoff: Backoff = Backoff(),  # noqa: B008 - a NamedTuple never changes
        detour: Detour | None = None,
    ) -> None:
        self._directory = directory.resolve()
        self._guard = Guard()
        self._pods = Mirror(client, r.PODS)
        self._services = Services(client, self._pods, detour)
        self._workloads = Workloads(client, self._pods, backoff)
        self._node = Node(
            client,
            self._directory,
            images,
            kubeconfig.resolve(),
            self._guard,
            self._services.write_hosts,
            backoff,
            scheduling.machine(),
        )
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._runners: dict[str, PodRunner] = {}
        self._pods.listen(self._on_pod)

    def start(self) -> None:
        """Begin to follow the store; returns at once."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._threads = [
            self._services.start(self._stop),
            *self._workloads.start(self._stop),
            self._pods.start(self._stop),
        ]

    def close(self, grace: float = 5.0) -> None:
        """End every process, by SIGTERM and after `grace` seconds by SIGKILL. The store's objects stay as they are."""
        self._stop.set()
        self._workloads.wake()
        for thread in self._threads:
            thread.join()
        with self._lock:
            runners = list(self._runners.values())
        for runner in runners:
            runner.close(grace)
        for runner in runners:
            runner.join(grace + 5)
        self._services.close()
        self._guard.close()

    def _on_pod(self, pod: Object, gone: bool) -> None:
        uid = pod["metadata"]["uid"]
        with self._lock:
            runner = self._runners.get(uid)
            if runner is None and not gone and pod["spec"].get("nodeName") in (None, "", NODE_NAME):
                runner = PodRunner(self._node, pod, self._address(), lambda: self._forget(uid))
                self._runners[uid] = runner
                runner.start()
                return
        if runner is not None:
            runner.gone() if gone else runner.update(pod)

    def _address(self) -> str:
        """A free one, at random: another runtime of this machine hardly takes the same."""
        taken = {runner.ip for runner in self._runners.values()}
        while True:
            address = str(_ADDRESSES[random.randrange(1, _ADDRESSES.num_addresses - 1)])
            if address not in taken:
                return address

    def _forget(self, uid: str) -> None:
        with self._lock:
            self._runners.pop(uid, None)
