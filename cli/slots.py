"""Whether a cluster can ever have the slots that a job wants. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import cluster as clusters
from core import job as jobs

REMEDY = "raise maxTaskManagers or taskManager.taskSlots, or lower jobParallelism"


def room(cluster: Mapping[str, Any]) -> str:
    read = clusters.read(cluster)
    return f"{read.name} may have {read.max_task_managers} TaskManagers of {read.task_slots} slots"


def too_many(cluster: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    """What the job needs and the cluster may have; '' where that is enough for it."""
    read, wanted = clusters.read(cluster), jobs.read(job).parallelism
    return f"it needs {wanted} slots; {room(cluster)}" if wanted > read.max_task_managers * read.task_slots else ""
