"""A FlinkJob's `.status` as one frozen record: the supervisor's whole memory of a job, and written by it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from core.records import Record
from core.states import Phase, ResourceStatus, StoppedBy

SAVEPOINT, CHECKPOINT = "SAVEPOINT", "CHECKPOINT"


@dataclass(frozen=True)
class RecoveryPoint(Record):
    """A savepoint or a retained checkpoint from which the job can come back."""

    always: ClassVar[frozenset[str]] = frozenset({"type"})

    path: str = ""
    type: str = SAVEPOINT
    timestamp: str = ""
    job_id: str = ""
    checkpoint_id: int = 0
    ours: bool = False  # a savepoint that Flink gave as the answer to our own request


@dataclass(frozen=True)
class Disposal(Record):
    """An old savepoint that is being disposed of: written before Flink is asked, which then gives the id."""

    path: str = ""
    request_id: str = ""
    requested_at: str = ""

    def but(self, **changes: Any) -> Disposal:
        return replace(self, **changes)


@dataclass(frozen=True)
class Delivery(Record):
    """What the bootstrap Job shall carry, and the spec that is submitted then, whatever people write meanwhile; the job
    hook makes `bootstrap-<job>-<number>` of it."""

    number: int = 0
    incarnation: int = 0
    digest: str = ""  # of bootstrap and flink_configuration
    image: str = ""  # ours, the one that uploads
    pull_policy: str = ""
    bootstrap: dict[str, Any] = field(default_factory=dict)
    flink_configuration: dict[str, str] = field(default_factory=dict)  # the job's, for the submission
    requested_at: str = ""


@dataclass(frozen=True)
class Update(Record):
    """The spec that shall run next, looked at while another one runs."""

    delivery: Delivery = field(default_factory=Delivery)
    jar_id: str = ""
    planned: bool = False  # its main() got as far as to a plan
    failures: int = 0  # of its JAR to come, in a row
    retry_at: str = ""

    @property
    def over(self) -> Update:
        """Without it. The number stays: another Job of this name would not be made anew."""
        return Update(Delivery(number=self.delivery.number))


@dataclass(frozen=True)
class Stop(Record):
    """A stop on its way: written before Flink is asked, so that a crash finds the same trigger again."""

    trigger_id: str = ""
    savepoint: bool = False
    directory: str = ""  # where that goes, whatever spec and configuration say by then
    drain: bool = False
    next: Phase = Phase.STOPPED
    stopped_by: StoppedBy = StoppedBy.NOBODY
    reason: str = ""
    requested_at: str = ""
    forget: bool = False  # a person wants it to start again without state
    start_from: str = ""  # ... or from there


@dataclass(frozen=True)
class LostState(Record):
    """State of a run that may be there, and nobody was told where: a savepoint whose answer went with its JobManager,
    or checkpoints that were completed after the last look."""

    job_id: str = ""  # of the run, '' for none
    directory: str = ""  # where it may be
    asked_at: str = ""  # the savepoint; '' for checkpoints
    sought_at: str = ""  # since when it is looked for
    tried_at: str = ""  # the last time
    given_up: bool = False  # by this start; the next one looks again, unless a run has completed a checkpoint by then
    passed_over: bool = False  # a person chose another start; it is looked for when that cannot be read
    newer: bool = False  # than what is known: without it the job starts from that; not so the savepoint of a stop
    savepoint_directory: str = ""  # where a savepoint of this run may be that could not be looked for,
    savepoint_asked_at: str = ""  # and when it was asked for

    @property
    def what(self) -> str:
        if not self.asked_at:
            return "a newer checkpoint"
        return "a savepoint that was on its way" if self.newer else "the savepoint of the stop"

    @property
    def before(self) -> LostState:
        """What was given up before this was looked for, should this not be there; the next start looks again."""
        where, asked_at = self.savepoint_directory, self.savepoint_asked_at
        return LostState(self.job_id, where, asked_at, newer=True, given_up=True) if where else LostState()

    @property
    def anew(self) -> LostState:
        """With all the time of a start."""
        return replace(self, sought_at="", tried_at="", given_up=False)


@dataclass(frozen=True)
class StableSpec(Record):
    """The spec that was Ready last, to come back to when an update fails."""

    bootstrap: dict[str, Any] = field(default_factory=dict)
    flink_configuration: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    attempt: int = 0  # the last one of this spec


@dataclass(frozen=True)
class RejectedSpec(Record):
    """The update that failed."""

    digest: str = ""
    failure: str = ""
    at: str = ""


@dataclass(frozen=True)
class RunsOn(Record):
    """The cluster's revision that the job runs on, or ran on last."""

    revision: str = ""
    attempt: int = 0  # the first one on it
    trial: bool = False  # it was an update of the cluster that had not worked yet
    ready: bool = False  # the job was Ready on it

    @property
    def unproven(self) -> bool:
        return self.trial and not self.ready


@dataclass(frozen=True)
class Stability(Record):
    """How the current run does, by Flink's counters: each as it was at a time of ours."""

    restarts: int = 0  # of its tasks, by Flink itself
    restarts_at: str = ""
    checkpoint: int = 0  # number of the newest completed one
    checkpoint_at: str = ""  # since when its tasks run with none that is newer
    trouble: str = ""  # Reason: text; '' while it is stable


