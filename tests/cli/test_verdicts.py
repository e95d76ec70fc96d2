"""When waiting ends: each goal on the objects that it may meet."""

from __future__ import annotations

from typing import Any

import pytest

from cli import verdicts
from cli.verdicts import Back, Current, Goal, Gone, Outcome, Saved, Scaled, Started, Stopped
from core import names

from .conftest import JOB_SPEC, conditions

WAITING, DONE, FAILED = Outcome.WAITING, Outcome.DONE, Outcome.FAILED
READY = {"supervisorStatus": "Started", "jobParallelism": 1, "conditions": conditions(1, Ready=(True, "running"))}
DOWN = {"supervisorStatus": "Stopped", "conditions": conditions(1, Ready=(False, "asked"), Suspended=(True, "asked"))}
STALLED = {"supervisorStatus": "Stopped", "conditions": conditions(1, Ready=(False, ""), Stalled=(True, "no JAR"))}


def item(kind: str, status: dict[str, Any], action: str = "", report: str = "", generation: int = 1) -> dict[str, Any]:
    annotations = {names.REQUESTED_ACTION: action, names.ACTION_TIMESTAMP: "1", names.REPORT: report}
    metadata = {"name": "x", "uid": "u", "generation": generation, "annotations": annotations}
    spec = JOB_SPEC if kind == "FlinkJob" else {}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1, **status}}


def job(status: dict[str, Any], **more: Any) -> dict[str, Any]:
    return item("FlinkJob", status, **more)


def cluster(revision: str, restarts: int, **more: Any) -> dict[str, Any]:
    return item("FlinkCluster", {**READY, "revision": revision}, report=f'{{"restarts": {restarts}}}', **more)


OLD, NEW = {"savepointPath": "file:/old"}, {"savepointPath": "file:/new"}


@pytest.mark.parametrize(
    ("goal", "found", "outcome"),
    [
        (Current(), job(READY), DONE),
        (Current(), job({**READY, "jobParallelism": 2, "message": "waiting for slots"}), WAITING),
        (Current(), job(DOWN), DONE),
        (Current(), job(READY, generation=2), WAITING),
        (Current(), job(STALLED), FAILED),
        (Current(), job(STALLED, generation=2), WAITING),
        (Current(), job({"observedGeneration": 0}), WAITING),
        (Current(), None, FAILED),
        (Gone("u"), job(READY), WAITING),
        (Gone("other"), job(READY), DONE),
        (Gone("u"), None, DONE),
        (Started(job(READY)), job(READY, action="START"), WAITING),
        (Started(job(READY)), job({**READY, "handledAction": "START@1", "attempt": 2}, action="START"), DONE),
        (Started(job(READY)), job({"supervisorStatus": "Stopping"}), WAITING),
        (Started(job(READY)), job({**READY, "attempt": 2}), DONE),
        (Started(job(READY)), job({**READY, "failure": "SavepointFailed: no room"}), FAILED),
        (Started(job(DOWN)), job(DOWN), FAILED),
        (Started(job(DOWN)), job(STALLED), FAILED),
        (Started(job(DOWN)), job({"supervisorStatus": "Stopped", "retryAt": "2026-01-01T00:00:00Z"}), WAITING),
        # A cluster's restart: taken up in the report, not yet seen by the hook.
        (Started(cluster("a", 0)), cluster("a", 1), WAITING),
        (Started(cluster("a", 0)), cluster("b", 1), DONE),
        (Started(cluster("a", 0)), cluster("a", 0), DONE),
        # A job after a start of its cluster: a run of before says nothing.
        (Back(job(READY)), job(READY), WAITING),
        (Back(job(READY)), job({**READY, "attempt": 2}), DONE),
        (Back(job(DOWN)), job({"supervisorStatus": "Starting", "attempt": 2}), WAITING),
        (Back(job(DOWN)), job(STALLED), FAILED),
        (Back(job(DOWN)), job({**DOWN, "stoppedBy": "Cluster", "restartPolicy": "Always"}), WAITING),
        # Stopped with a savepoint.
        (
            Back(job(DOWN)),
            job({**DOWN, "stoppedBy": "Cluster", "restartPolicy": "Always", "jobStatus": "FINISHED"}),
            WAITING,
        ),
        # Somebody cancelled it in Flink, or stopped its cluster again.
        (Back(job(READY)), job({**DOWN, "stoppedBy": "Flink", "restartPolicy": "Never"}), FAILED),
        (Back(job(READY)), job({**DOWN, "stoppedBy": "Cluster", "restartPolicy": "Never"}), FAILED),
        # Flink's high availability has brought the run back.
        (Back(job({**READY, "incarnation": 1})), job({**READY, "incarnation": 2}), DONE),
        (Back(job(DOWN)), job({**DOWN, "stoppedBy": "Person"}), FAILED),
        (Back(job(READY)), job({"supervisorStatus": "Stopped", "stoppedBy": "Flink", "jobStatus": "FINISHED"}), DONE),
        (Back(job(DOWN)), None, FAILED),
        (Stopped(), job(DOWN), DONE),
        (Stopped(), job(DOWN, action="STOP"), WAITING),
        (Stopped(), job({"supervisorStatus": "Stopping"}), WAITING),
        (Stopped(), job(READY), FAILED),
        (Stopped(), cluster("a", 0), WAITING),
        (Scaled(), job({**READY, "resourceStatus": "Updated", "jobParallelism": 1}), DONE),
        (Scaled(), job({**READY, "resourceStatus": "Updated", "jobParallelism": 2}), WAITING),
        (Scaled(), job({**READY, "resourceStatus": "Updating", "jobParallelism": 1}), WAITING),
        (Scaled(), job(DOWN), DONE),
        (Scaled(), job(STALLED), FAILED),
        (Saved(job({**READY, **OLD})), job({**READY, **OLD}, action="TRIGGER_SAVEPOINT"), WAITING),
        (Saved(job({**READY, **OLD})), job({**READY, **OLD, "savepointTriggerId": "a"}), WAITING),
        (Saved(job({**READY, **OLD})), job({**READY, **NEW}), DONE),
        (Saved(job({**READY, **OLD})), job({**READY, **OLD}), FAILED),
        (Saved(job({**READY, **OLD})), job({**READY, **OLD, "supervisorStatus": "Stopping"}), WAITING),
    ],
)
def test_goals(goal: Goal, found: dict[str, Any] | None, outcome: Outcome) -> None:
    assert goal.judge(found).outcome == outcome


