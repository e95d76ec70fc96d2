"""A cluster with two jobs that has come to rest, and edits of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.manifests import Manifest
from cli.plan import edit
from cli.plan.outcome import Outcome, foresee
from cli.plan.rehearsal import Rehearsal
from cli.plan.state import State
from clients.kube import Resource, resources
from tests.cli.conftest import CLUSTER_SPEC, JOB_SPEC, manifest

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
POINT = {"path": "file:///c/chk-7", "type": "CHECKPOINT", "timestamp": "2025-12-31T00:00:00Z", "checkpointId": 7}


def deployment() -> Object:
    cluster = {**CLUSTER_SPEC, "maxTaskManagers": 4}
    cluster["supervisor"] = {**cluster["supervisor"], "rescalePolicy": "JobParallelism"}
    listed = [{"name": name, "spec": copy.deepcopy(JOB_SPEC)} for name in ("one", "two")]
    return manifest("FlinkDeployment", "demo", {"cluster": cluster, "jobs": listed})


def as_manifest(resource: Resource, body: Object) -> Manifest:
    return Manifest("test", resource, body)


def at_rest(body: Object) -> State:
    """What becomes of the manifest. Its jobs have completed a checkpoint."""
    rehearsal = Rehearsal(State(), NOW)
    rehearsal.state.put(edit.edited(None, as_manifest(resources.FLINK_DEPLOYMENTS, body), "default", NOW))
    rehearsal.run()
    assert rehearsal.settled
    for job in rehearsal.state.of("FlinkJob"):
        status = {**job["status"], "recoveryPoints": [{**POINT, "jobId": job["status"]["jobId"]}], "hadState": True}
        rehearsal.state.put({**job, "status": status})
    return rehearsal.state


Foresee = Callable[[Callable[[Object], None]], Outcome]


@pytest.fixture
def state() -> State:
    return at_rest(deployment())


@pytest.fixture
def after(state: State) -> Foresee:
    """after(change): what is foreseen when change(manifest) has edited the FlinkDeployment."""

    def plan(change: Callable[[Object], None]) -> Outcome:
        body = deployment()
        change(body)
        before = state.get(("FlinkDeployment", "default", "demo"))
        edited = edit.edited(before, as_manifest(resources.FLINK_DEPLOYMENTS, body), "default", NOW)
        return foresee(state, [edited], NOW)

    return plan
