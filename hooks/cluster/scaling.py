"""How many TaskManagers a cluster shall have, and which pods they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from core import names
from hooks.cluster.lifecycle import Lifecycle
from hooks.cluster.observed import Observed, Pod


def wanted(seen: Observed) -> int:
    """TaskManagers wanted, within the cluster's limits.

    With `rescalePolicy: JobParallelism` as many as the jobs need, rounded up; without jobs, or with `None`, those
    that `spec.taskManagers` says.
    """
    cluster = seen.cluster
    if not cluster.supervisor.by_job_parallelism or not seen.jobs:
        return cluster.task_managers
    slots = sum(job.parallelism for job in seen.jobs)
    return cluster.clamp(-(-slots // cluster.task_slots))


def pod_names(seen: Observed, life: Lifecycle, task_managers: int) -> list[str]:
    """The TaskManager pods that shall be, of this incarnation.

    A dead one is left out, and another takes its place under a name that is free now. A surplus one is left out only
    when the supervisor says that it is idle.
    """
    observed = {pod.name: pod for pod in seen.pods if _belongs(pod, life)}
    keep = [name for name, pod in observed.items() if not pod.dead]
    surplus = max(0, len(keep) - task_managers)
    released = [name for name in sorted(keep, key=_number, reverse=True) if name in seen.report.releasable][:surplus]
    keep = [name for name in keep if name not in released]
    fresh = (name for name in _every_name(seen, life) if name not in observed)
    keep += [next(fresh) for _ in range(task_managers - len(keep))]
    return sorted(keep, key=_number)


def _belongs(pod: Pod, life: Lifecycle) -> bool:
    return pod.role == names.TASKMANAGER and (pod.revision, pod.incarnation) == (life.revision, life.incarnation)


def _every_name(seen: Observed, life: Lifecycle) -> Iterator[str]:
    for number in count():
        yield names.taskmanager_pod(seen.cluster.name, life.revision, life.incarnation, number)


def _number(name: str) -> int:
    return int(name.rsplit("-", 1)[1])