def test_a_deletion_without_its_last_savepoint_is_told() -> None:
    goal, why = Gone("u"), "SavepointFailed: no room"
    goes = job({**READY, "failure": why})
    goes["spec"] = {**JOB_SPEC, "savepoint": {"savepointOnDelete": True}}
    goes["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    goal.judge(goes)
    assert goal.judge(None) == verdicts.failed(f"deleted without a last savepoint: {why}")
    goal.judge(job(DOWN))
    assert goal.judge(None) == verdicts.done("deleted")


def test_a_savepoint_that_failed_before_says_nothing_of_a_deletion_without() -> None:
    goal = Gone("u")
    goal.judge(job({**READY, "failure": "SavepointFailed: no room"}))
    assert goal.judge(None) == verdicts.done("deleted")


def test_a_request_comes_after_the_stop_that_is_under_way() -> None:
    stops = {**READY, "supervisorStatus": "Stopping", "message": "stopping the job with a savepoint"}
    assert verdicts.waits_for(job(stops, action="STOP")) == "stopping the job with a savepoint; STOP comes after that"


@pytest.mark.parametrize(("parallelism", "outcome"), [(1, DONE), (2, WAITING)])
def test_the_spec_from_before_is_scaled_while_another_was_refused(parallelism: int, outcome: Outcome) -> None:
    stalled = {"type": "Stalled", "status": "True", "reason": "UpdateRefused", "message": "no such class"}
    runs = {**READY, "jobParallelism": parallelism, "readyAt": "2026-01-01T00:00:00Z", "conditions": [stalled]}
    assert Scaled().judge(job(runs)).outcome == outcome


def test_a_savepoint_that_was_on_its_way_before_is_not_the_one_asked_for() -> None:
    earlier = {"savepointTimestamp": "2026-01-01T00:00:00Z", "savepointRequestTimestamp": "2026-01-01T00:00:05Z"}
    found = job({**READY, **NEW, **earlier, "failure": "SavepointFailed: disk full"})
    assert Saved(job({**READY, **OLD})).judge(found) == verdicts.failed("SavepointFailed: disk full")


def test_what_it_waits_for_says_each_text_once() -> None:
    told = conditions(1, Ready=(False, "disk full; next try soon"), Degraded=(True, "disk full"))
    assert verdicts.waits_for(job({"conditions": told})) == "disk full; next try soon"
    assert verdicts.waits_for(job({"conditions": told}, action="STOP")) == "the supervisor has not taken up STOP yet"


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("FlinkJob", {}, "no supervisor has seen it yet"),
        ("FlinkJob", READY, "no supervisor has seen its newest spec yet"),
        ("FlinkCluster", {}, "no hook has seen it yet"),
        ("FlinkDeployment", READY, "no hook has seen its newest spec yet"),
    ],
)
def test_whoever_has_not_seen_it_is_named(kind: str, status: dict[str, Any], text: str) -> None:
    found = item(kind, status, generation=2)
    assert verdicts.waits_for({**found, "status": {} if not status else found["status"]}) == text


def test_what_ready_and_degraded_both_say_is_told_once() -> None:
    ready, trouble = "FlinkCluster demo: pods start; pod x: OOMKilled", "FlinkCluster demo: pod x: OOMKilled; disk full"
    told = conditions(1, Ready=(False, ready), Degraded=(True, trouble))
    assert verdicts.waits_for(item("FlinkDeployment", {"conditions": told})) == f"{ready}; disk full"
