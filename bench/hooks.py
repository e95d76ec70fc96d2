"""What the hooks cost, each figure against a floor of the same run: CPU of a sync, memory, requests per second.

Exit code 1 when a limit is broken.
"""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import flask
import requests

import crds
from clients.kube import resources as r
from core import schema, times
from hooks.app import create_app
from local.metacontroller import apply
from local.store import writes
from local.store.resources import BUILT_IN

CPU_LIMIT = 1.5
REPEATS = 7
SECONDS, CALLERS, THREADS = 3.0, 4, 16
KINDS = {item.kind: item for item in BUILT_IN}
Object = dict[str, Any]


def main() -> None:
    print("cluster sync: CPU against decoding and encoding the JSON of the same request")
    ratios = [cpu(task_managers) for task_managers in (10, 100, 1000)]
    print("\nhooks served by gunicorn")
    memory_and_rate()
    sys.exit(1 if max(ratios) > CPU_LIMIT else 0)


# ---- CPU -------------------------------------------------------------------------------------------------------------


def cpu(task_managers: int) -> float:
    """The ratio; the sync is what Flask's application does between the bytes of the request and those of the answer."""
    app = create_app()
    body = json.dumps(started(app, task_managers)).encode()
    floor, sync = [], []
    for _ in range(REPEATS):
        floor.append(seconds(lambda: json.dumps(json.loads(body)).encode()))
        sync.append(seconds(lambda: answer(app, body)))
    ratio = median(sync) / median(floor)
    print(
        f"  {task_managers:5} TaskManagers, {len(body) / 1024:7.0f} KiB: floor {median(floor) * 1e3:7.1f} ms, "
        f"sync {median(sync) * 1e3:7.1f} ms, ratio {ratio:.2f} (limit {CPU_LIMIT})"
    )
    return ratio


def seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def answer(app: flask.Flask, body: bytes) -> bytes:
    """By WSGI itself: a test client's own work is not the hooks'."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/cluster/sync",
        "SERVER_NAME": "hooks",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    told: list[str] = []

    def start_response(status: str, headers: Any, error: Any = None) -> Callable[[bytes], object]:
        told.append(status)
        return lambda data: None

    text = b"".join(app.wsgi_app(environ, start_response))
    assert told == ["200 OK"], text
    return text


def started(app: flask.Flask, task_managers: int) -> Object:
    """The request for a cluster that runs, its children as an API server shows them."""
    parent = flink_cluster(task_managers)
    children: dict[str, Object] = {}
    for _ in range(3):
        body = request(parent, children.values())
        told = json.loads(answer(app, json.dumps(body).encode()))
        parent = {**parent, "status": told["status"]}
        children = {key(child): children.get(key(child)) or stored(child) for child in told["children"]}
    return request(parent, children.values())


def key(child: Object) -> str:
    return f"{child['kind']}/{child['metadata']['name']}"


def flink_cluster(task_managers: int) -> Object:
    spec = {
        "taskManagers": task_managers,
        "maxTaskManagers": task_managers,
        "runtime": {"image": "flink:2.3.0"},
        "jobManager": {"serviceMode": "ClusterIP"},
        "taskManager": {"taskSlots": 2, "resources": {"limits": {"cpu": "1", "memory": "2Gi"}}},
        "supervisor": {"image": "flinkctl:1", "rescalePolicy": "None"},
    }
    metadata = {"name": "bench", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    whole = {"apiVersion": "nextbreakpoint.com/v1", "kind": "FlinkCluster", "metadata": metadata, "spec": spec}
    return dict(schema.apply_defaults(crds.schema("FlinkCluster"), whole))


def stored(child: Object) -> Object:
    kind = KINDS[child["kind"]]
    newborn = writes.newborn(kind, writes.read(kind, "default", apply.with_last_applied(child, child)))
    found = writes.settle(kind, newborn, None)
    now = times.to_text(times.from_millis(1_750_000_000_000))
    found["metadata"]["managedFields"] = [
        {"manager": name, "operation": "Update", "apiVersion": "v1", "time": now, "fieldsV1": fields(found)}
        for name in ("metacontroller", "kubelet")
    ]
    if child["kind"] == r.PODS.kind:
        found["status"] = {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "startTime": now,
            "conditions": [
                {"type": name, "status": "True", "lastTransitionTime": now}
                for name in ("PodScheduled", "Initialized", "ContainersReady", "Ready", "PodReadyToStartContainers")
            ],
            "containerStatuses": [
                {"name": "flink", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": now}}}
            ],
        }
    return dict(found)


def fields(value: Any) -> Any:
    """What an API server notes of a writer: a key for each field."""
    return {f"f:{name}": fields(item) for name, item in value.items()} if isinstance(value, dict) else {}


def request(parent: Object, children: Any) -> Object:
    names = ("Pod.v1", "Service.v1", "ServiceAccount.v1", "Deployment.apps/v1")
    kinds: Object = {name: {} for name in (*names, "RoleBinding.rbac.authorization.k8s.io/v1")}
    for child in children:
        group = next(name for name in kinds if name.startswith(child["kind"] + "."))
        kinds[group][f"default/{child['metadata']['name']}"] = child
    related: Object = {"FlinkJob.nextbreakpoint.com/v1": {}, "Pod.v1": {}}
    return {"controller": {}, "parent": parent, "children": kinds, "related": related, "finalizing": False}


# ---- memory and rate -------------------------------------------------------------------------------------------------


def memory_and_rate() -> None:
    body = json.dumps(started(create_app(), 3)).encode()
    with served([sys.executable, "-m", "cli.main", "hooks", "run", "--address=127.0.0.1"], "--port={}") as (url, pid):
        ours, size = rate(url, body), resident(pid) / 1024
    gunicorn = [sys.executable, "-m", "gunicorn", "-w1", "-kgthread", f"--threads={THREADS}", "--log-level=error"]
    with served([*gunicorn, "bench.constant:app"], "--bind=127.0.0.1:{}") as (url, _):
        floor = rate(url, body)
    print(f"  resident after {SECONDS:.0f} s with {CALLERS} callers: {size:.0f} MiB, master and worker")
    print(f"  requests per second, a cluster with 3 TaskManagers: {ours:.0f}; Flask with a constant: {floor:.0f}")
    print(f"  ratio {ours / floor:.2f}")


@contextmanager
def served(command: list[str], port: str) -> Iterator[tuple[str, int]]:
    number = free_port()
    process = subprocess.Popen([*command, port.format(number)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{number}"
    try:
        for _ in range(200):
            try:
                requests.get(url, timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rate(url: str, body: bytes) -> float:
    """Requests answered per second, by some callers at once."""
    end, done = time.monotonic() + SECONDS, [0] * CALLERS

    def call(index: int) -> None:
        with requests.Session() as session:
            while time.monotonic() < end:
                assert session.post(f"{url}/cluster/sync", data=body, timeout=30).status_code == 200
                done[index] += 1

    callers = [threading.Thread(target=call, args=(index,)) for index in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(done) / SECONDS


def resident(pid: int) -> int:
    """KiB of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return sum(map(_rss, [pid, *map(int, children.split())]))


def _rss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
