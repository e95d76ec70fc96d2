"""Unknown: seen for the first time."""

from __future__ import annotations

from core import names
from core.states import Phase
from supervisor import recovery, steps
from supervisor.decision import Decision
from supervisor.world import World


def decide(world: World) -> Decision:
    job = world.job
    if job.deleting:
        return steps.to(world, Phase.TERMINATED, "deleted before it began")
    status = world.status.but(
        cluster_name=world.cluster.name,
        forgets=world.cluster.forgets,
        label_selector=names.selector(world.cluster.name),
        digest={"savepoint": job.savepoint_digest, "restart": job.restart_digest},
    )
    if job.savepoint.initial_path:
        status = recovery.named(world, status)
    why = "its first start"
    return Decision(status.but(supervisor_status=Phase.STARTING, message=why), why, 0.0)
