"""What a decision is: the next status (the intent, written first), the actions on Flink, and why. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from core.job_status import JobStatus


@dataclass(frozen=True)
class Run:
    """POST /jars/:id/run, under an id that is in the status already."""

    job_id: str
    jar_id: str
    entry_class: str
    arguments: tuple[str, ...]
    parallelism: int
    savepoint_path: str
    claim_mode: str
    allow_non_restored_state: bool
    flink_configuration: Mapping[str, str]
    timeout: float  # seconds; main() runs inside the call


@dataclass(frozen=True)
class Plan:
    """POST /jars/:id/plan: main() runs up to where it would submit the job."""

    delivery: int  # its number: the same JAR may be looked at again, for another spec
    jar_id: str
    entry_class: str
    arguments: tuple[str, ...]
    parallelism: int
    flink_configuration: Mapping[str, str]
    timeout: float  # seconds


@dataclass(frozen=True)
class StopJob:
    """POST /jobs/:id/stop: savepoint and end, in one step of Flink's."""

    job_id: str
    trigger_id: str
    target_directory: str
    drain: bool
    format: str


@dataclass(frozen=True)
class TakeSavepoint:
    """POST /jobs/:id/savepoints; the job goes on."""

    job_id: str
    trigger_id: str
    target_directory: str
    format: str


@dataclass(frozen=True)
class Cancel:
    """PATCH /jobs/:id?mode=cancel."""

    job_id: str


@dataclass(frozen=True)
class DisposeSavepoint:
    """POST /savepoint-disposal: its files are deleted."""

    path: str


@dataclass(frozen=True)
class FindState:
    """Look for the newest savepoint or checkpoint of a run: see finder/."""

    job_id: str
    directory: str
    since: int  # milliseconds
    known: str  # path of a savepoint of that run, '' for none: only what is newer
    seconds: float  # until no answer is expected any more


Action = Run | Plan | StopJob | TakeSavepoint | Cancel | DisposeSavepoint | FindState


# Every reason that there is; docs/events.md says what each means. It is stable: people filter by it.
Reason = Literal[
    "BootstrapFailed",
    "JobAdopted",
    "JobCanceled",
    "JobFailed",
    "JobFinished",
    "JobLost",
    "JobRestarting",
    "JobStarted",
    "JobStopped",
    "NoCheckpoint",
    "RecoveryPointUnreadable",
    "RequestIgnored",
    "RestartLoop",
    "RestoreMismatch",
    "RolledBack",
    "RunLeftBehind",
    "SavepointCompleted",
    "SavepointDisposed",
    "SavepointFailed",
    "SavepointNotDisposed",
    "StartTimedOut",
    "SubmissionFailed",
    "UpdateNotReady",
    "UpdateRefused",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
NORMAL: frozenset[Reason] = frozenset(
    {
        "JobAdopted",
        "JobCanceled",
        "JobFinished",
        "JobRestarting",
        "JobStarted",
        "JobStopped",
        "SavepointCompleted",
        "SavepointDisposed",
    }
)


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event on the FlinkJob, or on its FlinkCluster."""

    reason: Reason
    message: str

    @property
    def type(self) -> str:
        return "Normal" if self.reason in NORMAL else "Warning"


def parted(failure: str) -> tuple[Reason, str]:
    """A status's failure, "Reason: text", as what an Event says."""
    word, _, text = failure.partition(": ")
    known = next((reason for reason in REASONS if reason == word), None)
    return (known, text) if known else ("JobFailed", failure)


@dataclass(frozen=True)
class Decision:
    """`status` is written before the action is taken, and the action is not taken when that fails."""

    status: JobStatus
    why: str  # one sentence: what, and why
    delay: float  # seconds until the next look, unless something happens
    action: Action | None = None
    handled: bool = False  # the person's request has been dealt with
    events: tuple[Event, ...] = field(default=())
