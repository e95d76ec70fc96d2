"""Conditions and summary fields, as kubectl wait, Flux and people read them."""

from __future__ import annotations

import pytest

from core.job_status import Stop
from core.states import Phase, StoppedBy
from supervisor.conditions import described

FAILED = {"stopped_by": StoppedBy.FLINK, "job_status": "FAILED", "failure": "JobFailed: disk full"}
NEVER, ALWAYS = {"restart.restartPolicy": "Never"}, {"restart.restartPolicy": "Always"}

# status and how it is -> which conditions are True, reason of Ready
TABLE = {
    "starting": ("fresh", {}, {"Progressing"}, "Starting"),
    "submitted": ("submitted", {}, {"Progressing"}, "Starting"),
    "state unknown": ("carried", {"failure": "StateUnknown: had state"}, {"Degraded", "Stalled"}, "Starting"),
    "its tasks wait": ("started", {}, {"Progressing"}, "WaitingForTasks"),
    "runs": ("ready", {}, {"Ready"}, "Running"),
    "runs, a savepoint failed": ("ready", {"failure": "SavepointFailed: x"}, {"Ready", "Degraded"}, "Running"),
    "stopping": ("stopping", {}, {"Progressing"}, "Stopping"),
    "stopped by a person": ("stopped", {"stopped_by": StoppedBy.PERSON}, {"Suspended"}, "Stopped"),
    "stopped by its cluster": ("stopped", {"stopped_by": StoppedBy.CLUSTER}, {"Suspended"}, "Stopped"),
    "suspended": ("stopped", {"stopped_by": StoppedBy.SPEC}, {"Suspended"}, "Suspended"),
    "finished": ("stopped", {"stopped_by": StoppedBy.FLINK, "job_status": "FINISHED"}, {"Ready"}, "Finished"),
    "canceled": ("stopped", {"stopped_by": StoppedBy.FLINK, "job_status": "CANCELED"}, {"Suspended"}, "Canceled"),
    "failed for good": ("stopped", {**FAILED, "job": NEVER}, {"Degraded", "Stalled"}, "Failed"),
    "failed, tried again": ("stopped", {**FAILED, "job": ALWAYS}, {"Degraded", "Progressing"}, "Failed"),
    "failed, and stopped": (
        "stopped",
        {**FAILED, "stopped_by": StoppedBy.PERSON, "job": NEVER},
        {"Degraded", "Suspended"},
        "Stopped",
    ),
    "terminated": ("terminated", {}, {"Suspended"}, "Terminated"),
}


@pytest.mark.parametrize(("status", "changes", "true", "reason"), TABLE.values(), ids=TABLE)
def test_conditions(world, status, changes, true, reason):
    seen = world(status, flink="runs", **changes)
    conditions = {item["type"]: item for item in described(seen, seen.status).conditions}
    assert set(conditions) == {"Ready", "Progressing", "Degraded", "Suspended", "Stalled"}
    assert {name for name, item in conditions.items() if item["status"] == "True"} == true
    assert conditions["Ready"]["reason"] == reason
    assert all(item["reason"].isalpha() and item["reason"][0].isupper() for item in conditions.values())
    assert all(item["observedGeneration"] == 3 for item in conditions.values())


def test_degraded_names_the_cause(world):
    seen = world("ready", failure="SavepointFailed: IOException: read-only")
    degraded = next(item for item in described(seen, seen.status).conditions if item["type"] == "Degraded")
    assert (degraded["reason"], degraded["message"]) == ("SavepointFailed", "SavepointFailed: IOException: read-only")


@pytest.mark.defect(14)
@pytest.mark.parametrize(
    ("status", "seconds", "degraded"),
    [("carried", 299, False), ("carried", 300, True), ("stopping", 300, True), ("ready", 300, False)],
)
def test_what_takes_longer_than_the_task_timeout_is_degraded(world, moment, status, seconds, degraded):
    since = {"type": "Progressing", "status": "True", "lastTransitionTime": moment(-seconds)}
    seen = world(status, message="waiting for slots", conditions=(since,))
    told = {item["type"]: item for item in described(seen, seen.status).conditions}["Degraded"]
    assert (told["status"] == "True") == degraded
    if degraded:
        assert (told["reason"], told["message"]) == ("Overdue", "not ready for more than 300 s: waiting for slots")


@pytest.mark.parametrize(
    ("status", "changes", "resource_status"),
    [
        ("fresh", {}, "Updating"),
        ("started", {}, "Updating"),
        ("ready", {}, "Updated"),
        ("ready", {"savepoint_trigger_id": "x"}, "Updating"),
        ("stopping", {"stop": Stop()}, "Updating"),
        ("stopped", {}, "Updated"),
        ("terminated", {}, "Updated"),
    ],
)
def test_the_toolboxs_resource_status(world, status, changes, resource_status):
    seen = world(status, **changes)
    assert described(seen, seen.status).resource_status == resource_status


@pytest.mark.parametrize(("cluster", "health"), [("up", "HEALTHY"), ("mute", ""), ("answers", ""), ("stopping", "")])
def test_the_toolboxs_cluster_health(world, cluster, health):
    seen = world("ready", cluster=cluster)
    assert described(seen, seen.status).cluster_health == health


def test_what_the_spec_says_is_echoed(world):
    seen = world("ready", job={"savepoint.savepointMode": "Manual", "restart.restartPolicy": "OnlyIfFailed"})
    status = described(seen, seen.status)
    assert (status.savepoint_mode, status.restart_policy, status.observed_generation) == ("Manual", "OnlyIfFailed", 3)
    assert status.supervisor_status == Phase.STARTED
