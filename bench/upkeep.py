"""What one supervisor with ten jobs costs while nothing changes but checkpoints, and how soon it acts on an annotation.

The supervisor's process, API store, loop and hooks are real and on this machine; Flink is played by bench/flink.py.
"""

from __future__ import annotations

import random
import re
import threading
import time
from queue import SimpleQueue
from statistics import median
from typing import Any

from bench import cluster, pretend, scale
from bench.flink import Flink
from bench.verdict import Verdict
from bench.waiting import PATIENCE, until
from clients.kube import KubeClient
from clients.kube import resources as r
from core import job as jobs
from core import names
from local.kubelet.mirror import Mirror

NAME, JOBS, REACTIONS = "upkeep", 10, 30
CHECKPOINT = 30.0  # seconds between a job's; faster ones are written more often, before Flink drops what is stored
WRITE = re.compile(r"supervisor: ((?:POST|PUT|PATCH|DELETE) .+)")


def measure(verdict: Verdict, idle: float) -> None:
    print(f"one supervisor with {JOBS} jobs, nothing but checkpoints for {idle:.0f} s", flush=True)
    with pretend.locally() as place, cluster.namespace(place.client) as namespace:
        flink = Flink(place.pods.workers, slots=JOBS, checkpoint=CHECKPOINT)
        with scale.supervisor(place, namespace, flink) as url:
            manifest = scale.deployment(NAME, task_managers=1, jobs=JOBS)
            place.client.create(r.FLINK_DEPLOYMENTS, manifest, namespace=namespace)
            try:
                until("the jobs are ready", lambda: scale.ready(place.client, r.FLINK_JOBS, namespace) == JOBS)
                time.sleep(scale.SETTLE)
                before = scale.figures(place, url, flink)
                time.sleep(idle)
                _told(verdict, before, scale.figures(place, url, flink), idle)
                _reactions(verdict, place.client, namespace, flink)
            finally:
                place.client.delete(r.FLINK_DEPLOYMENTS, NAME, namespace=namespace)
                until("the jobs are gone", lambda: not place.client.list(r.FLINK_JOBS, namespace=namespace)["items"])
        flink.shutdown()
        flink.server_close()


def _told(verdict: Verdict, before: scale.Figures, after: scale.Figures, seconds: float) -> None:
    passed = {name: after[name] - before.get(name, 0) for name in after}
    writes = {found[1]: passed[name] for name in passed if passed[name] and (found := WRITE.fullmatch(name))}
    checkpoints = writes.pop("PUT flinkjobs/status", 0.0)
    cycles, asked = passed["supervisor: cycles"], passed["Flink: requests about a job"]
    verdict.at_most("resident memory", after["= supervisor: MiB"], 45, "MiB")
    verdict.none("writes but for checkpoints", [f"{count:.0f} {name}" for name, count in writes.items()])
    limit = seconds // 60 + 1  # a minute apart
    verdict.at_most("writes for checkpoints", checkpoints / JOBS, limit, f"per job in {seconds:.0f} s")
    detail = f"{cycles:.0f} cycles, {passed['Flink: other requests'] / max(cycles, 1):.1f} requests more in each"
    # The figures are read at any moment of a cycle: one more may have begun than has ended.
    verdict.at_most("requests to Flink", asked / JOBS / (cycles + 1), 1, "per job and cycle", detail)


def _reactions(verdict: Verdict, client: KubeClient, namespace: str, flink: Flink) -> None:
    """From the watch event that brings the annotation, as another watch gets it, to the request that Flink gets."""
    seen, acted, stop = SimpleQueue[float](), SimpleQueue[float](), threading.Event()
    mirror = Mirror(client, r.FLINK_JOBS)

    def requested(job: dict[str, Any], gone: bool) -> None:
        if jobs.read(job).action:
            seen.put(time.monotonic())

    def heard(method: str, path: str) -> None:
        if path.endswith("/savepoints"):
            acted.put(time.monotonic())

    mirror.listen(requested)
    flink.heard = heard
    watching = mirror.start(stop)
    samples = [_reaction(client, namespace, f"{NAME}-job-{index % JOBS}", seen, acted) for index in range(REACTIONS)]
    stop.set()
    watching.join()
    detail = f"median {median(samples):.0f}, fastest {min(samples):.0f}, {REACTIONS} times"
    verdict.at_most("annotation to action, slowest", max(samples), 200, "ms", detail)


def _reaction(
    client: KubeClient, namespace: str, job: str, seen: SimpleQueue[float], acted: SimpleQueue[float]
) -> float:
    """Milliseconds. Flink takes its savepoint meanwhile, and the next one waits for the end of that."""
    while not seen.empty():
        seen.get()
    annotations = {
        names.REQUESTED_ACTION: "TRIGGER_SAVEPOINT",
        names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000),
    }
    client.patch(r.FLINK_JOBS, job, {"metadata": {"annotations": annotations}}, namespace=namespace)
    event, action = seen.get(timeout=PATIENCE), acted.get(timeout=PATIENCE)

    def over() -> bool:
        found = client.get(r.FLINK_JOBS, job, namespace=namespace)
        return not (jobs.read(found).action or found["status"].get("savepointTriggerId"))

    until("the savepoint is over", over)
    time.sleep(random.uniform(0, 0.5))  # at any moment of a cycle
    return (action - event) * 1000
