"""What FlinkJobs leave behind in a JobManager: a run whose FlinkJob was deleted before it had ended (the deadline of a
deletion passed while nobody answered), and our JARs that no job uses any more. Both are removed.

A supervisor that was restarted in between does not know of such a run any more; the Event on the FlinkCluster does.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clients.flink import FlinkError, Jar
from clients.kube import KubeClient, KubeError, NotFound, resources
from core import times
from core.job_status import read_status
from core.states import Phase
from supervisor.bootstrap import is_content_name
from supervisor.decision import Event
from supervisor.events import Recorder
from supervisor.jobmanager import JobManager, Look
from supervisor.world import TERMINAL

log = logging.getLogger("supervisor")
Resource = Mapping[str, Any]
LOOKS_AT_JARS = 600.0  # seconds between two
YOUNG = timedelta(minutes=10)  # a JAR that was just carried may not be in any status yet


@dataclass(frozen=True)
class _Left:
    """A FlinkJob that is not seen any more, and the run that it held."""

    name: str
    uid: str
    run: str
    incarnation: int


class Leftovers:
    """Of one cluster. `notice` belongs to the cycle's thread; `remove` runs in another one, once at a time."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace
        self._recorder = Recorder(kube)
        self._jobs: dict[str, Resource] = {}
        self._noticed: deque[_Left] = deque()
        self._runs: list[_Left] = []
        self._jars_due = time.monotonic() + LOOKS_AT_JARS

    def notice(self, jobs: Iterable[Resource]) -> None:
        """Call it with the FlinkJobs of each tick: one that is missing now may have left what it held."""
        there = {job["metadata"]["uid"]: job for job in jobs}
        gone = [job for uid, job in self._jobs.items() if uid not in there]
        self._jobs = there
        for job in gone:
            metadata, status = job["metadata"], read_status(job)
            if status.holds_cluster and status.job_id:
                self._noticed.append(_Left(metadata["name"], metadata["uid"], status.job_id, status.incarnation))

    @property
    def due(self) -> bool:
        """Is there anything to do in the JobManager?"""
        return bool(self._noticed or self._runs) or time.monotonic() >= self._jars_due

    def remove(self, cluster: Resource, jobmanager: JobManager, look: Look, now: datetime) -> None:
        """It may take seconds. What does not work is tried again with the next look."""
        if not look.answering:
            return
        try:
            while self._noticed:
                self._take(cluster, self._noticed[0])
                self._noticed.popleft()
            self._runs = [left for left in self._runs if self._alive(left, jobmanager, look)]
            for left in self._runs:
                jobmanager.client.cancel(left.run)
            if time.monotonic() >= self._jars_due:
                self._jars_due = time.monotonic() + LOOKS_AT_JARS
                self._remove_jars(jobmanager, now)
        except (FlinkError, KubeError) as error:
            log.warning("not removed: %s", error)

    def _take(self, cluster: Resource, left: _Left) -> None:
        """It may only have lost its label for a moment: the API server itself has to say that it is gone."""
        try:
            live = self._kube.get(resources.FLINK_JOBS, left.name, namespace=self._namespace)
            if live["metadata"]["uid"] == left.uid:
                return
        except NotFound:
            pass
        self._runs.append(left)
        why = f"FlinkJob {left.name} was deleted before its run {left.run} had ended: the run is cancelled"
        self._recorder.record(cluster, [Event("RunLeftBehind", why)])

    def _alive(self, left: _Left, jobmanager: JobManager, look: Look) -> bool:
        found = look.jobs.get(left.run)
        return left.incarnation == jobmanager.incarnation and found is not None and found.status not in TERMINAL

    def _remove_jars(self, jobmanager: JobManager, now: datetime) -> None:
        for jar in unused(jobmanager.client.jars(), list(self._jobs.values()), now):
            log.info("deleting the JAR %s: no job uses it", jar)
            jobmanager.client.delete_jar(jar)


def unused(jars: Iterable[Jar], jobs: Collection[Resource], now: datetime) -> list[str]:
    """The ids of the JARs that a bootstrap carried and no job of the cluster runs with. None while another delivery is
    on its way: it may find its JAR there, and not carry it again."""
    statuses = [read_status(job) for job in jobs]
    if any(status.supervisor_status == Phase.UNKNOWN or status.ordered for status in statuses):
        return []
    used = {jar for status in statuses for jar in (status.jar_id, status.update.jar_id)}
    ours = (jar for jar in jars if is_content_name(jar.name) and now - times.from_millis(jar.uploaded) > YOUNG)
    return [jar.id for jar in ours if jar.id not in used]
