"""The page of an object: what is on it, and what is not said twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.pages import Facts, page
from core import names

from .conftest import CLUSTER_SPEC, JOB_SPEC, conditions, manifest

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(*told: Object, **status: Any) -> Object:
    made = manifest("FlinkJob", "demo-one", JOB_SPEC, namespace="ns", generation=1)
    return {**made, "status": {"observedGeneration": 1, "supervisorStatus": "Started", "conditions": told, **status}}


def whole(item: Object, **more: Any) -> str:
    return page(Facts(item, NOW, whole=True, **more))


def test_a_refused_update_is_told_once() -> None:
    refused = "UpdateRefused: no class X"
    told = conditions(1, Ready=(False, refused), Degraded=(True, refused), Stalled=(True, f"mend it: {refused}"))
    text = whole(job(*told, failure=refused))
    assert text.count(refused) == 1
    assert text.count("(see Waits for)") == 3


def test_a_failure_that_nothing_else_tells_has_its_line() -> None:
    text = whole(job(*conditions(1, Ready=(True, "runs")), failure="SavepointFailed: disk full"))
    assert "  Failure:        SavepointFailed: disk full" in text


def test_a_job_that_is_ready_waits_for_the_slots_of_its_new_parallelism() -> None:
    item = job(*conditions(1, Ready=(True, "runs")), jobParallelism=1, message="waiting for slots, 1 of 2 are there")
    item["spec"]["jobParallelism"] = 2
    assert "  Waits for:      waiting for slots, 1 of 2 are there" in whole(item)


def test_a_savepoint_that_is_still_to_be_found_is_no_empty_start() -> None:
    assert "none, it would start empty" in whole(job())
    text = whole(job(lostState={"jobId": "0a", "directory": "s3://b/savepoints", "askedAt": "2026-01-01T11:59:00Z"}))
    told = (
        "Recovery points: none known\n  one of job 0a that nobody was told of is looked for first, in s3://b/savepoints"
    )
    assert told in text


def test_a_recovery_point_that_this_start_could_not_read_is_marked() -> None:
    points = [{"path": f"s3://b/{name}", "type": "SAVEPOINT"} for name in ("new", "old")]
    text = whole(job(recoveryPoints=points, unreadable=["s3://b/new"]))
    assert "s3://b/new (could not be read)" in text
    assert "s3://b/old (named by a person)" in text


@pytest.mark.parametrize(("count", "told"), [(0, ""), (1, "1 restart, 3m ago"), (4, "4 restarts, the last 3m ago")])
def test_restarts_of_a_container_are_told_with_their_time(count: int, told: str) -> None:
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T11:57:00Z"}} if count else {}
    container = {"name": "supervisor", "state": {"running": {}}, "lastState": ended, "restartCount": count}
    metadata = {"name": "pod-1", "labels": {names.LABEL_ROLE: names.SUPERVISOR}}
    pod = {"kind": "Pod", "metadata": metadata, "status": {"phase": "Running", "containerStatuses": [container]}}
    (line,) = [line for line in whole(job(), pods=(pod,)).splitlines() if "pod-1" in line]
    assert line.endswith(told or "Running")


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"answering": True, "revision": "r", "taskManagers": 1}, "1 of 3 registered, 2 slots"),
        ({"answering": True, "revision": "old", "taskManagers": 1}, "0 of 3 registered, 0 slots"),
        ({"revision": "r", "taskManagers": 1}, "0 of 3 registered, 0 slots"),
    ],
)
def test_the_taskmanagers_of_a_cluster_are_those_that_flink_knows(report: Object, told: str) -> None:
    annotations = {names.REPORT: json.dumps(report)}
    made = manifest("FlinkCluster", "demo", CLUSTER_SPEC, namespace="ns", generation=1, annotations=annotations)
    status = {"observedGeneration": 1, "revision": "r", "taskManagers": 3, "taskManagerReplicas": 3, "taskSlots": 2}
    assert f"  TaskManagers:   {told}\n" in whole({**made, "status": status})
