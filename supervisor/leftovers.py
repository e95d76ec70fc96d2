"""What FlinkJobs leave behind in a JobManager: a run whose FlinkJob is gone (the deadline of its deletion passed while
no supervisor was there) or runs elsewhere by now, and our JARs that no job uses any more. Both are removed.

A run of ours is known by its id, so nothing has to be remembered of a FlinkJob that is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from clients.flink import FlinkError, Jar
from clients.kube import KubeClient, KubeError, resources
from core import job as jobs
from core import spec, times
from core.job_status import read_status
from core.states import Phase
from supervisor import observe
from supervisor.bootstrap import is_content_name
from supervisor.decision import Event
from supervisor.events import Recorder
from supervisor.jobmanager import JobManager, Look

log = logging.getLogger("supervisor")
Resource = Mapping[str, Any]
LOOKS_AT_RUNS, LOOKS_AT_JARS = 2.0, 600.0  # seconds between two
YOUNG = timedelta(minutes=10)  # a JAR that was just carried may not be in any status yet


class Leftovers:
    """Of one cluster. `notice` belongs to the cycle's thread; `remove` runs in another one, once at a time."""

    def __init__(self, kube: KubeClient, namespace: str, cluster: str) -> None:
        self._kube, self._namespace, self._cluster = kube, namespace, cluster
        self._recorder = Recorder(kube)
        self._jobs: tuple[Resource, ...] = ()
        self._unowned: frozenset[str] = frozenset()  # as far as the watch knows
        self._told: set[str] = set()
        self._runs_due, self._jars_due = 0.0, time.monotonic() + LOOKS_AT_JARS

    def notice(self, found: Iterable[Resource], look: Look) -> None:
        """Call it with the FlinkJobs of each tick."""
        self._jobs = tuple(found)
        ours = frozenset(run for run in look.alive if run.endswith(jobs.OURS))
        self._unowned = ours - self._owned(self._jobs) if ours else ours

    @property
    def due(self) -> bool:
        """Is there anything to do in the JobManager?"""
        now = time.monotonic()
        return (bool(self._unowned) and now >= self._runs_due) or now >= self._jars_due

    def remove(self, cluster: Resource, jobmanager: JobManager, now: datetime) -> None:
        """It may take seconds. What does not work is tried again later."""
        try:
            self._runs_due = time.monotonic() + LOOKS_AT_RUNS
            for run in self._left():
                self._tell(cluster, jobmanager, run)
                jobmanager.client.cancel(run)
            if time.monotonic() >= self._jars_due:
                self._jars_due = time.monotonic() + LOOKS_AT_JARS
                self._remove_jars(jobmanager, now)
        except (FlinkError, KubeError) as error:
            log.warning("not removed: %s", error)

    def _left(self) -> frozenset[str]:
        """A FlinkJob may only have lost its label, or been written a moment ago: the API server itself has to say that
        it is gone."""
        unowned = self._unowned  # of a look before the list: what it saw was written before
        if not unowned:
            return unowned
        live = self._kube.list(resources.FLINK_JOBS, namespace=self._namespace)
        return unowned - self._owned(live["items"])

    def _owned(self, found: Iterable[Resource]) -> frozenset[str]:
        """The runs in this cluster that are some job's. Read from a status of any version: it may run."""
        owned: set[str] = set()
        for item in found:
            status = item.get("status") or {}
            if spec.text(status, "clusterName") in ("", self._cluster):
                owned.update(observe.runs(item["metadata"]["uid"], spec.whole(status, "attempt", 0)))
                owned.add(spec.text(status, "jobId"))
        return frozenset(owned)

    def _tell(self, cluster: Resource, jobmanager: JobManager, run: str) -> None:
        if run in self._told:
            return
        newest = jobmanager.newest_checkpoint(run)
        why = f"run {run} belongs to no FlinkJob of this cluster any more: it is cancelled"
        why += f"; its newest checkpoint is {newest}" if newest else ""
        self._recorder.record(cluster, [Event("RunLeftBehind", why)])
        self._told.add(run)

    def _remove_jars(self, jobmanager: JobManager, now: datetime) -> None:
        for jar in unused(jobmanager.client.jars(), self._jobs, now):
            log.info("deleting the JAR %s: no job uses it", jar)
            jobmanager.client.delete_jar(jar)


def unused(jars: Iterable[Jar], found: Collection[Resource], now: datetime) -> list[str]:
    """The ids of the JARs that a bootstrap carried and no job of the cluster runs with. None while another delivery is
    on its way: it may find its JAR there, and not carry it again."""
    statuses = [read_status(job) for job in found]
    if any(status.supervisor_status == Phase.UNKNOWN or status.ordered for status in statuses):
        return []
    used = {jar for status in statuses for jar in (status.jar_id, status.update.jar_id)}
    ours = (jar for jar in jars if is_content_name(jar.name) and now - times.from_millis(jar.uploaded) > YOUNG)
    return [jar.id for jar in ours if jar.id not in used]
