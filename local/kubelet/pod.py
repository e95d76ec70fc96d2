"""One pod: a thread that takes it from bound to running to gone, and reports its status."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clients.kube import KubeClient
from clients.kube import resources as r
from clients.kube.errors import Conflict, KubeError, NotFound
from clients.kube.resources import Resource
from local.inside import TERMINATION_LOG
from local.kubelet import images, scheduling
from local.kubelet.container import Container, Files, Prepared
from local.kubelet.environment import Lookup, Volume, expand, mounts, rewriter, variables, volumes
from local.kubelet.guard import Guard
from local.kubelet.launch import Request
from local.kubelet.probes import Target
from local.kubelet.status import Backoff, Object, init_policy, pod_status, replacing

log = logging.getLogger(__name__)
_RETRY = 0.5  # seconds after an answer of the API that was no use


class Node(NamedTuple):
    """What all pods of this machine share."""

    client: KubeClient
    directory: Path
    images: Mapping[str, Path]
    kubeconfig: Path
    guard: Guard
    write_hosts: Callable[[Path, str, str], None]  # the file for a pod of that namespace and address
    backoff: Backoff
    resources: scheduling.Amounts


class PodRunner:
    """Runs one pod. `update`, `gone` and `close` may be called from any thread."""

    def __init__(self, node: Node, pod: Object, ip: str, on_end: Callable[[], None]) -> None:
        self._node, self._pod, self.ip, self._on_end = node, pod, ip, on_end
        self._namespace, self._name, self.uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
        self._directory = node.directory / "pods" / self.uid
        self._wake = threading.Event()
        self._gone, self._bound = False, bool(pod["spec"].get("nodeName"))
        self._closing: float | None = None
        self._published: Object = pod.get("status", {})
        self._unschedulable = "" if self._bound else scheduling.refusal(pod, node.resources)
        policy = pod["spec"].get("restartPolicy", "Always")
        self._init = [self._container(spec, init_policy(policy)) for spec in pod["spec"].get("initContainers", ())]
        self._main = [self._container(spec, policy) for spec in pod["spec"]["containers"]]
        self._thread = threading.Thread(target=self._run, name=f"pod-{self._name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def update(self, pod: Object) -> None:
        """The pod as the store has it now; only its deletion matters."""
        before, self._pod = self._pod, pod
        keys = ("deletionTimestamp", "deletionGracePeriodSeconds")
        if any(pod["metadata"].get(key) != before["metadata"].get(key) for key in keys):
            self._wake.set()

    def gone(self) -> None:
        """The pod is no longer in the store: what runs of it is killed."""
        self._gone = True
        self._wake.set()

    def close(self, grace: float) -> None:
        """The runtime ends: stop the processes within `grace` seconds, and say nothing to the store."""
        self._closing = grace
        self._wake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _container(self, spec: Object, policy: str) -> Container:
        folder = self._directory / spec["name"]
        folder.mkdir(parents=True, exist_ok=True)
        logs = self._node.directory / "logs" / self._namespace / self._name / f"{spec['name']}.log"
        files = Files(logs, folder / "termination-log")
        return Container(spec, policy, files, self._prepare, self._node.guard, self._node.backoff, self._wake.set)

    def _run(self) -> None:
        ended = False
        while not ended:
            try:
                ended, delay = self._step(time.monotonic())
            except NotFound:
                self._gone, delay = True, 0.0
            except KubeError as problem:
                log.warning("pod %s/%s: %s", self._namespace, self._name, problem)
                delay = _RETRY
            if not ended:
                self._wake.wait(delay)
                self._wake.clear()
        if self._closing is None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._on_end()

    def _step(self, now: float) -> tuple[bool, float | None]:
        """One round: (whether the pod has ended here, seconds until the next round if nothing happens)."""
        grace = self._grace()
        containers = [*self._init, *self._main]
        if grace is not None:
            for container in containers:
                container.stop(grace, now)
        delays = [container.settle(now) for container in containers]
        if grace is None and not self._unschedulable:
            if not self._bound:
                self._bind()
            delays += [self._advance(now)]
        if self._gone or self._closing is not None:
            return not any(container.running for container in containers), _soonest(delays)
        self._publish()
        if grace is not None and not any(container.running for container in containers):
            self._delete()
            return True, None
        return False, _soonest(delays)

    def _grace(self) -> float | None:
        """Seconds the processes have to end, None while they may live."""
        if self._gone:
            return 0.0
        if self._closing is not None:
            return self._closing
        metadata = self._pod["metadata"]
        if not metadata.get("deletionTimestamp"):
            return None
        default = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        return float(metadata.get("deletionGracePeriodSeconds", default))

    def _advance(self, now: float) -> float | None:
        """Init containers one after the other, then all containers side by side."""
        for container in self._init:
            if container.view().exit_code != 0:
                return container.advance(now)
        return _soonest([container.advance(now) for container in self._main])

    def _bind(self) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": self._name, "namespace": self._namespace, "uid": self.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "local"},
        }
        try:
            self._node.client.request("POST", r.PODS.path(self._namespace, self._name, "binding"), json=binding)
        except Conflict:
            live = self._node.client.get(r.PODS, self._name, namespace=self._namespace)
            if not live["spec"].get("nodeName"):
                raise
            # An earlier binding was done, and its answer lost.
        self._bound = True

    def _publish(self) -> None:
        pod, now = {**self._pod, "status": self._published}, time.time()
        if self._unschedulable:
            status = scheduling.pending_status(pod, self._unschedulable, now)
        else:
            views = [container.view() for container in self._init], [container.view() for container in self._main]
            status = pod_status(pod, *views, self.ip, now)
        if status != self._published:
            # With the uid, so that a namesake made meanwhile is not touched.
            patch = {"metadata": {"uid": self.uid}, "status": replacing(self._published, status)}
            self._node.client.patch(r.PODS, self._name, patch, namespace=self._namespace, subresource="status")
            self._published = status

    def _delete(self) -> None:
        try:
            self._node.client.delete(r.PODS, self._name, namespace=self._namespace, uid=self.uid, grace_seconds=0)
        except NotFound:
            log.debug("pod %s/%s is already gone", self._namespace, self._name)

    def _prepare(self, spec: Mapping[str, Any]) -> Prepared:
        """Image, variables, volumes and paths → a process to start."""
        container = dict(spec)
        image = images.resolve(container.get("image", ""), self._node.images)
        lookup = self._lookup()
        found = volumes(self._pod, self._directory / "volumes", lookup)
        _write(found)
        folder = self._directory / container["name"]
        message = container.get("terminationMessagePath") or TERMINATION_LOG
        paths = {**image.paths, **mounts(container, found), message: folder / "termination-log"}
        rewrite = rewriter(paths, image.root)
        env = variables(container, self._pod, self.ip, lookup)
        hosts = self._directory / "etc.hosts"  # no container has such a name
        self._node.write_hosts(hosts, self._namespace, self.ip)
        request = Request(
            command=[rewrite(expand(word, env)) for word in container.get("command", ())],
            args=[rewrite(expand(word, env)) for word in container.get("args", ())],
            env={name: rewrite(value) for name, value in env.items()},
            paths=paths,
            directory=folder,
            message=folder / "termination-log",
            hostname=self._name,
            ip=self.ip,
            hosts=hosts,
            kubeconfig=None
            if self._pod["spec"].get("automountServiceAccountToken") is False
            else self._node.kubeconfig,
        )
        launch = image.launch(request)
        wanted = Path(rewrite(container.get("workingDir") or str(self._directory)))
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ()) if "name" in port}
        cwd = wanted if wanted.is_dir() else self._directory
        return Prepared(launch, cwd, Target(self.ip, ports, launch.env, cwd, rewrite))

    def _lookup(self) -> Lookup:
        def get(resource: Resource, name: str) -> Object | None:
            try:
                return self._node.client.get(resource, name, namespace=self._namespace)
            except NotFound:
                return None

        return Lookup(
            config_map=lambda name: get(r.CONFIGMAPS, name),
            secret=lambda name: get(r.SECRETS, name),
            claim=lambda name: get(r.PERSISTENT_VOLUME_CLAIMS, name),
            persistent_volumes=lambda: self._node.client.list(r.PERSISTENT_VOLUMES)["items"],
            image=lambda reference: images.resolve(reference, self._node.images),
        )


def _write(found: list[Volume]) -> None:
    for volume in found:
        if not volume.folder.exists():  # a hostPath may be a file
            volume.folder.mkdir(parents=True, exist_ok=True)
        for name, data in (volume.files or {}).items():
            path = volume.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _soonest(delays: list[float | None]) -> float | None:
    return min((delay for delay in delays if delay is not None), default=None)
