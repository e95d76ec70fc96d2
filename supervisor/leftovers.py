"""What FlinkJobs leave behind in a JobManager: a run whose FlinkJob was deleted before it had ended (the deadline of a
deletion passed while nobody answered), and our JARs that no job uses any more. Both are removed.

A supervisor that was restarted in between does not know of such a run any more; the Event on the FlinkCluster does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from clients.flink import FlinkError, Jar
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


class Leftovers:
    """Of one cluster."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._jobs: dict[str, Resource] = {}
        self._runs: dict[str, int] = {}  # the incarnation that each is in
        self._jars_due = time.monotonic() + LOOKS_AT_JARS

    def notice(self, cluster: Resource, jobs: Iterable[Resource]) -> None:
        """Call it with the FlinkJobs of each tick: one that is missing now has left what it held."""
        there = {job["metadata"]["uid"]: job for job in jobs}
        gone = [job for uid, job in self._jobs.items() if uid not in there]
        self._jobs = there
        for job in gone:
            status = read_status(job)
            if not status.holds_cluster or not status.job_id:
                continue
            self._runs[status.job_id] = status.incarnation
            name = job["metadata"]["name"]
            why = f"FlinkJob {name} was deleted before its run {status.job_id} had ended: the run will be cancelled"
            self._recorder.record(cluster, [Event("RunLeftBehind", why, warning=True)])

    @property
    def due(self) -> bool:
        """Is there anything to do in the JobManager?"""
        return bool(self._runs) or time.monotonic() >= self._jars_due

    def remove(self, jobmanager: JobManager, look: Look, now: datetime) -> None:
        """Asks Flink; it may take seconds. What does not work is tried again with the next look."""
        if not look.answering:
            return
        self._runs = {run: number for run, number in self._runs.items() if number == jobmanager.incarnation}
        alive = [run for run in self._runs if run in look.jobs and look.jobs[run].status not in TERMINAL]
        try:
            for run in alive:
                jobmanager.client.cancel(run)
            if time.monotonic() >= self._jars_due:
                self._jars_due = time.monotonic() + LOOKS_AT_JARS
                for jar in unused(jobmanager.client.jars(), self._jobs.values(), now):
                    log.info("deleting the JAR %s: no job uses it", jar)
                    jobmanager.client.delete_jar(jar)
        except FlinkError as error:
            log.warning("not removed: %s", error)


def unused(jars: Iterable[Jar], jobs: Collection[Resource], now: datetime) -> list[str]:
    """The ids of the JARs that a bootstrap carried and no job of the cluster runs with. None while another delivery is
    on its way: it may find its JAR there, and not carry it again."""
    statuses = [read_status(job) for job in jobs]
    if any(status.supervisor_status in (Phase.UNKNOWN, Phase.STARTING) and not status.jar_id for status in statuses):
        return []
    used = {status.jar_id for status in statuses}
    ours = (jar for jar in jars if is_content_name(jar.name) and now - times.from_millis(jar.uploaded) > YOUNG)
    return [jar.id for jar in ours if jar.id not in used]
