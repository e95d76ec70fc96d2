"""What limits the size of a job: its own limits, and the slots that its cluster can ever have. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import cluster as clusters
from core import job as jobs
from core import names

REMEDY = "raise maxTaskManagers or taskManager.taskSlots, or lower jobParallelism"
FULL = f"stop another job, or scale it down; or {REMEDY}"


def room(cluster: Mapping[str, Any]) -> str:
    read = clusters.read(cluster)
    return f"{read.name} may have {read.max_task_managers} TaskManagers of {read.task_slots} slots"


def is_full(cluster: Mapping[str, Any]) -> bool:
    """There will be no more TaskManagers."""
    there = (cluster.get("status") or {}).get("taskManagers", 0)
    return bool(there >= clusters.read(cluster).max_task_managers)


def too_many(cluster: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    """What the job needs and the cluster may have; '' where that is enough for it."""
    read, wanted = clusters.read(cluster), jobs.read(job).parallelism
    return f"it needs {wanted} slots; {room(cluster)}" if wanted > read.max_task_managers * read.task_slots else ""


def clamped(item: Mapping[str, Any], figure: int) -> str:
    """What a cluster's or a job's limits make of its taskManagers or jobParallelism; '' where they keep it."""
    if item["kind"] == names.CLUSTER:
        field, kept = "TaskManagers", clusters.read(item).clamp(figure)
    else:
        body = {**item["spec"], "jobParallelism": figure, "suspend": False}
        field, kept = "JobParallelism", jobs.read({**item, "spec": body}).parallelism
    return f"min{field} and max{field} make it {kept}" if kept != figure else ""
