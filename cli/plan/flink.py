"""A Flink that does what it is asked: what the rehearsal asks in the place of the JobManagers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from clients.flink import Checkpoints, JobSummary, Operation, Overview, TaskManager
from clients.flink.records import Restored
from core import cluster as clusters
from core import names, pods
from core.job_status import JobStatus
from supervisor.decision import Action, Cancel, DisposeSavepoint, FindState, Plan, Run, StopJob, TakeSavepoint
from supervisor.finder import Found
from supervisor.jobmanager import Look
from supervisor.world import TERMINAL, FlinkJob, Planning, Sight

Object = Mapping[str, Any]
LAST = 2**31  # a number behind those of all checkpoints


@dataclass(frozen=True)
class Submitted:
    """A run of a job."""

    parallelism: int
    status: str = "RUNNING"
    restored: str = ""
    tasks_run: bool = True

    @property
    def over(self) -> bool:
        return self.status in TERMINAL


class Flink:
    """The JobManager of one incarnation of a cluster, as its pods and its jobs' statuses tell."""

    def __init__(self, incarnation: int, slots: int, jobs: Iterable[JobStatus] = ()) -> None:
        self.incarnation = incarnation
        self._slots = slots
        self._runs = {job.job_id: _running(job) for job in jobs if job.job_id and job.incarnation == incarnation}
        self._operations: dict[str, Operation] = {}
        self._planned: set[tuple[str, int]] = set()  # a JAR and the number of its delivery

    def look(self, pods_there: Iterable[Object]) -> Look:
        own = [pod for pod in pods_there if pods.incarnation_of(pod) == self.incarnation and _works(pod)]
        if not any(_role(pod) == names.JOBMANAGER for pod in own):
            return Look()
        workers = [pod["metadata"]["name"] for pod in own if _role(pod) == names.TASKMANAGER]
        used = sum(run.parallelism for run in self._runs.values() if not run.over)
        free = max(0, len(workers) * self._slots - used)
        overview = Overview("", len(workers), len(workers) * self._slots, free, 0, 0, 0, 0)
        jobs = {key: JobSummary(key, "", run.status, 0, 1, 0, 1) for key, run in self._runs.items()}
        return Look(overview, jobs, self._task_managers(workers, free))

    def _task_managers(self, workers: list[str], free: int) -> tuple[TaskManager, ...]:
        """The jobs are on the first ones: as few as can be are in use."""
        found = []
        for name in reversed(workers):
            here = min(self._slots, free)
            free -= here
            found.append(TaskManager(name, "", self._slots, here))
        return tuple(found)

    def job(self, status: JobStatus, look: Look) -> FlinkJob:
        if not status.job_id or status.incarnation != self.incarnation:
            return FlinkJob()
        if not look.answering:
            return FlinkJob(sight=Sight.UNKNOWN)
        run = self._runs.get(status.job_id)
        if run is None:
            return FlinkJob(sight=Sight.MISSING)
        trigger = status.stop.trigger_id or status.savepoint_trigger_id
        restored = Restored(0, run.restored, True, 0) if run.restored else None
        return FlinkJob(
            sight=Sight.SEEN,
            status=run.status,
            tasks_run=run.tasks_run and not run.over,
            checkpoints=Checkpoints(completed=1, restored=restored),
            checkpointing=0.0,
            operation=self._operations.get(trigger),
            disposal=Operation("COMPLETED") if status.disposing.request_id else None,
        )

    def planning(self, status: JobStatus) -> Planning:
        """Of the update of a job: every main() comes to a plan."""
        jar, number = status.update.jar_id, status.update.delivery.number
        return Planning(number, answer="a plan") if (jar, number) in self._planned else Planning()

    def do(self, action: Action) -> str | None:
        """Its word, if it is one of those that give one."""
        match action:
            case Plan():
                self._planned.add((action.jar_id, action.delivery))
            case DisposeSavepoint():
                return "disposed"
            case FindState():
                return _found(action).answer()
            case Run():
                self._runs.setdefault(action.job_id, Submitted(action.parallelism, restored=action.savepoint_path))
            case StopJob():
                self._operations[action.trigger_id] = Operation("COMPLETED", savepoint(action))
                self._end(action.job_id, "FINISHED")
            case TakeSavepoint():
                self._operations[action.trigger_id] = Operation("COMPLETED", savepoint(action))
            case Cancel():
                self._end(action.job_id, "CANCELED")
        return None

    def _end(self, job_id: str, status: str) -> None:
        if job_id in self._runs:
            self._runs[job_id] = replace(self._runs[job_id], status=status)


def savepoint(action: StopJob | TakeSavepoint) -> str:
    """Where the savepoint will be; its last letters are Flink's to choose."""
    return _savepoint(action.target_directory, action.job_id)


def _found(action: FindState) -> Found:
    """The savepoint of a stop is there; nobody knows of checkpoints that were not seen."""
    return Found(LAST, action.since, _savepoint(action.directory, action.job_id)) if action.since else Found()


def _savepoint(directory: str, job_id: str) -> str:
    return f"{directory.rstrip('/')}/savepoint-{job_id[:6]}-…"


def of_cluster(cluster: Object, jobs: Iterable[JobStatus]) -> Flink:
    read = clusters.read(cluster)
    return Flink(clusters.read_status(cluster).incarnation, read.task_slots, jobs)


def _running(job: JobStatus) -> Submitted:
    stuck = not job.ready_at and job.message.startswith("TasksNotRunning")
    return Submitted(job.job_parallelism, restored=job.restored_path or job.restore_path, tasks_run=not stuck)


def _works(pod: Object) -> bool:
    return not pods.is_dead(pod) and pods.is_ready(pod)


def _role(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE, ""))
