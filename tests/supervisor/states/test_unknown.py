"""Unknown: seen for the first time."""

from __future__ import annotations

from core.job_status import SAVEPOINT
from core.states import Phase
from supervisor.states.unknown import decide


def test_a_new_job_is_started(world):
    decision = decide(world("unknown"))
    assert decision.status.supervisor_status == Phase.STARTING
    assert decision.status.cluster_name == "demo"
    assert not decision.status.had_state
    assert decision.action is None


def test_the_savepoint_of_the_spec_is_its_first_recovery_point(world):
    """... and counts as state: the job never starts empty behind its owner's back."""
    status = decide(world("unknown", job={"savepoint.savepointPath": "s3://old/sp-1"})).status
    assert [(point.path, point.type) for point in status.recovery_points] == [("s3://old/sp-1", SAVEPOINT)]
    assert status.savepoint_path == "s3://old/sp-1"
    assert status.had_state


def test_deleted_before_it_began(world):
    assert decide(world("unknown", job={"deleting": True})).status.supervisor_status == Phase.TERMINATED
