"""One cluster's cycle: look at the cluster once, report about it, and let each job's lane take its step.

It runs when a watch rings, and otherwise when a lane is due; those that are due soon go along. A lane that is busy
(main() runs inside a submission) is left alone, so that no job waits for another. Its threads are its own, so that no
cluster waits for another either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clients.kube import Conflict, KubeClient, KubeError, resources
from core import cluster as clusters
from core import names
from supervisor import observe, report, steps
from supervisor.cache import Key, Watches
from supervisor.claims import Claims
from supervisor.events import Recorder
from supervisor.jobmanager import JobManager, Look
from supervisor.lane import Lane, Surroundings
from supervisor.leftovers import Leftovers

log = logging.getLogger("supervisor")
Objects = tuple[Mapping[str, Any], ...]
PARALLEL_LANES = 16
SOON = 0.2  # seconds: so much before it is due a lane steps with the others, who look at Flink anyway
NEWS = 1.0  # seconds for which a change of the cluster is news: more is likely to come
SLOW = 0.3  # seconds between the looks at a cluster that is on its way, at most
SHORTEST, LONGEST, AFTER_ERROR = 0.02, 60.0, 2.0  # the heartbeat is no slower, whatever a spec's pollingInterval


@dataclass
class _Slot:
    """A lane, when it is due, and the step that it is taking."""

    lane: Lane
    due: float = 0.0
    seen: str = ""  # resourceVersion of the object at its last step
    step: Future[float] | None = field(default=None)
    overtaken: bool = False  # something changed during this step: the next one follows at once

    @property
    def next(self) -> float:
        return 0.0 if self.overtaken else self.due


class ClusterCycle:
    """Serves one FlinkCluster for as long as it is there, or until told to stop."""

    def __init__(self, kube: KubeClient, watches: Watches, cluster: Key) -> None:
        self.namespace, self.name = self._key = cluster
        self.heartbeat = time.monotonic()
        self.ticks, self.busy = 0, 0.0  # looks so far, and the seconds that they took
        self._secrets: frozenset[str] = frozenset()
        self._kube, self._watches = kube, watches
        self._bell, self._stop = threading.Event(), threading.Event()
        self._changed = False
        self._pool = ThreadPoolExecutor(PARALLEL_LANES, thread_name_prefix=f"lane-{self.name}")
        self._slots: dict[str, _Slot] = {}
        self._jobmanager: JobManager | None = None
        self._claims = Claims()
        self._idle: dict[str, datetime] = {}
        self._recorder = Recorder(kube)  # of Events about the cluster itself
        self._leftovers = Leftovers(kube, self.namespace, self.name)
        self._removal: Future[None] | None = None
        self._surroundings: tuple[object, object] = None, None  # the cluster with its pods, and its jobs in Flink
        self._quiet_since = time.monotonic()

    def ring(self) -> None:
        """Something changed: look now."""
        self._changed = True
        self._bell.set()

    def stop(self) -> None:
        self._stop.set()
        self.ring()

    def lanes(self) -> list[tuple[str, Lane]]:
        """The jobs that are there, by name. For another thread than the cycle's."""
        slots = self._slots.copy()
        jobs = self._watches.jobs.of(self._key)
        return [(job["metadata"]["name"], slots[uid].lane) for job in jobs if (uid := job["metadata"]["uid"]) in slots]

    @property
    def secrets(self) -> frozenset[str]:
        """Of the cluster and its jobs, also those of earlier specs: Flink may quote them still. For another thread."""
        return self._secrets.union(*(slot.lane.secrets for slot in self._slots.copy().values()))

    def run(self) -> None:
        """A step that is under way at the end is finished, not begun again."""
        while not self._stop.is_set() and self._watches.clusters.of(self._key):
            self._changed = False
            began = time.monotonic()
            pause = self._safe_tick()
            self.heartbeat = time.monotonic()
            self.ticks, self.busy = self.ticks + 1, self.busy + self.heartbeat - began
            self._sleep(max(SHORTEST, min(pause, LONGEST)))
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _sleep(self, seconds: float) -> None:
        """Until something changes or a lane is due. A step that ends only says when that is: it is no news of Flink."""
        end = time.monotonic() + seconds
        while not self._changed:
            dues = (slot.next for slot in self._slots.values() if slot.step and slot.step.done())
            if (left := min([end, *dues]) - time.monotonic()) <= 0:
                return
            self._bell.wait(left)
            self._bell.clear()

    def _safe_tick(self) -> float:
        """A cluster that cannot be read is no reason to leave its jobs for good."""
        try:
            return self._tick()
        except Exception:
            log.exception("[%s/%s] cycle failed", self.namespace, self.name)
            return AFTER_ERROR

    def _tick(self) -> float:
        """Returns the seconds until the next one."""
        found = self._watches.clusters.of(self._key)
        if not found:
            return SHORTEST
        (cluster,), pods, jobs = found, self._watches.pods.of(self._key), self._watches.jobs.of(self._key)
        self._secrets |= observe.secrets(cluster)
        jobmanager = self._current(cluster, pods)
        self._claims.settle({job["metadata"]["uid"] for job in jobs}, datetime.now(UTC))
        look = jobmanager.look(clusters.read_status(cluster).task_managers) if jobmanager else Look()
        view = observe.cluster_view(cluster, pods, look)
        self._tell(cluster, look, jobs)
        self._forget_jobs(jobs)
        self._remove_leftovers(cluster, jobs, jobmanager, look)
        around = Surroundings(view, pods, jobmanager, look, self._claims)
        pause = min(self._step_jobs(jobs, around), float(view.polling_interval))
        quiet = time.monotonic() - self._quiet_since
        moving = view.phase in ("Starting", "Stopping") or not view.answering or quiet < NEWS
        return min(pause, SLOW, steps.pace(quiet)) if moving and view.revision else pause

    def _current(self, cluster: Mapping[str, Any], pods: Objects) -> JobManager | None:
        """The JobManager of the incarnation that the status names, by its pod's address."""
        status = clusters.read_status(cluster)
        pod = observe.jobmanager_pod(pods, cluster["metadata"]["uid"], status.incarnation)
        address = (pod.get("status") or {}).get("podIP") if pod else None
        if not pod or not address:
            self._jobmanager = None
        elif not self._jobmanager or (self._jobmanager.address, self._jobmanager.incarnation) != (
            address,
            status.incarnation,
        ):
            self._jobmanager = JobManager(address, observe.rest_port(pod), status.incarnation)
        return self._jobmanager

    def _tell(self, resource: Mapping[str, Any], look: Look, jobs: Objects) -> None:
        """Writes the report when it says something new, in one patch with the request that it answers."""
        cluster, status, now = clusters.read(resource), clusters.read_status(resource), datetime.now(UTC)
        self._idle = report.idle_since(self._idle, look, now)
        slots = [self._slots.get(job["metadata"]["uid"]) for job in jobs]
        newest = [slot.lane.newest(job) if slot else job for slot, job in zip(slots, jobs, strict=True)]
        looked = all(slot and slot.lane.answered == look.answering for slot in slots)
        told = report.tell(cluster, status, look, newest, looked=looked, idle=self._idle, now=now)
        if told.report.text() == cluster.annotations.get(names.REPORT) and not told.handled:
            return
        annotations: dict[str, str | None] = {names.REPORT: told.report.text()}
        if told.handled:
            log.info("[%s/%s] %s", cluster.namespace, cluster.name, told.why)
            annotations |= {names.REQUESTED_ACTION: "NONE", names.WITHOUT_SAVEPOINT: None}
        patch = {"metadata": {"resourceVersion": resource["metadata"]["resourceVersion"], "annotations": annotations}}
        try:
            self._kube.patch(resources.FLINK_CLUSTERS, cluster.name, patch, namespace=cluster.namespace)
        except Conflict:
            pass  # the watch brings the newer one, and rings
        except KubeError as error:
            log.warning("[%s/%s] report not written: %s", cluster.namespace, cluster.name, error)
        else:
            self._recorder.record(resource, told.events)

    def _forget_jobs(self, jobs: Objects) -> None:
        alive = {job["metadata"]["uid"] for job in jobs}
        self._slots = {uid: slot for uid, slot in self._slots.items() if uid in alive}

    def _remove_leftovers(
        self, cluster: Mapping[str, Any], jobs: Objects, jobmanager: JobManager | None, look: Look
    ) -> None:
        self._leftovers.notice(jobs, look)
        idle = self._removal is None or self._removal.done()
        if jobmanager and look.answering and idle and self._leftovers.due:
            self._removal = self._pool.submit(self._leftovers.remove, cluster, jobmanager, datetime.now(UTC))

    def _step_jobs(self, jobs: Objects, around: Surroundings) -> float:
        """Lets every lane step that is idle, and due or changed; returns the seconds until the next one is due."""
        now = time.monotonic()
        cluster = around.cluster, [pod["metadata"]["resourceVersion"] for pod in around.pods]
        before, self._surroundings = self._surroundings, (cluster, around.look.jobs)
        changed = self._surroundings != before
        if cluster != before[0]:  # a job's tasks may come and go all day
            self._quiet_since = now
        for job in jobs:
            slot = self._slots.setdefault(job["metadata"]["uid"], _Slot(Lane(self._kube, Recorder(self._kube))))
            slot.lane.keep_slots(job, around)
        for job in jobs:
            slot, version = self._slots[job["metadata"]["uid"]], job["metadata"]["resourceVersion"]
            news = changed or slot.seen != version
            if slot.step and not slot.step.done():
                slot.overtaken |= news
            elif news or now >= slot.next - SOON:
                slot.seen, slot.overtaken = version, False
                slot.step = self._pool.submit(self._step, slot, job, around)
                slot.step.add_done_callback(lambda _: self._bell.set())
        waiting = [slot.next - now for slot in self._slots.values() if slot.step and slot.step.done()]
        return max(0.0, min(waiting, default=float(around.cluster.polling_interval)))

    def _step(self, slot: _Slot, job: Mapping[str, Any], around: Surroundings) -> float:
        pause = slot.lane.step(job, around)
        slot.due = time.monotonic() + max(SHORTEST, pause)
        return pause
