"""The JAR on its way to the JobManager: ordered, carried by a bootstrap Job of that number, there or not. Pure.

One delivery per JobManager incarnation and bootstrap spec. That of an update comes while the spec from before runs: its
JAR is there, and Flink has made a plan with it, before anything is stopped. What fails until then is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core import times
from core.job_status import Delivery, JobStatus, RejectedSpec, Update
from supervisor import moves, rollback, steps
from supervisor.decision import Decision, Event, Plan
from supervisor.world import World


def deliver(world: World) -> Decision | None:
    """For the next start; None when the JAR is there. It is ordered before the JobManager answers."""
    status = world.status
    # A cluster that was deleted and made again counts its incarnations anew.
    if not _is_for(world, status.delivery) or status.cluster_uid != world.cluster.uid:
        return _ordered(world)
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


def _is_for(world: World, delivery: Delivery) -> bool:
    return (delivery.digest, delivery.incarnation) == (world.job.bootstrap_digest, world.cluster.incarnation)


def _ordered(world: World) -> Decision:
    status, cluster, update = world.status, world.cluster, world.status.update
    if status.delivery.digest != world.job.bootstrap_digest and rollback.is_trial(world, status):
        world = replace(world, status=rollback.given_up(world))
    delivery, jar = _order(world), ""
    if update.jar_id and _is_for(world, update.delivery) and status.cluster_uid == cluster.uid:
        delivery, jar = update.delivery, update.jar_id
    why = f"delivery {delivery.number} of the JAR is {'there' if jar else 'ordered'}"
    edited = status.delivery.digest != delivery.digest
    return steps.same(
        world,
        why,
        delay=0.0 if jar else steps.SOON,
        delivery=delivery,
        failures=0 if edited else world.status.failures,  # those were another spec's
        cluster_uid=cluster.uid,
        jar_id=jar,
        update=Update(),
        started_at="",
        runs_on=moves.arrived(world),
    )


def _order(world: World) -> Delivery:
    job, cluster, status = world.job, world.cluster, world.status
    return Delivery(
        number=max(status.delivery.number, status.update.delivery.number) + 1,
        incarnation=cluster.incarnation,
        digest=job.bootstrap_digest,
        image=cluster.supervisor_image,
        pull_policy=cluster.supervisor_pull_policy,
        bootstrap=job.bootstrap_spec,
        flink_configuration=job.flink_configuration,
        requested_at=times.to_text(world.now),
    )


def look_ahead(world: World) -> Decision | None:
    """The next step towards an update of the job that runs; None when there is nothing more to look at.

    Only with a spec that is known to work is it worth to wait: an edit that is to mend a job comes at once.
    """
    status, update = world.status, world.status.update
    if status.unproven or not status.stable.digest or (update.planned and _is_for(world, update.delivery)):
        return None
    if not _is_for(world, update.delivery):
        return steps.same(world, "an update: ordering its JAR", update=Update(_order(world)))
    if retry := times.from_text(update.retry_at):
        again = Update(_order(world), failures=update.failures)
        if world.now >= retry:
            return steps.same(world, "an update: ordering its JAR once more", update=again)
        why = f"{status.failure}; next try at {update.retry_at}"
        return steps.same(world, why, delay=(retry - world.now).total_seconds())
    return _plan(world) if update.jar_id else _carry(world)


def _carry(world: World) -> Decision:
    found, update = world.bootstrap, world.status.update
    if found.jar_id:
        there = replace(update, jar_id=found.jar_id)
        failure = "" if update.failures else world.status.failure
        return steps.same(
            world, f"an update: its JAR is there: {found.jar_id}", delay=0.0, update=there, failure=failure
        )
    if found.failure or steps.overdue(world, update.delivery.requested_at):
        return not_carried(world, found.failure or found.waiting or "the JAR did not arrive in time")
    return steps.same(world, f"an update: waiting for its JAR: {found.waiting or 'the bootstrap Job carries it'}")


def not_carried(world: World, text: str) -> Decision:
    """A registry or a node may be well again: what runs has the time to wait, as long as a failed start would."""
    update = world.status.update
    why, failures = f"BootstrapFailed: {text}", update.failures + 1
    retry_at = times.to_text(world.now + timedelta(seconds=steps.pause(world, failures)))
    later = replace(update, delivery=replace(update.delivery, bootstrap={}), failures=failures, retry_at=retry_at)
    decision = steps.same(world, why, failure=why, update=later)
    return replace(decision, events=(Event("BootstrapFailed", why),))


def _plan(world: World) -> Decision:
    job = world.job
    plan = Plan(
        world.status.update.jar_id,
        job.bootstrap.class_name,
        job.bootstrap.arguments,
        job.parallelism,
        job.flink_configuration,
        float(job.restart.timeout),
    )
    # Its answer is news by itself; without one main() runs again, which is not to be done in haste.
    pause = world.cluster.polling_interval
    return steps.act(steps.same(world, "an update: asking Flink for its plan", delay=pause), plan)


def planned(world: World) -> Decision:
    """Flink has made a plan with what is to run next."""
    update = replace(world.status.update, planned=True)
    return steps.same(world, "an update: Flink has its plan", delay=0.0, update=update)


def refused(world: World, text: str) -> Decision:
    """What runs is untouched. The spec is not looked at again before it is edited or a person starts the job."""
    why = f"UpdateRefused: {text}"
    rejected = RejectedSpec(world.status.update.delivery.digest, why, times.to_text(world.now))
    decision = steps.same(world, why, update=_none(world.status), rejected=rejected)
    return replace(decision, events=(Event("UpdateRefused", why),))


def no_update(world: World) -> Decision | None:
    """The spec is again what runs, before anything was stopped."""
    status = world.status
    if not status.update.delivery.digest or status.delivery.digest != world.job.bootstrap_digest:
        return None
    failure = "" if status.update.retry_at else status.failure
    return steps.same(world, "the update was taken back", delay=0.0, update=_none(status), failure=failure)


def _none(status: JobStatus) -> Update:
    """The number stays: another Job of this name would not be made anew."""
    return Update(Delivery(number=status.update.delivery.number))
