"""Terminated: on its way out."""

from __future__ import annotations

import pytest

from core.states import Phase
from supervisor.states.terminated import decide


@pytest.mark.parametrize("cluster", ["up", "lost", "stopping", "terminated"])
def test_nothing_happens_any_more(world, cluster):
    decision = decide(world("terminated", cluster=cluster, job={"deleting": True}))
    assert decision.status.supervisor_status == Phase.TERMINATED
    assert decision.action is None
