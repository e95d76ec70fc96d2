"""How many TaskManagers, and which pods: tables."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from core import times
from hooks.cluster import lifecycle, observed, scaling

from .worlds import NOW, cluster_request, flink_cluster, flink_job, jobmanager, revision, taskmanager

SLOTS = 3
DELETED = "2026-01-01T00:00:00Z"


def cluster(policy="JobParallelism", **changes):
    supervisor = {"image": "flinkctl:1", "rescalePolicy": policy}
    return flink_cluster(supervisor=supervisor, taskManager={"taskSlots": SLOTS}, **changes)


CLUSTER = cluster()
REVISION = revision(CLUSTER)


def running(name, parallelism, *, wanted=None):
    status = {"supervisorStatus": "Started", "clusterRevision": REVISION, "jobParallelism": parallelism}
    return flink_job(name, status=status, jobParallelism=parallelism if wanted is None else wanted)


def fresh(name, parallelism):
    return flink_job(name, jobParallelism=parallelism)


def stopped(name, parallelism, **status):
    return flink_job(name, jobParallelism=parallelism, status={"supervisorStatus": "Stopped", **status})


def stopping(name, parallelism, next):
    status = {"supervisorStatus": "Stopping", "stop": {"next": next}}
    return flink_job(name, jobParallelism=parallelism, status=status)


WANTED = {
    "no jobs: what the spec says": (cluster(taskManagers=5), [], 5),
    "no jobs: within the limits": (cluster(taskManagers=5, maxTaskManagers=4), [], 4),
    "one slot needs one TaskManager, not none": (CLUSTER, [running("demo-a", 1)], 1),
    "rounded up": (CLUSTER, [running("demo-a", 4)], 2),
    "an exact fit": (CLUSTER, [running("demo-a", 3), running("demo-b", 3)], 2),
    "summed before it is rounded": (CLUSTER, [running("demo-a", 1), running("demo-b", 2)], 1),
    "at most maxTaskManagers": (cluster(maxTaskManagers=2), [running("demo-a", 30)], 2),
    "at least minTaskManagers": (cluster(minTaskManagers=2), [running("demo-a", 1)], 2),
    "spec.taskManagers has no say": (cluster(taskManagers=9), [running("demo-a", 1)], 1),
    "jobs that are stopped need nothing": (CLUSTER, [stopped("demo-a", 6)], 0),
    "suspended jobs need nothing": (CLUSTER, [flink_job(jobParallelism=6, suspend=True)], 0),
    "a job that was never seen is on its way": (CLUSTER, [fresh("demo-a", 6)], 2),
    "a job that stops to come back keeps its slots": (CLUSTER, [stopping("demo-a", 6, "Starting")], 2),
    "a job that stops to stay down does not": (CLUSTER, [stopping("demo-a", 6, "Stopped")], 0),
    "what is in force counts until it is stopped": (CLUSTER, [running("demo-a", 6, wanted=1)], 2),
    "what is wanted counts before it is in force": (CLUSTER, [running("demo-a", 1, wanted=6)], 2),
    "a job's own limits count": (CLUSTER, [flink_job(jobParallelism=30, maxJobParallelism=6)], 2),
    "a job that is being deleted needs what it holds": (
        CLUSTER,
        [
            flink_job(
                jobParallelism=6,
                status={"supervisorStatus": "Started", "clusterRevision": REVISION, "jobParallelism": 3},
                metadata={"deletionTimestamp": DELETED, "labels": {"clusterName": "demo"}},
            )
        ],
        1,
    ),
    "policy None: what the spec says, whatever the jobs need": (
        cluster("None", taskManagers=5),
        [running("demo-a", 30)],
        5,
    ),
    "policy None: within the limits": (cluster("None", taskManagers=0, minTaskManagers=1), [running("demo-a", 30)], 1),
}


@pytest.mark.defect(4)
@pytest.mark.parametrize(("parent", "jobs", "count"), WANTED.values(), ids=WANTED)
def test_wanted(parent, jobs, count):
    assert scaling.wanted(observed.read(cluster_request(parent, [], jobs), NOW)) == count


def tm(number, **more):
    return taskmanager(REVISION, 1, number, **more)


def ended(number, *, started, at):
    """It ended so many seconds ago, and had begun so many seconds ago."""

    def before(seconds):
        return times.to_text(NOW - timedelta(seconds=seconds))

    end = {"exitCode": 1, "startedAt": before(started), "finishedAt": before(at)}
    states = [{"name": "taskmanager", "state": {"terminated": end}}]
    return tm(number, phase="Failed", status={"containerStatuses": states})


def numbers(pods, count, releasable=()):
    """The numbers of the TaskManagers that shall be."""
    report = json.dumps({"releasable": [f"taskmanager-demo-{REVISION}-1-{number}" for number in releasable]})
    annotations = {"supervisor.nextbreakpoint.com/report": report}
    status = {"supervisorStatus": "Started", "revision": REVISION, "targetRevision": REVISION, "incarnation": 1}
    parent = {**CLUSTER, "metadata": {**CLUSTER["metadata"], "annotations": annotations}, "status": status}
    seen = observed.read(cluster_request(parent, [jobmanager(REVISION, 1), *pods]), NOW)
    life = lifecycle.decide(seen, task_managers=count)
    found = scaling.pod_names(seen, life, count)
    assert all(name.startswith(f"taskmanager-demo-{REVISION}-1-") for name in found)
    assert len(set(found)) == len(found)
    return [int(name.rsplit("-", 1)[1]) for name in found]


PODS = {
    "all new": ([], 3, (), [0, 1, 2]),
    "none": ([], 0, (), []),
    "as they are": ([tm(0), tm(1)], 2, (), [0, 1]),
    "more of them": ([tm(0)], 3, (), [0, 1, 2]),
    "gaps are filled": ([tm(0), tm(3)], 3, (), [0, 1, 3]),
    "numbers, not texts, are sorted": ([tm(2), tm(10)], 2, (), [2, 10]),
    "a pending one counts": ([tm(0, phase="Pending")], 1, (), [0]),
    "a failed one is replaced under a free name": ([tm(0, phase="Failed"), tm(1)], 2, (), [1, 2]),
    "one that ended well is replaced": ([tm(0, phase="Succeeded")], 1, (), [1]),
    "one in phase Unknown is replaced": ([tm(0, phase="Unknown")], 1, (), [1]),
    "a terminating one is replaced, and its name is not free": ([tm(0, deleted=DELETED)], 1, (), [1]),
    "one that ended as soon as it had started rests": ([ended(0, started=12, at=9), tm(1)], 2, (), [0, 1]),
    "... and is replaced after a while": ([ended(0, started=14, at=11), tm(1)], 2, (), [1, 2]),
    "... and goes when it is not wanted": ([ended(0, started=12, at=9), tm(1)], 1, (), [1]),
    "... and not a living one": ([ended(1, started=12, at=9), tm(0), tm(2)], 2, (), [0, 2]),
    "one that ran for some time is replaced at once": ([ended(0, started=20, at=1), tm(1)], 2, (), [1, 2]),
    "a failed surplus one goes": ([tm(0), tm(1, phase="Failed")], 1, (), [0]),
    "surplus stays while it works": ([tm(0), tm(1), tm(2)], 1, (), [0, 1, 2]),
    "surplus goes when it is idle": ([tm(0), tm(1), tm(2)], 2, (1,), [0, 2]),
    "only the surplus goes, the newest first": ([tm(0), tm(1), tm(2)], 2, (0, 1, 2), [0, 1]),
    "what is idle and wanted stays": ([tm(0), tm(1)], 2, (0, 1), [0, 1]),
    "those of another incarnation are no capacity": ([taskmanager(REVISION, 0, 0), tm(1)], 2, (), [0, 1]),
    "those of another revision are no capacity": ([taskmanager("00000000", 1, 0), tm(1)], 2, (), [0, 1]),
}


@pytest.mark.defect(12)
@pytest.mark.parametrize(("pods", "count", "releasable", "found"), PODS.values(), ids=PODS)
def test_pods(pods, count, releasable, found):
    assert numbers(pods, count, releasable) == found


@pytest.mark.parametrize(("pods", "count", "releasable", "found"), PODS.values(), ids=PODS)
def test_applied_again_nothing_changes(pods, count, releasable, found):
    assert numbers([tm(number) for number in found], count, releasable) == found


@pytest.mark.parametrize(("pods", "count", "releasable", "found"), PODS.values(), ids=PODS)
def test_the_order_of_the_pods_does_not_matter(pods, count, releasable, found):
    assert numbers(list(reversed(pods)), count, releasable) == found
