"""A FlinkCluster as the code reads it: the spec with its defaults, the status, and the supervisor's report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core import canonical, conditions, names, spec
from core.records import Record
from core.states import Phase

RUNTIME_DEFAULTS = {"pullPolicy": "IfNotPresent"}
JOBMANAGER_DEFAULTS = {"serviceMode": "ClusterIP", "serviceAccount": "default", "args": ["jobmanager"]}
TASKMANAGER_DEFAULTS = {"taskSlots": 1, "serviceAccount": "default", "args": ["taskmanager"]}


@dataclass(frozen=True)
class Supervisor:
    """`spec.supervisor`; times in seconds."""

    image: str
    pull_policy: str
    pull_secrets: str
    service_account: str  # '' when there is none: one is made for the cluster
    polling_interval: int
    task_timeout: int
    rescale_delay: int
    by_job_parallelism: bool
    replicas: int
    resources: dict[str, Any]
    security_context: dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """A FlinkCluster's identity and spec, defaults resolved."""

    name: str
    namespace: str
    uid: str
    generation: int
    deleting: str  # the deletion timestamp, '' while it lives
    annotations: dict[str, str]
    runtime: dict[str, Any]
    job_manager: dict[str, Any]
    task_manager: dict[str, Any]
    flink_configuration: dict[str, str]
    task_managers: int  # wanted, within the limits
    min_task_managers: int
    max_task_managers: int
    suspend: bool
    rollback: bool  # of an update that fails
    update_timeout: int  # seconds
    deletion_deadline: int  # seconds
    supervisor: Supervisor

    @property
    def task_slots(self) -> int:
        return max(1, spec.whole(self.task_manager, "taskSlots", 1))

    @property
    def rest_port(self) -> int:
        """Where the JobManager serves Flink's REST API."""
        port = self.flink_configuration.get("rest.port", "")
        return int(port) if port.isdecimal() else 8081

    def clamp(self, task_managers: int) -> int:
        return spec.clamp(task_managers, self.min_task_managers, self.max_task_managers)


def read(resource: Mapping[str, Any]) -> Cluster:
    """The FlinkCluster of an API object."""
    metadata, body = resource["metadata"], resource.get("spec") or {}
    low, high = spec.whole(body, "minTaskManagers", 0), spec.whole(body, "maxTaskManagers", 32)
    return Cluster(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        deleting=metadata.get("deletionTimestamp") or "",
        annotations=dict(metadata.get("annotations") or {}),
        runtime=spec.part(body, "runtime"),
        job_manager=spec.part(body, "jobManager"),
        task_manager=spec.part(body, "taskManager"),
        flink_configuration=spec.texts(body, "flinkConfiguration"),
        task_managers=spec.clamp(spec.whole(body, "taskManagers", 0), low, high),
        min_task_managers=low,
        max_task_managers=high,
        suspend=spec.flag(body, "suspend"),
        rollback=spec.flag(body, "rollback", True),
        update_timeout=max(1, spec.whole(body, "updateTimeout", 600)),
        deletion_deadline=spec.whole(body, "deletionDeadline", 300),
        supervisor=_supervisor(spec.part(body, "supervisor")),
    )


def _supervisor(body: Mapping[str, Any]) -> Supervisor:
    return Supervisor(
        image=spec.text(body, "image"),
        pull_policy=spec.text(body, "pullPolicy", "IfNotPresent"),
        pull_secrets=spec.text(body, "pullSecrets"),
        service_account=spec.text(body, "serviceAccount"),
        polling_interval=spec.whole(body, "pollingInterval", 5),
        task_timeout=spec.whole(body, "taskTimeout", 300),
        rescale_delay=spec.whole(body, "rescaleDelay", 60),
        by_job_parallelism=spec.text(body, "rescalePolicy", "JobParallelism") == "JobParallelism",
        replicas=spec.whole(body, "replicas", 1),
        resources=spec.part(body, "resources"),
        security_context=spec.part(body, "securityContext"),
    )


def revision(cluster: Cluster, restarts: int = 0) -> str:
    """Eight hex digits that change when the Flink pods must: runtime, jobManager, taskManager, Flink configuration.

    Made of what a user wrote, never of what a builder of ours makes of it: a new version of ours restarts no pod.
    `restarts` counts the restarts that people asked for: the same spec, and yet new pods.
    """
    parts = {
        "runtime": canonical.without_defaults(cluster.runtime, RUNTIME_DEFAULTS),
        "jobManager": canonical.without_defaults(cluster.job_manager, JOBMANAGER_DEFAULTS),
        "taskManager": canonical.without_defaults(cluster.task_manager, TASKMANAGER_DEFAULTS),
        "flinkConfiguration": cluster.flink_configuration,
        "restarts": restarts or None,
    }
    return canonical.digest(canonical.stripped(parts))


