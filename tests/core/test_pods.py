"""What became of a pod, from statuses as nodes write them."""

from __future__ import annotations

import pytest

from core import pods

CREATED, LATER, LATEST = "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z"
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}


def pod(status, **metadata):
    named = {"name": "tm", "labels": {"role": "taskmanager"}, "creationTimestamp": CREATED}
    return {"metadata": {**named, **metadata}, "status": status}


def flink(**state):
    return {"name": "taskmanager", "state": state}


def ended(code=1, reason="Error", **more):
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
TROUBLE = {
    "what it said holds a secret": (
        {"containerStatuses": [flink(**ended(message="cannot log in: password=hunter2"))]},
        "Error, exit code 1: cannot log in: password=***",
    ),
    "it runs": ({"phase": "Running", "containerStatuses": [flink(running={})]}, ""),
    "nobody has seen it yet": ({}, ""),
    "it is being made": (
        {
            "initContainerStatuses": [flink(**waiting("ContainerCreating"))],
            "containerStatuses": [flink(**waiting("PodInitializing"))],
        },
        "",
    ),
    "no image": (
        {"containerStatuses": [flink(**waiting("ErrImagePull", "no such image"))]},
        "ErrImagePull: no such image",
    ),
    "a word of tomorrow's kubelet": ({"containerStatuses": [flink(**waiting("ErrMoonPhase"))]}, "ErrMoonPhase"),
    "no room": ({"phase": "Pending", "conditions": [UNSCHEDULABLE]}, "Unschedulable: 0/1 nodes"),
    "out of memory": ({"containerStatuses": [flink(**ended(137, "OOMKilled"))]}, "OOMKilled, exit code 137"),
    "Flink ended well, which it never should": (
        {"containerStatuses": [flink(**ended(0, "Completed"))]},
        "Completed, exit code 0",
    ),
    "a side container ended": ({"containerStatuses": [flink(running={}), {"name": "side", "state": ended()}]}, ""),
    "an init container failed": (
        {
            "phase": "Failed",
            "initContainerStatuses": [{"name": "fetch", "state": ended(6, message="no such host\n")}],
            "containerStatuses": [flink(**waiting("PodInitializing"))],
        },
        "init container fetch: Error, exit code 6: no such host",
    ),
    "the node's own word comes first": (
        {**EVICTED, "containerStatuses": [flink(**ended(143))]},
        "Evicted: The node was low on resource: memory.",
    ),
}


@pytest.mark.parametrize(("status", "text"), TROUBLE.values(), ids=TROUBLE)
def test_trouble(status, text):
    assert pods.trouble(pod(status)) == text


def test_a_pod_that_is_deleted_has_no_trouble():
    """It ends because somebody wants it to: the JVM's 143 is no failure."""
    assert pods.trouble(pod({"containerStatuses": [flink(**ended(143))]}, deletionTimestamp=LATER)) == ""


TIMES = {
    "it runs": ({"phase": "Running", "containerStatuses": [flink(running={"startedAt": LATER})]}, LATER, ""),
    "it ended": (
        {"phase": "Failed", "containerStatuses": [flink(**ended(startedAt=LATER, finishedAt=LATEST))]},
        LATER,
        LATEST,
    ),
    "it could not be started": (
        {"containerStatuses": [flink(**ended(128, "StartError", startedAt="1970-01-01T00:00:00Z", finishedAt=LATER))]},
        CREATED,
        LATER,
    ),
    "an init container failed": (
        {
            "phase": "Failed",
            "startTime": CREATED,
            "initContainerStatuses": [{"name": "fetch", "state": ended(finishedAt=LATER)}],
            "containerStatuses": [flink(**waiting("PodInitializing"))],
        },
        "",
        LATER,
    ),
    "its node refused it": ({"phase": "Failed", "reason": "OutOfcpu", "startTime": LATER}, "", LATER),
}


@pytest.mark.parametrize(("status", "started", "end"), TIMES.values(), ids=TIMES)
def test_times(status, started, end):
    assert (pods.started_at(pod(status)), pods.ended_at(pod(status))) == (started, end)


def test_a_pod_that_is_deleted_did_not_end_by_itself():
    status = {"phase": "Failed", "containerStatuses": [flink(**ended(startedAt=LATER, finishedAt=LATEST))]}
    assert pods.ended_at(pod(status, deletionTimestamp=LATER)) == ""
