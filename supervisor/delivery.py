"""The JAR on its way to the JobManager: ordered, carried by a bootstrap Job of that number, there or not. Pure.

One delivery per JobManager incarnation and bootstrap spec. That of an update comes while the spec from before runs: its
JAR is there, and Flink has made a plan with it, before anything is stopped. What fails until then is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from clients.flink import Failed, Rejected
from core import times
from core.job_status import Delivery, JobStatus, RejectedSpec, Update
from supervisor import moves, rollback, steps
from supervisor.decision import Decision, Event, Plan
from supervisor.world import World

TRIES = 3  # of a plan that Flink cannot make, and does not say whether that is for good


def noted(world: World) -> World:
    """With the id of the JAR that has come."""
    status, found = world.status, world.bootstrap
    if status.jar_id or not found.jar_id:
        return world
    return replace(world, status=status.but(jar_id=found.jar_id, failure=_of_what_runs(status)))


def order(world: World) -> Decision | None:
    """For the next start, before the JobManager answers; None when that is done."""
    # A cluster that was deleted and made again counts its incarnations anew.
    here = _is_for(world, world.status.delivery) and world.status.cluster_uid == world.cluster.uid
    return None if here else _ordered(world)


def arrive(world: World) -> Decision | None:
    """None when the JAR is there."""
    found = world.bootstrap
    if world.status.jar_id:
        return None
    if found.failure:
        return steps.fail(world, "BootstrapFailed", found.failure)
    since = _awaited_since(world)
    if steps.overdue(world, since):
        return steps.fail(world, "BootstrapFailed", found.waiting or "the JAR did not arrive in time")
    return steps.same(world, _awaited(world, found.waiting), started_at=since)


def _awaited(world: World, trouble: str) -> str:
    """`trouble`: what the bootstrap's pod waits for."""
    if not (world.cluster.answering or trouble):
        return "waiting for the JobManager, to which the bootstrap Job carries the JAR"
    return f"waiting for the JAR: {trouble or 'the bootstrap Job carries it'}"


def _awaited_since(world: World) -> str:
    """The time counts while there is somebody to take it (the image of the JobManager may take long to come), and an
    API server that has its pod made."""
    if not world.cluster.answering:
        return ""
    since = world.status.started_at or times.to_text(world.now)
    return max(since, times.to_text(world.api_since)) if world.api_since else since


def _is_for(world: World, delivery: Delivery) -> bool:
    return (delivery.digest, delivery.incarnation) == (world.job.bootstrap_digest, world.cluster.incarnation)


def _ordered(world: World) -> Decision:
    status, cluster, update = world.status, world.cluster, world.status.update
    if status.delivery.digest != world.job.bootstrap_digest and rollback.is_trial(world, status):
        world = replace(world, status=rollback.given_up(world))
    delivery, jar = _order(world), ""
    if update.jar_id and _is_for(world, update.delivery) and status.cluster_uid == cluster.uid:
        delivery, jar = update.delivery, update.jar_id
    why = f"delivery {delivery.number} of the JAR is there" if jar else _awaited(world, "")
    edited = status.digest.get("bootstrap", delivery.digest) != delivery.digest
    return steps.same(
        world,
        why,
        delay=0.0 if jar else steps.SOON,
        delivery=delivery,
        failures=0 if edited else world.status.failures,  # those were another spec's
        cluster_uid=cluster.uid,
        lost_state=world.status.lost_state.anew,
        jar_id=jar,
        update=status.update if rollback.comes_back(status) else Update(),
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
    if not status.worked or (update.planned and _is_for(world, update.delivery)):
        return None
    if not _is_for(world, update.delivery):
        why = "an update: ordering its JAR"
        return steps.same(world, why, update=Update(_order(world)), failure=_of_what_runs(status))
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
        why = f"an update: its JAR is there: {found.jar_id}"
        return steps.same(world, why, delay=0.0, update=there, failure=_of_what_runs(world.status))
    if found.failure or steps.overdue(world, update.delivery.requested_at):
        return _not_carried(world, found.failure or found.waiting or "the JAR did not arrive in time")
    why = f"an update: waiting for its JAR: {found.waiting or 'the bootstrap Job carries it'}"
    return steps.same(world, why, delay=world.cluster.polling_interval)


def _not_carried(world: World, text: str) -> Decision:
    """A registry or a node may be well again: what runs has the time to wait, as long as a failed start would."""
    update = world.status.update
    why, failures = f"BootstrapFailed: {text}", update.failures + 1
    retry_at = times.to_text(world.now + timedelta(seconds=steps.pause(world, failures)))
    later = replace(update, delivery=replace(update.delivery, bootstrap={}), failures=failures, retry_at=retry_at)
    decision = steps.same(world, why, failure=why, update=later)
    return replace(decision, events=(Event("BootstrapFailed", why),))


def _plan(world: World) -> Decision:
    job, update, asked = world.job, world.status.update, world.planning
    if asked.running and asked.incarnation == world.cluster.incarnation:
        return steps.same(world, "an update: Flink makes its plan", delay=steps.BUSY)
    if asked.delivery == update.delivery.number and (answer := _answered(world)):
        return answer
    plan = Plan(
        update.delivery.number,
        update.jar_id,
        job.bootstrap.class_name,
        job.bootstrap.arguments,
        job.parallelism,
        job.flink_configuration,
        float(job.restart.timeout),
    )
    return steps.act(steps.same(world, "an update: Flink makes its plan", delay=steps.BUSY), plan)


def _answered(world: World) -> Decision | None:
    """What became of the plan that Flink was asked for; None when it is to be asked again."""
    asked, pause = world.planning, timedelta(seconds=world.cluster.polling_interval)
    if isinstance(asked.answer, Rejected):
        text = asked.answer.text
        return _not_carried(world, text) if jar_is_gone(asked.answer) else _refused(world, text)
    failed = asked.answer.text if isinstance(asked.answer, Failed) else ""
    if failed and asked.failed >= TRIES:
        return _refused(world, failed)
    if isinstance(asked.answer, str):
        update = replace(world.status.update, planned=True)
        return steps.same(world, "an update: Flink has its plan", delay=0.0, update=update)
    # main() may have run, and runs again with the next call: that is not to be done in haste.
    left = asked.asked_at + pause - world.now if asked.asked_at else timedelta(0)
    if left <= timedelta(0):
        return None
    why = f"Flink makes no plan of it: {failed}" if failed else "no answer to the call for its plan"
    return steps.same(world, f"an update: {why}", delay=left.total_seconds())


def jar_is_gone(error: Rejected) -> bool:
    return "jar" in error.text.lower() and "does not exist" in error.text


def _refused(world: World, text: str) -> Decision:
    """What runs is untouched. The spec is not looked at again before it is edited or a person starts the job."""
    why = f"UpdateRefused: {text}"
    rejected = RejectedSpec(world.status.update.delivery.digest, why, times.to_text(world.now))
    decision = steps.same(world, why, update=world.status.update.over, rejected=rejected)
    return replace(decision, events=(Event("UpdateRefused", why),))


def no_update(world: World) -> Decision | None:
    """The spec is again what runs, before anything was stopped."""
    status = world.status
    if not status.update.delivery.digest or status.delivery.digest != world.job.bootstrap_digest:
        return None
    why = "the update was taken back"
    return steps.same(world, why, delay=0.0, update=status.update.over, failure=_of_what_runs(status))


def _of_what_runs(status: JobStatus) -> str:
    """The failure, unless it is that a JAR did not come."""
    return "" if status.failure.startswith("BootstrapFailed") else status.failure
