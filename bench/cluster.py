"""Many FlinkClusters at once, on the cluster of the current context: how long until each has all its pods.

Needs a cluster that takes the pods: nodes that only pretend (KWOK) do. No Flink has to run. Everything it makes is in a
namespace of its own, which is removed afterwards.
"""

from __future__ import annotations

import argparse
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from clients.kube import KubeClient, NotFound, connect
from clients.kube import resources as r
from core import names

HOOKS = ("flink-system", "flink-hooks")
SAMPLE = re.compile(r'^flink_hooks_requests_total\{code="(\d+)",hook="([^"]+)"\} (\S+)', re.MULTILINE)
PACE = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--task-managers", type=int, default=3)
    parser.add_argument("--patience", type=float, default=900.0, help="seconds")
    options = parser.parse_args()
    client = KubeClient(connect())
    with namespace(client) as name:
        measure(client, name, options.clusters, options.task_managers, options.patience)


def measure(client: KubeClient, namespace: str, clusters: int, task_managers: int, patience: float) -> None:
    wanted = clusters * (task_managers + 1)
    print(f"{clusters} FlinkClusters with {task_managers} TaskManagers each: {wanted} Flink pods")
    before, start = requests(client), time.monotonic()

    def told(what: str, moment: float) -> float:
        print(f"  {what:<30} {moment - start:7.1f} s", flush=True)
        return moment - start

    for number in range(clusters):
        client.create(r.FLINK_CLUSTERS, flink_cluster(f"bench-{number}", task_managers), namespace=namespace)
    told("FlinkClusters created after", time.monotonic())
    told("all pods created after", until(patience, lambda: len(flink_pods(client, namespace)) >= wanted))
    told("all pods ready after", until(patience, lambda: sum(map(is_ready, flink_pods(client, namespace))) >= wanted))
    seen = until(patience, lambda: all_seen(client, namespace, clusters, task_managers))
    seconds, after = told("all statuses say so after", seen), requests(client)
    answered = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    syncs = sum(count for (hook, _), count in answered.items() if hook == "/cluster/sync")
    print(f"  cluster syncs in that time     {syncs:7.0f}   ({syncs / seconds:.1f} per second)")
    for (hook, code), count in sorted(answered.items()):
        print(f"    {hook} {code}: {count:.0f}")


def flink_cluster(name: str, task_managers: int) -> dict[str, Any]:
    spec = {
        "taskManagers": task_managers,
        "maxTaskManagers": task_managers,
        "runtime": {"image": "flink:2.3.0"},
        "jobManager": {"serviceMode": "ClusterIP"},
        "taskManager": {"taskSlots": 1},
        "supervisor": {"image": "flink-metacontroller/flinkctl:0.1.0", "rescalePolicy": "None"},
    }
    return {"apiVersion": names.API_VERSION, "kind": names.CLUSTER, "metadata": {"name": name}, "spec": spec}


def flink_pods(client: KubeClient, namespace: str) -> list[dict[str, Any]]:
    roles = f"{names.LABEL_ROLE} in ({names.JOBMANAGER},{names.TASKMANAGER})"
    found: list[dict[str, Any]] = client.list(r.PODS, namespace=namespace, label_selector=roles)["items"]
    return found


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def all_seen(client: KubeClient, namespace: str, clusters: int, task_managers: int) -> bool:
    """Metacontroller and the hooks know of every TaskManager: there is nothing left to do."""
    items = client.list(r.FLINK_CLUSTERS, namespace=namespace)["items"]
    seen = [(item.get("status") or {}).get("taskManagerReplicas", 0) for item in items]
    return len(seen) == clusters and min(seen) >= task_managers


def requests(client: KubeClient) -> dict[tuple[str, str], float]:
    """(hook, code): how many the hooks have answered; of one replica, as that is how it is measured."""
    namespace, service = HOOKS
    path = r.SERVICES.path(namespace, f"{service}:http", "proxy") + "/metrics"
    text = client.request("GET", path, accept="text/plain").text
    return {(hook, code): float(count) for code, hook, count in SAMPLE.findall(text)}


def until(patience: float, done: Callable[[], bool]) -> float:
    """The moment at which it was seen to be so."""
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"not within {patience:.0f} s")
        time.sleep(PACE)
    return time.monotonic()


@contextmanager
def namespace(client: KubeClient) -> Iterator[str]:
    name = f"flink-bench-{secrets.token_hex(4)}"
    client.create(r.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        for item in client.list(r.FLINK_CLUSTERS, namespace=name)["items"]:
            with suppress(NotFound):  # it is going with its FlinkDeployment
                client.delete(r.FLINK_CLUSTERS, item["metadata"]["name"], namespace=name)
        until(600, lambda: not client.list(r.FLINK_CLUSTERS, namespace=name)["items"])
        client.delete(r.NAMESPACES, name)


if __name__ == "__main__":
    main()
