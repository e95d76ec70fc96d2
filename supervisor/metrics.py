"""What Prometheus is told of clusters and jobs: read off what the cycles hold when it asks, so that a series is gone
with its object. docs/metrics.md explains each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from core import conditions, times
from core.job_status import CHECKPOINT, JobStatus
from core.states import Phase
from supervisor.cycle import ClusterCycle
from supervisor.decision import REASONS, Reason

# Frozen: dashboards and alerts hold these numbers.
STATES = {
    Phase.UNKNOWN: 0,
    Phase.STARTING: 1,
    Phase.STARTED: 2,
    Phase.STOPPING: 3,
    Phase.STOPPED: 4,
    Phase.TERMINATED: 5,
}
CLUSTER = ("namespace", "cluster")
JOB = (*CLUSTER, "job")
ON_CLUSTERS: frozenset[Reason] = frozenset({"RunLeftBehind"})


@dataclass(frozen=True)
class JobFigures:
    """One job as its lane knows it: newer than what is stored, which holds not every checkpoint."""

    labels: tuple[str, ...]
    status: JobStatus
    events: Mapping[Reason, int]


class Metrics(Collector):
    """Of the clusters that this process serves."""

    def __init__(self, cycles: Callable[[], Iterable[ClusterCycle]]) -> None:
        self._cycles = cycles

    def describe(self) -> list[Metric]:
        return [*_of_clusters([]), *_of_jobs([])]

    def collect(self) -> Iterator[Metric]:
        cycles = list(self._cycles())
        jobs = [
            JobFigures((cycle.namespace, cycle.name, name), lane.seen, lane.told)
            for cycle in cycles
            for name, lane in cycle.lanes()
            if lane.seen is not None
        ]
        yield from _of_clusters(cycles)
        yield from _of_jobs(jobs)


def _of_clusters(cycles: Iterable[ClusterCycle]) -> Iterator[Metric]:
    seconds = SummaryMetricFamily(
        "flink_supervisor_cycle_seconds", "Looks at the cluster, and their time.", labels=CLUSTER
    )
    age = GaugeMetricFamily("flink_supervisor_heartbeat_age_seconds", "Since the end of the last look.", labels=CLUSTER)
    for cycle in cycles:
        labels = (cycle.namespace, cycle.name)
        seconds.add_metric(labels, cycle.ticks, cycle.busy)
        age.add_metric(labels, time.monotonic() - cycle.heartbeat)
    yield from (seconds, age)


def _of_jobs(jobs: list[JobFigures]) -> Iterator[Metric]:
    def gauge(name: str, text: str, value: Callable[[JobStatus], float | None]) -> Metric:
        family = GaugeMetricFamily(f"flink_job_{name}", text, labels=JOB)
        for job in jobs:
            if (found := value(job.status)) is not None:
                family.add_metric(job.labels, found)
        return family

    yield gauge("state", "Index of supervisorStatus.", lambda status: STATES[status.supervisor_status])
    yield gauge("ready", "1 while Ready.", lambda status: _is(status, conditions.READY))
    yield gauge("degraded", "1 while Degraded.", lambda status: _is(status, conditions.DEGRADED))
    yield gauge("failures", "Failures in a row.", lambda status: status.failures)
    yield gauge("last_checkpoint_timestamp_seconds", "Newest checkpoint to come back from.", _last_checkpoint)
    yield gauge(
        "last_savepoint_timestamp_seconds", "Newest savepoint.", lambda status: _unix(status.savepoint_timestamp)
    )
    attempts = CounterMetricFamily("flink_job_attempts", "Submissions of the job to Flink, ever.", labels=JOB)
    events = CounterMetricFamily("flink_job_events", "Events about the job, by reason.", labels=(*JOB, "reason"))
    for job in jobs:
        attempts.add_metric(job.labels, job.status.attempt)
        for reason in REASONS:
            if reason not in ON_CLUSTERS:
                # From 0 on: increase() does not see the first one of a series that begins with it.
                events.add_metric((*job.labels, reason), job.events.get(reason, 0))
    yield from (attempts, events)


def _is(status: JobStatus, condition: str) -> float:
    found: Mapping[str, Any] = conditions.find(status.conditions, condition)
    return float(found.get("status") == "True")


def _last_checkpoint(status: JobStatus) -> float | None:
    return _unix(next((point.timestamp for point in status.recovery_points if point.type == CHECKPOINT), ""))


def _unix(text: str) -> float | None:
    moment = times.from_text(text)
    return moment.timestamp() if moment else None
