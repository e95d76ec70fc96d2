"""A store on 127.0.0.1 with the real CRDs, flinkctl pointed at it, and somebody who plays the supervisor."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import crds
from cli.main import root
from clients.kube import Changed, Connection, KubeClient, Resource, resources, watch
from local.store import serve

Object = dict[str, Any]
NAMESPACE = "default"
BOOTSTRAP = {"image": "ours:1", "jarPath": "/app.jar", "className": "Main"}
JOB_SPEC: Object = {
    "jobParallelism": 1,
    "bootstrap": BOOTSTRAP,
    "savepoint": {"savepointMode": "Automatic", "savepointInterval": 0, "savepointTargetPath": "file:///tmp"},
    "restart": {"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60},
}
CLUSTER_SPEC: Object = {
    "runtime": {"image": "flink:2.3.0"},
    "jobManager": {"serviceMode": "ClusterIP"},
    "taskManager": {"taskSlots": 1},
    "supervisor": {"image": "ours:1", "rescalePolicy": "None"},
}


def manifest(kind: str, name: str, spec: Object, **metadata: Any) -> Object:
    metadata = {"name": name, **metadata}
    return {"apiVersion": "nextbreakpoint.com/v1", "kind": kind, "metadata": metadata, "spec": copy.deepcopy(spec)}


def conditions(generation: int, **types: tuple[bool, str]) -> list[Object]:
    """Conditions by type: (is it true, the message)."""
    return [
        {
            "type": type,
            "status": "True" if true else "False",
            "reason": "Told",
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type, (true, message) in types.items()
    ]


class World:
    """The API server, with what a test needs to set the scene."""

    def __init__(self, client: KubeClient, kubeconfig: Path) -> None:
        self.client = client
        self.kubeconfig = kubeconfig

    def add(self, resource: Resource, name: str, spec: Object, **metadata: Any) -> Object:
        namespace = metadata.get("namespace", NAMESPACE)
        return self.client.create(resource, manifest(resource.kind, name, spec, **metadata), namespace=namespace)

    def job(self, name: str = "demo-one", phase: str = "Started", **status: Any) -> Object:
        """A FlinkJob in that phase, ready when it is Started."""
        self.add(resources.FLINK_JOBS, name, JOB_SPEC)
        return self.become(name, phase, **status)

    def cluster(self, name: str = "demo", phase: str = "Started", **status: Any) -> Object:
        self.add(resources.FLINK_CLUSTERS, name, CLUSTER_SPEC)
        return self.become(name, phase, resource=resources.FLINK_CLUSTERS, **status)

    def become(self, name: str, phase: str, *, resource: Resource = resources.FLINK_JOBS, **status: Any) -> Object:
        """Writes the status as the supervisor or the hook would."""
        generation = self.get(resource, name)["metadata"]["generation"]
        ready, down = phase == "Started", phase in ("Stopped", "Terminated")
        message = status.get("message", phase.lower())
        body = {
            "supervisorStatus": phase,
            "resourceStatus": "Updated" if ready or down else "Updating",
            "observedGeneration": generation,
            "message": message,
            "jobParallelism": 1,
            "conditions": conditions(generation, Ready=(ready, message), Suspended=(down, message)),
            **status,
        }
        patch = {"status": body}
        return self.client.patch(resource, name, patch, namespace=NAMESPACE, subresource="status")

    def get(self, resource: Resource, name: str) -> Object:
        return self.client.get(resource, name, namespace=NAMESPACE)

    def annotations(self, resource: Resource, name: str) -> dict[str, str]:
        found: dict[str, str] = self.get(resource, name)["metadata"].get("annotations") or {}
        return found

    def consume(self, resource: Resource, name: str) -> None:
        """Resets the request, as the supervisor does once it has acted on it."""
        annotations = {"operator.nextbreakpoint.com/requested-action": "NONE"}
        self.client.patch(resource, name, {"metadata": {"annotations": annotations}}, namespace=NAMESPACE)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with serve(logs=tmp_path) as store:
        client = KubeClient(Connection(store.url))
        for kind in crds.KINDS:
            client.create(resources.CRDS, crds.load(kind))
        kubeconfig = store.kubeconfig(tmp_path / "kubeconfig")
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield World(client, kubeconfig)


Run = Callable[..., Result]


@pytest.fixture
def run(world: World) -> Run:
    """flinkctl with these arguments; `input` is its stdin, which may be a terminal."""

    def call(*arguments: str, input: str | None = None, terminal: bool = False) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            if terminal:
                patch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda stream: stream.name == "<stdin>")
            return CliRunner().invoke(root, arguments, input=input)

    return call


@pytest.fixture
def supervisor(world: World) -> Iterator[Callable[..., None]]:
    """supervisor(resource, name, action, act): calls act() once that action is asked for."""
    stop, threads = threading.Event(), []
    failures: list[BaseException] = []

    def play(resource: Resource, name: str, action: str, act: Callable[[], None]) -> None:
        for event in watch(world.client, resource, namespace=NAMESPACE, name=name, stop=stop):
            items = (event.object,) if isinstance(event, Changed) else event.items
            for item in items:
                asked = (item["metadata"].get("annotations") or {}).get("operator.nextbreakpoint.com/requested-action")
                if asked == action:
                    try:
                        act()
                    except BaseException as error:
                        failures.append(error)
                    return

    def begin(resource: Resource, name: str, action: str, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=play, args=(resource, name, action, act), daemon=True)
        threads.append(thread)
        thread.start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join(10)
    assert not failures


def as_yaml(*objects: Object) -> str:
    return yaml.safe_dump_all(objects)
