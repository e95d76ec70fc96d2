"""The JobManager of one incarnation, looked at by its pod's address: never another incarnation's by mistake."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from clients.flink import (
    Capabilities,
    Checkpoints,
    FlinkClient,
    FlinkError,
    JobSummary,
    NotFound,
    Operation,
    Overview,
    TaskManager,
)
from core.job_status import JobStatus
from core.states import Phase
from supervisor.world import TERMINAL, FlinkJob, Sight

log = logging.getLogger("supervisor")
METRICS = 10.0  # seconds: Flink itself collects them no more often


@dataclass(frozen=True)
class Look:
    """What one look at the JobManager showed; `overview` is None when it did not answer."""

    overview: Overview | None = None
    jobs: Mapping[str, JobSummary] = field(default_factory=dict)
    task_managers: tuple[TaskManager, ...] = ()  # when there are more than are wanted

    @property
    def answering(self) -> bool:
        return self.overview is not None

    @property
    def alive(self) -> frozenset[str]:
        """The ids of the jobs that are not over."""
        return frozenset(job.id for job in self.jobs.values() if job.status not in TERMINAL)


class JobManager:
    """Reads one JobManager; what cannot change during its life is read once."""

    def __init__(self, address: str, port: int, incarnation: int) -> None:
        self.address = address
        self.incarnation = incarnation
        self.client = FlinkClient(f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}")
        self.capabilities: Capabilities | None = None
        self.settings: Mapping[str, str] = {}
        self._checkpointing: dict[str, float] = {}
        self._restarts: dict[str, tuple[float, int | None]] = {}

    def look(self, wanted: int) -> Look:
        """Never raises: no answer is an answer too. wanted: so many TaskManagers there shall be."""
        try:
            if self.capabilities is None:
                self.settings = self.client.jobmanager_config()
                self.capabilities = Capabilities.of(str(self.client.config().get("flink-version", "")))
            overview = self.client.overview()
            jobs = self.client.jobs() if overview.jobs else ()
            task_managers = self.client.taskmanagers() if overview.task_managers > wanted else ()
            return Look(overview, {job.id: job for job in jobs}, task_managers)
        except FlinkError as error:
            log.debug("the JobManager at %s does not answer: %s", self.address, error)
            return Look()

    def job(self, status: JobStatus, look: Look) -> FlinkJob:
        """The job that `status` says was submitted here."""
        if not status.job_id or status.incarnation != self.incarnation:
            return FlinkJob()
        if not look.answering:
            return FlinkJob(sight=Sight.UNKNOWN)
        try:
            # Submitted after the look, or forgotten: the JobManager is asked once more.
            job = look.jobs.get(status.job_id) or self._summary(status.job_id)
            return self._job(status, job) if job else FlinkJob(sight=Sight.MISSING)
        except FlinkError as error:
            log.debug("job %s: no answer: %s", status.job_id, error)
            return FlinkJob(sight=Sight.UNKNOWN)

    def _summary(self, job_id: str) -> JobSummary | None:
        return next((job for job in self.client.jobs() if job.id == job_id), None)

    def _job(self, status: JobStatus, job: JobSummary) -> FlinkJob:
        """Status and tasks come from the list: what is said about a single job may be some seconds old."""
        trigger = status.stop.trigger_id or status.savepoint_trigger_id
        restarts = self._restarted(status.job_id) if status.supervisor_status == Phase.STARTED else None
        # Restarted tasks may run again already: the exception says why they had to.
        troubled = job.status in ("FAILED", "FAILING", "RESTARTING") or (restarts or 0) > status.stability.restarts
        interval = self._interval(status.job_id)
        return FlinkJob(
            sight=Sight.SEEN,
            status=job.status,
            tasks_run=job.all_running if interval else job.some_running,
            has_slots=job.all_placed or (not interval and job.some_running),
            age=job.age,
            checkpoints=self._checkpoints(status.job_id),
            checkpointing=interval,
            restarts=restarts,
            operation=self._operation(status.job_id, trigger) if trigger else None,
            disposal=self._disposal(status.disposing.request_id) if status.disposing.request_id else None,
            exception=self.client.exceptions(status.job_id) if troubled else "",
        )

    def _checkpoints(self, job_id: str) -> Checkpoints | None:
        try:
            return self.client.checkpoints(job_id)
        except NotFound:
            return None  # checkpointing is off

    def newest_checkpoint(self, job_id: str) -> str:
        """Its path, '' when there is none outside of the JobManager. Raises FlinkError."""
        seen = self._checkpoints(job_id)
        newest = seen.latest_completed if seen else None
        return (newest.external_path or "") if newest else ""

    def _interval(self, job_id: str) -> float:
        """Seconds; 0 without checkpointing. Fixed for the life of a job."""
        if job_id not in self._checkpointing:
            try:
                self._checkpointing[job_id] = (self.client.checkpointing_config(job_id) or 0) / 1000
            except NotFound:
                self._checkpointing[job_id] = 0.0
        return self._checkpointing[job_id]

    def _restarted(self, job_id: str) -> int | None:
        """How often Flink itself has restarted the job's tasks. No answer says nothing about the job."""
        asked, known = self._restarts.get(job_id, (-METRICS, None))
        if time.monotonic() - asked < METRICS:
            return known
        try:
            value = self.client.metrics(f"/jobs/{job_id}/metrics", ["numRestarts"]).get("numRestarts", "")
        except FlinkError:
            value = ""
        known = int(value) if value.isdecimal() else None
        self._restarts[job_id] = time.monotonic(), known
        return known

    def _operation(self, job_id: str, trigger: str) -> Operation | None:
        try:
            return self.client.operation(job_id, trigger)
        except NotFound:
            return None

    def _disposal(self, request_id: str) -> Operation | None:
        try:
            return self.client.disposal(request_id)
        except NotFound:
            return None
