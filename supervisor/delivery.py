"""The JAR on its way to the JobManager: ordered, carried by a bootstrap Job of that number, there or not. Pure."""

from __future__ import annotations

from dataclasses import replace

from core import times
from core.job_status import Delivery
from supervisor import rollback, steps
from supervisor.decision import Decision
from supervisor.world import World


def deliver(world: World) -> Decision | None:
    """One delivery per JobManager incarnation and bootstrap spec; it is ordered before the JobManager answers.

    A cluster that was deleted and made again counts its incarnations anew."""
    status, job, cluster = world.status, world.job, world.cluster
    delivery = status.delivery
    carried = (delivery.digest, delivery.incarnation, status.cluster_uid)
    if carried != (job.bootstrap_digest, cluster.incarnation, cluster.uid):
        ordered = Delivery(
            number=delivery.number + 1,
            incarnation=cluster.incarnation,
            digest=job.bootstrap_digest,
            image=cluster.supervisor_image,
            pull_policy=cluster.supervisor_pull_policy,
            bootstrap=job.bootstrap_spec,
            flink_configuration=job.flink_configuration,
            requested_at=times.to_text(world.now),
        )
        if delivery.digest != job.bootstrap_digest and rollback.is_trial(world, status):
            world = replace(world, status=rollback.given_up(world))
        why = f"ordering delivery {ordered.number} of the JAR"
        return steps.same(world, why, delivery=ordered, cluster_uid=cluster.uid, jar_id="", started_at="")
    if status.jar_id:
        return None
    found = world.bootstrap
    if found.jar_id:
        return steps.same(world, f"the JAR is there: {found.jar_id}", delay=0.0, jar_id=found.jar_id)
    if found.failure:
        return steps.fail(world, "BootstrapFailed", found.failure)
    if steps.overdue(world, status.started_at):
        return steps.fail(world, "BootstrapFailed", found.waiting or "the JAR did not arrive in time")
    # The time counts from when there is somebody to take it: the image of the JobManager may take long to come.
    since = status.started_at or (times.to_text(world.now) if world.cluster.answering else "")
    return steps.same(
        world, f"waiting for the JAR: {found.waiting or 'the bootstrap Job carries it'}", started_at=since
    )
