"""How many TaskManagers a cluster shall have, and which pods they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from core import names, times
from hooks.cluster.lifecycle import Lifecycle
from hooks.cluster.observed import Observed, Pod

# Of a TaskManager that ends as soon as it has started.
SHORT_LIFE, PAUSE = timedelta(seconds=10), timedelta(seconds=10)


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

    A dead one is left out, and another takes its place under a name that is free now; at once, unless it rests. A
    surplus one is left out only when the supervisor says that it is idle, and every job that held the cluster is seen.
    """
    observed = {pod.name: pod for pod in those_of(seen, life)}
    keep = [name for name, pod in observed.items() if not pod.dead]
    keep += resting(seen, life)[: max(0, task_managers - len(keep))]
    surplus = 0 if seen.misses_a_holder else max(0, len(keep) - task_managers)
    released = [name for name in sorted(keep, key=_number, reverse=True) if name in seen.report.releasable][:surplus]
    keep = [name for name in keep if name not in released]
    taken = {pod.name for pod in seen.pods}  # also by one whose labels somebody changed
    fresh = (name for name in _every_name(seen, life) if name not in taken)
    keep += [next(fresh) for _ in range(task_managers - len(keep))]
    return sorted(keep, key=_number)


def resting(seen: Observed, life: Lifecycle) -> list[str]:
    """The TaskManagers that ended as soon as they had started. The next one most likely will too, so that the dead one
    keeps its place for a while, for people to read what it said."""
    return [pod.name for pod in those_of(seen, life) if _rests(pod, seen)]


def _rests(pod: Pod, seen: Observed) -> bool:
    if (ended := times.from_text(pod.ended_at)) is None:
        return False
    started = times.from_text(pod.started_at) or ended
    # By the clock of its node: one that is ahead keeps no place.
    return ended - started < SHORT_LIFE and ended <= seen.now < ended + PAUSE


def those_of(seen: Observed, life: Lifecycle) -> list[Pod]:
    """The TaskManagers of this incarnation, dead or alive."""
    own = (names.TASKMANAGER, life.revision, life.incarnation)
    return [pod for pod in seen.pods if (pod.role, pod.revision, pod.incarnation) == own]


def _every_name(seen: Observed, life: Lifecycle) -> Iterator[str]:
    for number in count():
        yield names.taskmanager_pod(seen.cluster.name, life.revision, life.incarnation, number)


def _number(name: str) -> int:
    return int(name.rsplit("-", 1)[1])
