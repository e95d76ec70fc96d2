"""Looks at the world again and again, in a thread of its own, and lets each job's history judge what it sees."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cli.demo import wordcount
from clients.flink.records import Checkpoints, JobSummary
from clients.kube import KubeClient, KubeError
from clients.kube import resources as r
from core import conditions, names
from core import job as jobs
from core.job_status import read_status
from core.pods import is_ready

from .judge import Finding, History, Sight, unowned
from .rest import Rest

log = logging.getLogger("chaos")
PACE = 0.25  # seconds between two looks
ATTEMPTS_AHEAD = 2  # a run is looked for before the status that names it has been read
Object = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One look. What the API did not tell is as it was in the look before."""

    at: float = 0.0
    deployment: Object = field(default_factory=dict)
    cluster: Object = field(default_factory=dict)
    jobs: Mapping[str, Object] = field(default_factory=dict)
    pods: tuple[Object, ...] = ()
    sights: Mapping[str, Sight] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()  # jobs whose beginning is not judged yet
    strangers: frozenset[str] = frozenset()  # live jobs in Flink that are no FlinkJob's

    def status(self, job: str) -> Mapping[str, Any]:
        return self.jobs.get(job, {}).get("status") or {}

    def of_role(self, *roles: str) -> list[Object]:
        return [pod for pod in self.pods if (pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE) in roles]

    def lacks(self) -> str:
        """What is not as it should be, '' when everything is: ready, supervised, and one run of each job in Flink."""
        for item in (self.cluster, self.deployment, *self.jobs.values()):
            if not conditions.is_true(item, conditions.READY):
                return f"{item.get('kind')} {item.get('metadata', {}).get('name')} is not ready"
        for job in self.jobs:
            sight, run = self.sights.get(job, Sight(self.at)), self.status(job).get("jobId")
            if sight.alive != {run} or not sight.running:
                return f"{job} is {run}, in Flink there are {sorted(sight.alive)}, not all of it runs"
            if sight.total is None:
                return f"{job} does not count"
        if not any(map(is_ready, self.of_role(names.SUPERVISOR))):
            return "the supervisor is not ready"
        return f"Flink has jobs of nobody: {sorted(self.strangers)}" if self.strangers else ""


class Watcher:
    """`jobs` are all FlinkJobs of the only cluster in the namespace. `rest` is told of its JobManagers."""

    def __init__(
        self, client: KubeClient, namespace: str, cluster: str, jobs: tuple[str, ...], rest: Rest | None = None
    ) -> None:
        self.client, self.namespace, self.cluster, self._rest = client, namespace, cluster, rest
        self.histories = {job: History(job) for job in jobs}
        self.findings: list[Finding] = []
        self.seen = Seen()
        self._strangers: frozenset[str] = frozenset()  # those that were told
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def struck(self, at: float) -> None:
        for history in self.histories.values():
            history.struck(at)

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self.seen = self._look()
            except Exception:  # the next look is near, and a run is not to end with its eyes
                log.exception("look")
            self._stop.wait(max(0.05, PACE - (time.monotonic() - started)))

    def _look(self) -> Seen:
        at = time.monotonic()
        try:
            now, fresh = self._objects(at), True
        except (KubeError, ValueError):
            now, fresh = replace(self.seen, at=at), False
        if self._rest:
            addresses = ((pod.get("status") or {}).get("podIP") for pod in now.of_role(names.JOBMANAGER))
            self._rest.follow(filter(None, addresses))
        alive = self._alive(now)
        owners = {run: job for job, item in now.jobs.items() for run in runs(item)}
        own = {job: {run for run in alive if owners.get(run) == job} for job in now.jobs}
        sights = {job: self._sight(at, item, own[job], alive) for job, item in now.jobs.items()}
        strangers = frozenset(alive.keys() - owners.keys())
        # Statuses of an earlier look may not name the newest runs.
        self._judge(sights, strangers if fresh else frozenset())
        unjudged = tuple(job for job, sight in sights.items() if not self.histories[job].has_judged(sight))
        return replace(now, sights=sights, unjudged=unjudged, strangers=strangers)

    def _judge(self, sights: Mapping[str, Sight], strangers: frozenset[str]) -> None:
        found = [unowned(run) for run in sorted(strangers - self._strangers)]
        found += [finding for job, sight in sights.items() for finding in self.histories[job].take(sight)]
        for finding in found:
            log.error("%s", finding)
        self.findings += found
        self._strangers |= strangers

    def _objects(self, at: float) -> Seen:
        jobs = {item["metadata"]["name"]: item for item in self._list(r.FLINK_JOBS)}
        pods = tuple(self._list(r.PODS))
        (cluster, *_), (deployment, *_) = self._list(r.FLINK_CLUSTERS), self._list(r.FLINK_DEPLOYMENTS)
        return Seen(at, deployment, cluster, {job: jobs[job] for job in self.histories if job in jobs}, pods)

    def _list(self, resource: r.Resource) -> list[Object]:
        found: list[Object] = self.client.list(resource, namespace=self.namespace)["items"]
        return found

    def _alive(self, seen: Seen) -> dict[str, JobSummary]:
        """The live jobs of every JobManager that answers, also of one that no Service leads to any more."""
        found: dict[str, JobSummary] = {}
        for pod in seen.of_role(names.JOBMANAGER):
            path = r.PODS.path(self.namespace, f"{pod['metadata']['name']}:8081", "proxy")
            try:
                answer = self.client.request("GET", f"{path}/jobs/overview", repeat_server_errors=False).json()
            except KubeError:
                continue
            every = map(JobSummary.of, answer["jobs"])
            found |= {job.id: job for job in every if job.status not in ("FINISHED", "CANCELED", "FAILED")}
        return found

    def _sight(self, at: float, job: Object, own: set[str], alive: Mapping[str, JobSummary]) -> Sight:
        known = Sight(at, frozenset(own), named=named(job))
        if len(own) != 1:
            return known
        (run,) = own
        gauges = wordcount.read(self.client, self.namespace, self.cluster, run)
        service = names.jobmanager_service(self.cluster)
        try:
            shown = Checkpoints.of(self.client.service_proxy(self.namespace, service, 8081, f"/jobs/{run}/checkpoints"))
        except (KubeError, KeyError, TypeError):
            return replace(known, run=run)
        if gauges is None:
            return replace(known, run=run)
        return replace(
            known,
            run=run,
            running=alive[run].all_running,
            total=gauges.total,
            errors=gauges.errors,
            restored=gauges.restored,
            completed=max((found.id for found in (shown.latest_completed, shown.latest_savepoint) if found), default=0),
            restored_from=shown.restored.id if shown.restored else 0,
            restored_path=(shown.restored.external_path or "") if shown.restored else "",
        )


def runs(job: Object) -> set[str]:
    """The ids of all runs that a FlinkJob has had, and of the next ones."""
    attempts = range(1, (job.get("status") or {}).get("attempt", 0) + 1 + ATTEMPTS_AHEAD)
    return {jobs.flink_job_id(job["metadata"]["uid"], attempt) for attempt in attempts}


def named(job: Object) -> dict[str, int]:
    """Run → number of its newest recovery point in the job's status."""
    points = sorted(read_status(job).recovery_points, key=lambda point: point.checkpoint_id)
    return {point.job_id: point.checkpoint_id for point in points}
