"""One supervisor for many clusters: how long until all are ready, what that costs, and what it costs to be idle.

Flink is played by bench/flink.py, pods by nodes that only pretend (KWOK), the supervisor is a process of this machine;
API server, Metacontroller and hooks are real. With --local everything is here, and small.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from bench import cluster, pretend
from bench.flink import Flink
from bench.hooks import served
from bench.pretend import Place
from clients.kube import KubeClient, KubeError, Resource, Unreachable
from clients.kube import resources as r
from core import conditions, names

PATIENCE, PACE = 1800.0, 2.0  # seconds
SETTLE = 15.0  # seconds after the last one became ready, until it counts as idle
OURS = ("flinkdeployments", "flinkclusters", "flinkjobs", "pods", "services", "jobs", "deployments", "events")
WRITES = {"POST", "PUT", "PATCH", "APPLY", "DELETE"}
Figures = Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--task-managers", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--idle", type=float, default=300.0, help="seconds")
    parser.add_argument("--checkpoint", type=float, default=0.0, help="seconds between a job's checkpoints; 0: none")
    parser.add_argument("--local", action="store_true", help="on the local API store and loop, without a cluster")
    options = parser.parse_args()
    with pretend.locally() if options.local else pretend.on_cluster() as place:
        for number in options.clusters:
            measure(place, number, options)


def measure(place: Place, number: int, options: argparse.Namespace) -> None:
    print(f"{number} FlinkClusters, each with {options.task_managers} TaskManagers and {options.jobs} jobs", flush=True)
    flink = Flink(place.pods.workers, slots=1, checkpoint=options.checkpoint)
    with cluster.namespace(place.client) as namespace, supervisor(place, namespace, flink) as url:
        try:
            first, start = figures(place, url, flink), time.monotonic()
            for index in range(number):
                body = deployment(f"scale-{index}", options.task_managers, options.jobs)
                place.client.create(r.FLINK_DEPLOYMENTS, body, namespace=namespace)
            until(lambda: ready(place.client, r.FLINK_JOBS, namespace) >= number * options.jobs)
            until(lambda: ready(place.client, r.FLINK_CLUSTERS, namespace) >= number)
            seconds = time.monotonic() - start
            told(f"until all are ready, {seconds:.1f} s", first, figures(place, url, flink), seconds)
            time.sleep(SETTLE)
            before = figures(place, url, flink)
            time.sleep(options.idle)
            told(f"idle, {options.idle:.0f} s", before, figures(place, url, flink), options.idle)
        finally:
            for index in range(number):
                place.client.delete(r.FLINK_DEPLOYMENTS, f"scale-{index}", namespace=namespace)
            until(lambda: not place.client.list(r.FLINK_JOBS, namespace=namespace)["items"])
    flink.shutdown()
    flink.server_close()


def until(done: Callable[[], bool]) -> None:
    """Asked seldom, since a list of them all is work; an API server that is busy is asked again."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(Unreachable):
            if done():
                return
        time.sleep(PACE)
    raise SystemExit(f"not within {PATIENCE:.0f} s")


@contextmanager
def supervisor(place: Place, namespace: str, flink: Flink) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.supervised", f"--namespace={namespace}", f"--flink={flink.url}"]
    access = [f"--kubeconfig={place.kubeconfig}"] if place.kubeconfig else []
    with served([*command, *access], "--port={}") as (url, _):
        yield url


def deployment(name: str, task_managers: int, jobs: int) -> dict[str, Any]:
    image = "flink-metacontroller/flinkctl:0.1.0"
    one = {
        "jobParallelism": 1,
        "bootstrap": {"image": image, "jarPath": "/opt/flinkctl/examples/wordcount.jar", "className": "WordCount"},
        "savepoint": {"savepointMode": "Manual", "savepointInterval": 0, "savepointTargetPath": "file:///bench"},
        "restart": {"restartPolicy": "Always"},
    }
    listed = [{"name": f"job-{index}", "spec": one} for index in range(jobs)]
    spec = {"cluster": cluster.flink_cluster(name, task_managers)["spec"], "jobs": listed}
    return {"apiVersion": names.API_VERSION, "kind": names.DEPLOYMENT, "metadata": {"name": name}, "spec": spec}


def ready(client: KubeClient, resource: Resource, namespace: str) -> int:
    items = client.list(resource, namespace=namespace)["items"]
    return sum(conditions.is_true(item, conditions.READY) for item in items)


# ---- figures ---------------------------------------------------------------------------------------------------------


def figures(place: Place, url: str, flink: Flink) -> Figures:
    found: dict[str, float] = defaultdict(float, {f"Flink: {what}": count for what, count in flink.asked.items()})
    for name, labels, value in samples(requests.get(f"{url}/metrics", timeout=30).text):
        match name:
            case "process_cpu_seconds_total":
                found["supervisor: CPU seconds"] = value
            case "process_resident_memory_bytes":
                found["= supervisor: MiB"] = value / 2**20
            case "flink_supervisor_cycle_seconds_count":
                found["supervisor: cycles"] += value
            case "bench_threads":
                found["= supervisor: threads"] = value
            case "bench_kubernetes_requests_total":
                found[f"supervisor: {labels['method']} {labels['resource']}"] += value
    for name, labels, value in samples(place.metrics()):
        match name:
            case "process_cpu_seconds_total":
                found["hooks: CPU seconds"] = value
            case "process_resident_memory_bytes":
                found["= hooks: MiB"] = value / 2**20
            case "flink_hooks_requests_total":
                found[f"hooks: {labels['hook']} {labels['code']}"] += value
    for verb, resource, value in api_requests(place.client):
        kind = "writes" if verb in WRITES else "reads"
        found[f"API server: {kind}, {resource}"] += value
    return found


def api_requests(client: KubeClient) -> Iterator[tuple[str, str, float]]:
    """By everybody, for the resources that our controllers read and write; the local store counts none."""
    try:
        text = client.request("GET", "/metrics", accept="text/plain").text
    except KubeError:
        return
    for name, labels, value in samples(text):
        if name == "apiserver_request_total" and labels["resource"] in OURS:
            yield labels["verb"], "/".join(filter(None, (labels["resource"], labels["subresource"]))), value


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def told(what: str, before: Figures, after: Figures, seconds: float) -> None:
    """What happened in between; what begins with = is what there is now."""
    print(f"  {what}")
    for name in sorted(after):
        there = name.startswith("= ")
        value = after[name] if there else after[name] - before.get(name, 0)
        each = "" if there else f"  ({value / seconds:.2f} per second)"
        if value:
            print(f"    {name.removeprefix('= '):<50} {value:9.1f}{each}", flush=True)


if __name__ == "__main__":
    main()
