"""Terminated: the job has let go of everything; its object is on its way out."""

from __future__ import annotations

from supervisor import steps
from supervisor.decision import Decision
from supervisor.world import World


def decide(world: World) -> Decision:
    return steps.same(world, "deleted", delay=world.cluster.polling_interval)
