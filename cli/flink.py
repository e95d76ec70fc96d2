"""What a cluster's JobManager tells, and the one thing it is told: reached through the API server's service proxy.

So nothing of Flink has to be exposed, and who may ask is a matter of the right to `services/proxy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from cli import kinds, verdicts
from cli.errors import Failed, Unanswered
from cli.session import Session
from clients.flink import Operation
from clients.flink.errors import useful_line
from clients.kube import ApiError, NotFound, ServerError, resources
from clients.kube.resources import segment
from core import names

Object = Mapping[str, Any]
PORT = 8081  # of the Service
JOB_METRICS = (
    "totalNumberOfCheckpoints",
    "numberOfCompletedCheckpoints",
    "numberOfInProgressCheckpoints",
    "numberOfFailedCheckpoints",
    "lastCheckpointDuration",
    "lastCheckpointSize",
    "lastCheckpointRestoreTimestamp",
    "lastCheckpointAlignmentBuffered",
    "lastCheckpointExternalPath",
    "fullRestarts",
    "numRestarts",
    "restartingTime",
    "uptime",
    "downtime",
)
JVM = "Status.JVM."
OVERVIEW = ("taskSlotsTotal", "taskSlotsAvailable", "numRegisteredTaskManagers", "numRunningJobs")


class JobManager:
    """The REST API of a cluster's JobManager; Failed says what is wrong with which cluster."""

    def __init__(self, session: Session, cluster: str) -> None:
        self.session = session
        self.cluster = session.get(resources.FLINK_CLUSTERS, cluster)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._ask(path, params)

    def post(self, path: str, body: Object) -> Any:
        return self._ask(path, json=body)

    def _ask(self, path: str, params: Mapping[str, str] | None = None, json: Object | None = None) -> Any:
        metadata = self.cluster["metadata"]
        service = names.jobmanager_service(metadata["name"])
        try:
            return self.session.client.service_proxy(metadata["namespace"], service, PORT, path, params, json=json)
        except ApiError as error:
            self._refused(error)

    def _refused(self, error: ApiError) -> NoReturn:
        """Flink's own words, or the state of a cluster that does not answer."""
        title = kinds.title_of(self.cluster)
        if isinstance(error.body, Mapping) and (told := error.body.get("errors")):
            text = useful_line("\n".join(map(str, told)))
            raise Failed(f"{title}: Flink says: {text}") from error
        if isinstance(error, NotFound | ServerError):
            state = verdicts.phase(self.cluster)
            raise Unanswered(f"{title} is {state}, and its JobManager does not answer") from error
        raise error


# ---- jobs ----------------------------------------------------------------------------------------------------------


def cluster_of(session: Session, job: Object) -> str:
    bound = verdicts.status_of(job).get("clusterName") or session.binding()(job)
    if not bound:
        raise Failed(f"{kinds.title_of(job)} belongs to no cluster; name one in spec.clusterName")
    return str(bound)


def details(session: Session, job: Object) -> Any:
    """Flink's document about the current run."""
    return JobManager(session, cluster_of(session, job)).get(f"/jobs/{_run_of(job)}")


def job_metrics(session: Session, job: Object) -> dict[str, Any]:
    jobmanager = JobManager(session, cluster_of(session, job))
    return _values(jobmanager, f"/jobs/{_run_of(job)}/metrics", JOB_METRICS)


def _run_of(job: Object) -> str:
    if run := verdicts.status_of(job).get("jobId"):
        return str(run)
    raise Failed(f"{kinds.title_of(job)} is {verdicts.phase(job)}: Flink has no run of it")


# ---- the JobManager and its TaskManagers ---------------------------------------------------------------------------


def jobmanager_metrics(session: Session, cluster: str) -> dict[str, Any]:
    return _process_metrics(JobManager(session, cluster), "/jobmanager/metrics")


def taskmanagers(session: Session, cluster: str) -> list[Object]:
    found: list[Object] = JobManager(session, cluster).get("/taskmanagers")["taskmanagers"]
    return found


def taskmanager_details(session: Session, cluster: str, id: str) -> Any:
    return JobManager(session, cluster).get(f"/taskmanagers/{segment(id)}")


def taskmanager_metrics(session: Session, cluster: str, id: str) -> dict[str, Any]:
    return _process_metrics(JobManager(session, cluster), f"/taskmanagers/{segment(id)}/metrics")


def _process_metrics(jobmanager: JobManager, path: str) -> dict[str, Any]:
    """Those of the JVM and the slots: which collectors a JVM has, only Flink knows."""
    ids = [each["id"] for each in jobmanager.get(path)]
    return _values(jobmanager, path, [id for id in ids if id.startswith(JVM) or id in OVERVIEW])


def _values(jobmanager: JobManager, path: str, wanted: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """By the Toolbox's names; what Flink does not have is left out."""
    found = jobmanager.get(path, {"get": ",".join(wanted)})
    return {metric_name(each["id"]): metric_value(each["value"]) for each in found}


def metric_name(id: str) -> str:
    """Status.JVM.Memory.Heap.Used is jvmMemoryHeapUsed."""
    return "jvm" + id.removeprefix(JVM).replace(".", "").replace(" ", "") if id.startswith(JVM) else id


def metric_value(text: str) -> Any:
    """A number where it is one."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


# ---- savepoints ----------------------------------------------------------------------------------------------------


def dispose(session: Session, cluster: str, path: str) -> Callable[[], Operation]:
    """Has Flink delete a savepoint's files, and answers how far it is whenever it is asked."""
    jobmanager = JobManager(session, cluster)
    request = jobmanager.post("/savepoint-disposal", {"savepoint-path": path})["request-id"]
    return lambda: Operation.of_disposal(jobmanager.get(f"/savepoint-disposal/{request}"))
