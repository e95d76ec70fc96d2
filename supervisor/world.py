"""What the supervisor sees in one look, as frozen values: the input of every decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from clients.flink import Checkpoints, Failed, Operation, Rejected
from core.job import Job, read_bootstrap
from core.job_status import JobStatus
from core.redaction import secrets_of
from core.states import Cleanup, Phase


@dataclass(frozen=True)
class ClusterView:
    """The FlinkCluster as its jobs see it. `answering` is about the JobManager of exactly this incarnation."""

    name: str
    uid: str
    phase: Phase
    revision: str
    incarnation: int
    deleting: bool
    suspended: bool  # by its spec: its jobs come back when it does
    stopped: bool  # by a person: its jobs come back as their restart policy says
    without_savepoint: bool
    answering: bool
    fenced: bool  # no pod of an earlier incarnation is left
    jobmanager_gone: bool  # this incarnation's pod is dead, or not there any more
    slots_free: int
    supervisor_image: str
    supervisor_pull_policy: str
    polling_interval: int  # seconds
    task_timeout: int  # seconds
    forgets: int  # how often people asked that its jobs begin empty
    on_trial: bool  # its revision is an update that did not work yet
    secrets: frozenset[str] = field(default=frozenset(), repr=False)  # of its Flink configuration

    @property
    def can_run(self) -> bool:
        """May a job be submitted to this incarnation?"""
        return self.phase in (Phase.STARTING, Phase.STARTED) and self.answering and self.fenced

    @property
    def going_down(self) -> bool:
        return self.deleting or self.suspended or self.stopped


class Sight(StrEnum):
    """What the JobManager says about a job id."""

    NOT_ASKED = "not asked"
    SEEN = "seen"
    MISSING = "missing"  # this JobManager answers, and does not know the job
    UNKNOWN = "unknown"  # no answer: it may or may not be there


MOST_POINTS = 1000  # that the CRD has room for
TERMINAL = ("FINISHED", "CANCELED", "FAILED")


@dataclass(frozen=True)
class FlinkJob:
    """The job `status.jobId` in the JobManager."""

    sight: Sight = Sight.NOT_ASKED
    status: str = ""
    tasks_run: bool = False  # all of them, without checkpointing some: RUNNING is said even without a TaskManager
    has_slots: bool = False  # its tasks run, or are about to
    age: float = 0.0  # seconds since it was submitted
    checkpoints: Checkpoints | None = None
    checkpointing: float | None = None  # seconds between two checkpoints, 0 for none, None while unknown
    restarts: int | None = None  # of its tasks, by Flink itself; None while unknown
    operation: Operation | None = None  # the savepoint or stop on its way, None when Flink does not know it
    disposal: Operation | None = None  # of an old savepoint, likewise
    exception: str = ""

    @property
    def terminal(self) -> bool:
        return self.sight == Sight.SEEN and self.status in TERMINAL

    @property
    def alive(self) -> bool:
        return self.sight == Sight.SEEN and self.status not in TERMINAL


@dataclass(frozen=True)
class Bootstrap:
    """The bootstrap Job of the delivery that is ordered, from its pod."""

    jar_id: str = ""
    failure: str = ""
    waiting: str = ""  # the kubelet's or scheduler's reason


@dataclass(frozen=True)
class Planning:
    """Flink's plan call, as far as this process has asked for it."""

    delivery: int = 0  # number of the one that it is about
    incarnation: int = 0  # of the JobManager
    asked_at: datetime | None = None
    failed: int = 0  # answers that Flink could not make it, and not whether that is for good
    running: bool = False
    answer: Rejected | Failed | str | None = None  # the plan, why there is none, or nothing that anybody knows


@dataclass(frozen=True)
class World:
    """All that a decision about one job may look at."""

    now: datetime
    job: Job
    status: JobStatus
    cluster: ClusterView
    flink: FlinkJob = field(default_factory=FlinkJob)
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    planning: Planning = field(default_factory=Planning)
    flink_settings: Mapping[str, str] = field(default_factory=dict)  # of the JobManager's configuration
    problems: tuple[str, ...] = ()  # what is wrong with the spec
    api_since: datetime | None = None  # since when the API server has taken what this process wrote; None: always
    strays: tuple[str, ...] = ()  # runs of earlier attempts in Flink: a submission that was given up, and came true

    @property
    def history_limit(self) -> int:
        """How many recovery points are kept. With a wrong spec none is dropped: the limit may be what is wrong. Nor is
        one that is first to be disposed of, or one that an update may be taken back to."""
        wanted = self.job.savepoint
        unproven = self.status.unproven or self.status.runs_on.unproven
        drops_none = self.problems or wanted.cleanup == Cleanup.DISPOSE or unproven
        known = min(len(self.status.recovery_points) + 1, MOST_POINTS) if drops_none else 0
        return max(wanted.history_limit, known)

    @property
    def secrets(self) -> frozenset[str]:
        """What no text for people may hold: of the spec, and of those that may run instead of it."""
        job, kept = self.job, (self.status.delivery, self.status.update.delivery, self.status.stable)
        return self.cluster.secrets.union(
            secrets_of(job.flink_configuration, job.bootstrap.arguments),
            *(secrets_of(each.flink_configuration, read_bootstrap(each.bootstrap).arguments) for each in kept),
        )

    @property
    def lost(self) -> bool:
        """The submitted job is gone with its JobManager, or its JobManager has forgotten it."""
        if not self.status.job_id:
            return False
        return self.elsewhere or self.flink.sight == Sight.MISSING

    @property
    def elsewhere(self) -> bool:
        """Was it submitted to another JobManager than this cluster's present one?"""
        status, cluster = self.status, self.cluster
        other = status.incarnation != cluster.incarnation or status.cluster_uid not in ("", cluster.uid)
        return other or cluster.jobmanager_gone