@dataclass(frozen=True)
class Trial(Record):
    """A revision that has pods, and of which nobody knows yet whether it works."""

    revision: str = ""
    since: str = ""


@dataclass(frozen=True)
class RejectedRevision(Record):
    """The update that failed."""

    revision: str = ""
    failure: str = ""
    at: str = ""


@dataclass(frozen=True)
class Report(Record):
    """What the supervisor says about its cluster: the one JSON value in the annotation, written only when it changes.

    `revision` and `incarnation` name the JobManager that the figures come from.
    """

    revision: str = ""
    incarnation: int = 0
    answering: bool = False
    flink_version: str = ""
    task_managers: int = 0  # registered in the JobManager
    releasable: tuple[str, ...] = ()  # pods which are idle for longer than rescaleDelay and more than is wanted
    stopped: bool = False  # a person stopped the cluster
    without_savepoint: bool = False  # ... and does not want savepoints for it
    restarts: int = 0  # how often people asked for a restart
    forgets: int = 0  # how often people asked that the jobs begin empty when the cluster starts
    message: str = ""
    stable: str = ""  # the revision that worked last
    trial: Trial = field(default_factory=Trial)
    rejected: RejectedRevision = field(default_factory=RejectedRevision)

    @classmethod
    def parse(cls, text: str | None) -> Report:
        """The report of an annotation; what cannot be read counts as not there."""
        try:
            return cls.from_json(json.loads(text or "{}"))
        except ValueError:
            return cls()

    def text(self) -> str:
        return canonical.canonical_json(self.to_json())


@dataclass(frozen=True)
class StablePods(Record):
    """The spec of the pods that worked last, to come back to when an update fails. In the object that it is part of, so
    that whoever reads one reads the other."""

    revision: str = ""
    runtime: dict[str, Any] = field(default_factory=dict)
    job_manager: dict[str, Any] = field(default_factory=dict)
    task_manager: dict[str, Any] = field(default_factory=dict)
    flink_configuration: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterStatus:
    """The part of `.status` that decisions look back at; the cluster hook writes it."""

    phase: Phase
    revision: str  # what runs; '' when nothing does
    target_revision: str  # what the spec wants
    incarnation: int  # grows with every JobManager
    jobmanager_uid: str  # the pod of this incarnation, once seen
    going_down: bool  # Stopping in order to stay down, rather than to come back
    stopped: bool  # what people asked for, as the report said it last
    restarts: int
    forgets: int
    held_by: dict[str, str]  # the jobs that held it, and since when each is not seen any more, '' while it is
    failures: int  # incarnations in a row whose JobManager ended before the cluster was Started
    failure: str  # why the JobManager before ended, until the cluster is Started
    task_managers: int  # wanted
    stable: StablePods
    on_trial: bool  # what runs is an update, and did not work yet
    rejected: RejectedRevision  # as the report said it last
    trouble: str  # what it waits for, or what went wrong


def read_status(resource: Mapping[str, Any]) -> ClusterStatus:
    status = resource.get("status") or {}
    phase = status.get("supervisorStatus") or Phase.UNKNOWN
    return ClusterStatus(
        phase=Phase(phase) if phase in list(Phase) else Phase.UNKNOWN,
        revision=spec.text(status, "revision"),
        target_revision=spec.text(status, "targetRevision"),
        incarnation=spec.whole(status, "incarnation", 0),
        jobmanager_uid=spec.text(spec.part(status, "jobManagerPod"), "uid"),
        going_down=spec.flag(status, "goingDown"),
        stopped=spec.flag(status, "stopped"),
        restarts=spec.whole(status, "restarts", 0),
        forgets=spec.whole(status, "forgets", 0),
        held_by=spec.texts(status, "heldBy"),
        failures=spec.whole(status, "failures", 0),
        failure=spec.text(status, "failure"),
        task_managers=spec.whole(status, "taskManagers", 0),
        stable=StablePods.from_json(status.get("stable")),
        on_trial=spec.flag(status, "onTrial"),
        rejected=RejectedRevision.from_json(status.get("rejected")),
        trouble=_trouble(status),
    )


def _trouble(status: Mapping[str, Any]) -> str:
    degraded = conditions.find(status.get("conditions"), conditions.DEGRADED)
    return str(degraded.get("message", "")) if degraded.get("status") == "True" else spec.text(status, "message")


def report(cluster: Cluster, status: ClusterStatus) -> Report:
    """The supervisor's report. Where its annotation was lost (`kubectl replace`, a hand's edit), what people asked for
    is still known from the status: a stopped cluster does not start by that, none restarts, no job begins empty, and an
    update that failed is not tried again."""
    found = Report.parse(cluster.annotations.get(names.REPORT))
    if found != Report():
        return found
    return Report(
        stopped=status.stopped,
        restarts=status.restarts,
        forgets=status.forgets,
        stable=status.stable.revision,
        rejected=status.rejected,
    )