@dataclass(frozen=True)
class JobStatus(Record):
    """Empty text and 0 mean "none". Names are the Toolbox's where it has the field."""

    # The Toolbox clears a text by writing "", and its scripts compare with that.
    always: ClassVar[frozenset[str]] = frozenset(
        {"cluster_health", "job_parallelism", "job_id", "job_status", "savepoint_path", "savepoint_trigger_id"}
    )

    supervisor_status: Phase = Phase.UNKNOWN
    resource_status: ResourceStatus = ResourceStatus.UNKNOWN
    cluster_name: str = ""
    cluster_uid: str = ""  # of the cluster that the JAR was carried to
    cluster_health: str = ""
    label_selector: str = ""
    job_parallelism: int = 0  # in force; 0 when stopped
    job_id: str = ""
    job_status: str = ""  # Flink's word
    savepoint_mode: str = ""
    restart_policy: str = ""
    savepoint_path: str = ""  # newest savepoint
    savepoint_timestamp: str = ""  # ... since when
    named_path: str = ""  # the savepointPath of the spec, as it was taken up
    savepoint_job_id: str = ""  # a savepoint on its way: of this job,
    savepoint_trigger_id: str = ""  # under this id,
    savepoint_request_timestamp: str = ""  # asked for at
    savepoint_directory: str = ""  # ... in
    savepoint_end_timestamp: str = ""  # the last one was done, or had failed
    digest: dict[str, str] = field(default_factory=dict)  # bootstrap, savepoint, restart: as submitted
    timestamp: str = ""  # last change of this status
    # A submission: all of it is written before Flink is asked.
    attempt: int = 0
    cluster_revision: str = ""  # the job holds the cluster as long as this is not empty
    incarnation: int = 0
    restore_path: str = ""
    claim_mode: str = ""  # as restore_path was submitted; empty for NO_CLAIM
    restored_path: str = ""  # what Flink says that it restored
    checkpoint_directory: str = ""  # of this run, by the configuration that it was submitted with
    started_at: str = ""
    ready_at: str = ""
    ready_until: str = ""  # when it was Ready last: what was processed up to then may be lost
    # The JAR.
    delivery: Delivery = field(default_factory=Delivery)
    jar_id: str = ""
    # Updates.
    update: Update = field(default_factory=Update)
    stable: StableSpec = field(default_factory=StableSpec)
    rejected: RejectedSpec = field(default_factory=RejectedSpec)
    runs_on: RunsOn = field(default_factory=RunsOn)
    # State.
    recovery_points: tuple[RecoveryPoint, ...] = ()  # newest first
    had_state: bool = False
    forgotten_checkpoint: int = 0  # number of the newest one of this run that a person wants forgotten
    forgotten_savepoint: str = ""  # likewise, where it was taken just before
    forgets: int = 0  # the cluster's counter of starts with empty jobs, as far as this job has followed it
    disposing: Disposal = field(default_factory=Disposal)
    lost_state: LostState = field(default_factory=LostState)
    unreadable: tuple[str, ...] = ()  # recovery points which this start could not read
    accepted_path: str = ""  # the one that a person lets this start begin from, whatever its age
    # Stops and failures.
    stop: Stop = field(default_factory=Stop)
    stopped_by: StoppedBy = StoppedBy.NOBODY
    stability: Stability = field(default_factory=Stability)
    failures: int = 0  # in a row
    retry_at: str = ""
    failure: str = ""  # what went wrong last: Reason: text
    handled_action: str = ""  # the request that was acted on; its annotation may still be there
    message: str = ""  # what it is doing or waiting for
    observed_generation: int = 0
    conditions: tuple[dict[str, Any], ...] = ()

    @property
    def holds_cluster(self) -> bool:
        return bool(self.cluster_revision)

    @property
    def ordered(self) -> Delivery | None:
        """The delivery whose JAR is awaited: its bootstrap Job is to be there."""
        awaited, jar = self._awaited
        ordering = self.supervisor_status in (Phase.STARTING, Phase.STARTED)
        return awaited if ordering and awaited.bootstrap and not jar else None

    @property
    def undelivered(self) -> int:
        """The number of the delivery that failed last, while no other one is ordered; 0 for none."""
        awaited, jar = self._awaited
        failed = self.failure.startswith("BootstrapFailed") and not awaited.bootstrap and not jar
        return awaited.number if failed else 0

    @property
    def _awaited(self) -> tuple[Delivery, str]:
        """And the id of its JAR, '' while it has not come."""
        if self.supervisor_status == Phase.STARTED:
            return self.update.delivery, self.update.jar_id
        return self.delivery, self.jar_id

    @property
    def unproven(self) -> bool:
        """Was what is delivered never Ready, where another spec was?"""
        return self.delivery.digest not in ("", self.stable.digest) and bool(self.stable.digest)

    @property
    def worked(self) -> bool:
        """Is what is delivered the spec that was Ready?"""
        return bool(self.stable.digest) and not self.unproven

    def but(self, **changes: Any) -> JobStatus:
        """A copy with some fields changed."""
        return replace(self, **changes)


def read_status(resource: Mapping[str, Any]) -> JobStatus:
    """The status of a FlinkJob object. ValueError when it holds a word that no version of ours wrote."""
    return JobStatus.from_json(resource.get("status"))
