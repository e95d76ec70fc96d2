"""The figures of top: from objects and Flink's answers to rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli import output, verdicts
from core import times

Object = Mapping[str, Any]
CLUSTERS = ("CLUSTER", "STATE", "HEALTH", "TASKMANAGERS", "SLOTS", "RUNNING")
JOBS = (
    "JOB",
    "CLUSTER",
    "STATE",
    "PARALLELISM",
    "UP",
    "CHECKPOINTS",
    "FAILED",
    "LAST",
    "SIZE",
    "TOOK",
    "BUSY",
    "BACKPRESSURE",
    "RESTARTS",
)
UNKNOWN = "-"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Run:
    """What Flink says of one job; each part is empty while it does not answer."""

    checkpoints: Object = field(default_factory=dict)  # /jobs/:id/checkpoints
    metrics: Object = field(default_factory=dict)  # of the job, by name
    busy: float | None = None  # of its busiest task, 0 to 1
    backpressure: float | None = None  # of the task that is held back most, 0 to 1


def cluster_row(item: Object, overview: Object) -> tuple[str, ...]:
    """`overview` is empty while the JobManager does not answer."""
    status = verdicts.status_of(item)
    total, free = overview.get("slots-total"), overview.get("slots-available")
    there, wanted = overview.get("taskmanagers", 0), status.get("taskManagers", 0)
    slots = UNKNOWN if total is None or free is None else f"{total - free}/{total}"
    return (
        str(item["metadata"]["name"]),
        verdicts.phase(item),
        str(status.get("clusterHealth") or UNKNOWN).lower(),
        f"{there}/{wanted}" if there <= wanted else f"{there}, {wanted} wanted",
        slots,
        _text(overview.get("jobs-running")),
    )


def job_row(item: Object, run: Run, now: datetime) -> tuple[str, ...]:
    status = verdicts.status_of(item)
    counts, last = run.checkpoints.get("counts") or {}, (run.checkpoints.get("latest") or {}).get("completed") or {}
    ended = times.from_millis(last["latest_ack_timestamp"]) if last.get("latest_ack_timestamp") else None
    return (
        str(item["metadata"]["name"]),
        str(status.get("clusterName") or UNKNOWN),
        verdicts.phase(item),
        str(status.get("jobParallelism", 0)),
        output.age(times.from_text(status.get("startedAt")), now) or UNKNOWN if status.get("jobId") else UNKNOWN,
        _text(counts.get("completed")),
        _text(counts.get("failed")),
        f"{output.age(ended, now)} ago" if ended else UNKNOWN,
        size(last.get("state_size")),
        duration(last.get("end_to_end_duration")),
        share(run.busy),
        share(run.backpressure),
        _text(run.metrics.get("numRestarts")),
    )


def busiest(values: list[Object]) -> float | None:
    """The highest share of a second that the metric of several tasks gives, which is in milliseconds."""
    found = [float(item["max"]) for item in values if str(item.get("max", "NaN")) != "NaN"]
    return max(found) / 1000 if found else None


def share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{min(value, 1.0):.0%}"


def size(count: int | None) -> str:
    if count is None:
        return UNKNOWN
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f}{_UNITS[unit]}" if value >= 10 or unit == 0 else f"{value:.1f}{_UNITS[unit]}"


def duration(millis: int | None) -> str:
    if millis is None:
        return UNKNOWN
    return f"{millis}ms" if millis < 1000 else f"{millis / 1000:.1f}s"


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
