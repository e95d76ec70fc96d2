"""What the demo looks at: the resources, the gauges, and since when it knows which count."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.demo import wordcount
from cli.demo.wordcount import Gauges
from clients.kube import KubeClient, KubeError, resources
from core import conditions

NAMESPACE = "default"
NAME = "wordcount"
JOBS = ("wordcount-fast", "wordcount-slow")
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Seen:
    """One look."""

    cluster: dict[str, Any] | None = None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: tuple[dict[str, Any], ...] = ()
    gauges: dict[str, Gauges] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    deployment: dict[str, Any] | None = None

    def status(self, job: str) -> dict[str, Any]:
        return self.jobs.get(job, {}).get("status") or {}

    def ready(self, job: str) -> bool:
        return job in self.jobs and conditions.is_true(self.jobs[job], conditions.READY)

    def all_ready(self) -> bool:
        return (
            self.cluster is not None
            and conditions.is_true(self.cluster, conditions.READY)
            and all(map(self.ready, JOBS))
        )


class Scene:
    """Looks again and again in a thread, and remembers which count it saw when."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self.seen = Seen()
        self.history: dict[str, list[tuple[datetime, str, int]]] = {job: [] for job in JOBS}
        self.doubled: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scene", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def count_before(self, job: str, moment: datetime) -> int:
        """The highest count that was seen before a moment: what a recovery point of that moment must hold."""
        return max((total for at, _, total in self.history[job] if at <= moment), default=0)

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            with contextlib.suppress(KubeError):  # the next look is near
                self.seen = self._look()
            self._stop.wait(max(0.05, LOOK_SECONDS - (time.monotonic() - started)))

    def _look(self) -> Seen:
        items = {item["metadata"]["name"]: item for item in self._list(resources.FLINK_JOBS)}
        clusters, deployments = self._list(resources.FLINK_CLUSTERS), self._list(resources.FLINK_DEPLOYMENTS)
        gauges = {}
        for job in JOBS:
            status = items.get(job, {}).get("status") or {}
            if status.get("jobStatus") != "RUNNING" or status.get("supervisorStatus") != "Started":
                continue
            asked = datetime.now(UTC)
            if found := wordcount.read(self.client, NAMESPACE, NAME, status["jobId"]):
                gauges[job] = found
                self.history[job].append((asked, status["jobId"], found.total))
        running = wordcount.running(self.client, NAMESPACE, NAME) if clusters else []
        return Seen(
            cluster=clusters[0] if clusters else None,
            jobs=items,
            pods=tuple(self._list(resources.PODS)),
            gauges=gauges,
            running=tuple(running),
            deployment=deployments[0] if deployments else None,
        )

    def _list(self, resource: resources.Resource) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.list(resource, namespace=NAMESPACE)["items"]
        return found
