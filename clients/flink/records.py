"""Flink's answers as frozen records. Pure: each `of` takes decoded JSON; what does not fit raises KeyError, TypeError
or ValueError, which the client reports as Unknown. Times are milliseconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clients.flink.errors import useful_line

JSON = Mapping[str, Any]
_NEVER = 2**63 - 1  # the checkpoint interval that Flink shows when there are no periodic checkpoints
_NO_PATH = "<checkpoint-not-externally-addressable>"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a version's REST API knows."""

    version: str
    claim_mode: bool
    """POST /jars/:id/run takes claimMode (1.20); below, restoreMode, and an unknown field is a 400."""

    @classmethod
    def of(cls, version: str) -> Capabilities:
        """A version that cannot be read counts as the newest."""
        match = re.match(r"(\d+)\.(\d+)", version)
        number = (int(match[1]), int(match[2])) if match else (99, 0)
        return cls(version, claim_mode=number >= (1, 20))


@dataclass(frozen=True, slots=True)
class Overview:
    version: str
    task_managers: int
    slots_total: int
    slots_available: int
    jobs_running: int
    jobs_finished: int
    jobs_cancelled: int
    jobs_failed: int

    @classmethod
    def of(cls, answer: JSON) -> Overview:
        return cls(
            version=answer["flink-version"],
            task_managers=answer["taskmanagers"],
            slots_total=answer["slots-total"],
            slots_available=answer["slots-available"],
            jobs_running=answer["jobs-running"],
            jobs_finished=answer["jobs-finished"],
            jobs_cancelled=answer["jobs-cancelled"],
            jobs_failed=answer["jobs-failed"],
        )

    @property
    def jobs(self) -> int:
        """All that the JobManager knows, also those that are over."""
        return self.jobs_running + self.jobs_finished + self.jobs_cancelled + self.jobs_failed


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One line of the job list, as it is now; JobDetails may be web.refresh-interval (3 s by default) old."""

    id: str
    name: str
    status: str
    start_time: int
    tasks_running: int
    tasks_finished: int
    tasks_total: int
    age: float = field(default=0.0, compare=False)  # seconds since it was submitted, by Flink's clock
    tasks_placed: int = 0  # have their slots, and are not running yet

    @classmethod
    def of(cls, answer: JSON) -> JobSummary:
        tasks = answer["tasks"]
        return cls(
            id=answer["jid"],
            name=answer["name"],
            status=answer["state"],
            start_time=answer["start-time"],
            tasks_running=tasks["running"],
            tasks_finished=tasks["finished"],
            tasks_total=tasks["total"],
            age=answer["duration"] / 1000,
            tasks_placed=tasks["deploying"] + tasks["initializing"],
        )

    @property
    def some_running(self) -> bool:
        """Of a batch job, whose stages run one after the other."""
        return self.status == "RUNNING" and self.tasks_running + self.tasks_finished > 0

    @property
    def all_running(self) -> bool:
        """Tasks really run: the status alone says RUNNING even without a TaskManager.

        A task that has done its share (a bounded source beside an endless one) does not hold the others back.
        """
        started = self.tasks_running + self.tasks_finished == self.tasks_total
        return self.status == "RUNNING" and self.tasks_running > 0 and started

    @property
    def all_placed(self) -> bool:
        """All that it needs is taken from the free slots."""
        there = self.tasks_running + self.tasks_finished + self.tasks_placed
        return self.status == "RUNNING" and there == self.tasks_total


@dataclass(frozen=True, slots=True)
class Vertex:
    id: str
    name: str
    parallelism: int
    status: str

    @classmethod
    def of(cls, answer: JSON) -> Vertex:
        return cls(answer["id"], answer["name"], answer["parallelism"], answer["status"])


@dataclass(frozen=True, slots=True)
class JobDetails:
    id: str
    name: str
    status: str
    start_time: int
    vertices: tuple[Vertex, ...]

    @classmethod
    def of(cls, answer: JSON) -> JobDetails:
        vertices = tuple(Vertex.of(vertex) for vertex in answer["vertices"])
        return cls(answer["jid"], answer["name"], answer["state"], answer["start-time"], vertices)

    @property
    def all_running(self) -> bool:
        """As JobSummary's."""
        statuses = {vertex.status for vertex in self.vertices}
        return self.status == "RUNNING" and "RUNNING" in statuses and statuses <= {"RUNNING", "FINISHED"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A completed checkpoint or savepoint. `external_path` is None when nothing outside the JobManager holds it."""

    id: int
    external_path: str | None
    is_savepoint: bool
    trigger_timestamp: int
    completed_timestamp: int

    @classmethod
    def of(cls, answer: JSON | None) -> Snapshot | None:
        if answer is None:
            return None
        return cls(
            id=answer["id"],
            external_path=_path(answer),
            is_savepoint=answer["is_savepoint"],
            trigger_timestamp=answer["trigger_timestamp"],
            completed_timestamp=answer["latest_ack_timestamp"],
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What the job started from. With CLAIM, `is_savepoint` is false even for a savepoint."""

    id: int
    external_path: str | None
    is_savepoint: bool
    restore_timestamp: int

    @classmethod
    def of(cls, answer: JSON | None) -> Restored | None:
        if answer is None:
            return None
        return cls(answer["id"], _path(answer), answer["is_savepoint"], answer["restore_timestamp"])


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Counts since the JobManager got the job, and the newest of each kind."""

    completed: int = 0
    failed: int = 0
    in_progress: int = 0
    latest_completed: Snapshot | None = None
    latest_savepoint: Snapshot | None = None
    restored: Restored | None = None  # the last time, also by tasks that Flink restarted
    restores: int = 0

    @classmethod
    def of(cls, answer: JSON) -> Checkpoints:
        counts, latest = answer["counts"], answer["latest"]
        return cls(
            completed=counts["completed"],
            failed=counts["failed"],
            in_progress=counts["in_progress"],
            latest_completed=Snapshot.of(latest.get("completed")),
            latest_savepoint=Snapshot.of(latest.get("savepoint")),
            restored=Restored.of(latest.get("restored")),
            restores=counts["restored"],
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """A savepoint, or a stop with savepoint, as polled. COMPLETED has a location, FAILED a failure."""

    state: str
    location: str | None = None
    failure: str | None = None

    @classmethod
    def of(cls, answer: JSON) -> Operation:
        """Flink calls a failed operation COMPLETED too; its failure tells them apart."""
        state = answer["status"]["id"]
        if state != "COMPLETED":
            return cls("IN_PROGRESS")
        result = answer["operation"]
        if cause := result.get("failure-cause"):
            return cls("FAILED", failure=useful_line(cause.get("stack-trace") or cause["class"]))
        return cls("COMPLETED", location=result["location"])

    @classmethod
    def of_disposal(cls, answer: JSON) -> Operation:
        """Likewise, but what is done has no result."""
        return cls.of({**answer, "operation": {"location": None, **(answer.get("operation") or {})}})


@dataclass(frozen=True, slots=True)
class Jar:
    id: str
    name: str
    uploaded: int

    @classmethod
    def of(cls, answer: JSON) -> Jar:
        return cls(answer["id"], answer["name"], answer["uploaded"])


@dataclass(frozen=True, slots=True)
class TaskManager:
    """`id` is taskmanager.resource-id (the pod's name, if it was set so), `path` its RPC address."""

    id: str
    path: str
    slots: int
    free_slots: int

    @classmethod
    def of(cls, answer: JSON) -> TaskManager:
        return cls(answer["id"], answer["path"], answer["slotsNumber"], answer["freeSlots"])


def interval(answer: JSON) -> int | None:
    """Milliseconds between two checkpoints, None without periodic ones."""
    found = int(answer["interval"])
    return found if 0 < found < _NEVER else None


def newest_exception(answer: JSON) -> str:
    """The useful line of what /exceptions of a job or an application lists; '' when there is none."""
    entries = answer["exceptionHistory"]["entries"]
    if not entries:
        # Before 2.0, all there is for a job that failed before it had tasks.
        return useful_line(answer.get("root-exception") or "")
    newest = max(entries, key=lambda entry: entry["timestamp"])
    return useful_line(newest["stacktrace"] or newest["exceptionName"])


def _path(answer: JSON) -> str | None:
    path = answer.get("external_path")
    return path if path and path != _NO_PATH else None
