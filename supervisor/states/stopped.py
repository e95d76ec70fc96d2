"""Stopped: nothing of the job runs. Who stopped it decides what may start it again."""

from __future__ import annotations

from dataclasses import replace

from core import times
from core.job_status import JobStatus, RejectedSpec
from core.states import Phase, RestartPolicy, StoppedBy
from supervisor import moves, recovery, steps
from supervisor.decision import Decision
from supervisor.world import World


def decide(world: World) -> Decision:
    guards = (_deleting, _request, _resumed, _named, _mended, _moved, _policy)
    decision = next(filter(None, (guard(world) for guard in guards)), None)
    if decision is None:
        decision = steps.same(world, world.status.message or "stopped", delay=world.cluster.polling_interval)
    if _starts_with_its_cluster(world):
        return decision
    # What people want of the jobs that start with their cluster is not about this one.
    return replace(decision, status=decision.status.but(forgets=world.cluster.forgets))


def _starts_with_its_cluster(world: World) -> bool:
    waits = world.status.stopped_by == StoppedBy.CLUSTER and steps.starts_again(world.job, world.status)
    return waits and bool(world.job.parallelism) and not world.cluster.stopped


def _deleting(world: World) -> Decision | None:
    return steps.deleted(world) if world.job.deleting else None


def _request(world: World) -> Decision | None:
    status, job = world.status, world.job
    if job.action == "START":
        if not job.parallelism:
            decision = steps.same(world, "cannot start: the spec suspends the job")
        else:
            if job.without_savepoint:
                status = recovery.forgotten(status)
            if job.from_savepoint:
                status = recovery.chosen(status, job.from_savepoint, times.to_text(world.now))
            accepted = recovery.start_point(status.but(unreadable=())) or ""
            status = steps.fresh_delivery(status).but(
                failures=0, failure="", rejected=RejectedSpec(), accepted_path=accepted
            )
            decision = _start(status, "started on request")
    elif job.action == "STOP":
        # From now on no policy starts it again.
        decision = steps.same(world, "stopped on request", stopped_by=StoppedBy.PERSON, retry_at="")
    elif job.action == "FORGET_SAVEPOINT":
        decision = Decision(recovery.forgotten(status), "recovery points forgotten on request", steps.SOON)
    else:
        return None
    return replace(decision, handled=True)


def _start(status: JobStatus, why: str) -> Decision:
    if not status.jar_id:
        status = steps.fresh_delivery(status)
    starting = status.but(
        supervisor_status=Phase.STARTING,
        stopped_by=StoppedBy.NOBODY,
        job_id="",
        job_status="",
        retry_at="",
        started_at="",
        unreadable=(),
        lost_state=status.lost_state.anew,
        message=why,
    )
    return Decision(starting, why, 0.0)


def _resumed(world: World) -> Decision | None:
    """The spec suspended it, and does not any more."""
    if world.status.stopped_by != StoppedBy.SPEC or not world.job.parallelism:
        return None
    return _start(world.status, "resumed: the spec does not suspend it any more")


def _named(world: World) -> Decision | None:
    """The savepointPath of a job that never ran was corrected."""
    if world.status.stopped_by != StoppedBy.FLINK or not world.job.parallelism:
        return None
    named = recovery.named_anew(world)
    return _start(named.but(failures=0), "its savepointPath was edited") if named else None


def _mended(world: World) -> Decision | None:
    """A failed job whose spec was edited is tried at once; a finished one only if it is to run always."""
    status = world.status
    if status.stopped_by != StoppedBy.FLINK or not world.job.parallelism:
        return None
    if status.digest.get("bootstrap", world.job.bootstrap_digest) == world.job.bootstrap_digest:
        return None
    if status.job_status != "FAILED" and world.job.restart.policy != RestartPolicy.ALWAYS:
        return None
    return _start(world.status.but(failures=0), "the spec was edited")


def _moved(world: World) -> Decision | None:
    """It failed on an update of the cluster, which is over: a change of the cluster takes its jobs along."""
    status, cluster = world.status, world.cluster
    failed = status.stopped_by == StoppedBy.FLINK and status.job_status == "FAILED"
    there = cluster.phase in (Phase.STARTING, Phase.STARTED) and not cluster.going_down
    if not (failed and there and world.job.parallelism and moves.has_left(world)):
        return None
    return _start(moves.given_up(world), "the cluster has other pods than those on which it failed")


def _policy(world: World) -> Decision | None:
    """Restart as the policy says, after the delay, once the cluster is there."""
    if not steps.starts_again(world.job, world.status) or not world.job.parallelism or world.cluster.going_down:
        return None
    if world.status.stopped_by == StoppedBy.CLUSTER and world.cluster.phase not in (Phase.STARTING, Phase.STARTED):
        return None
    retry = times.from_text(world.status.retry_at)
    if retry and world.now < retry:
        return steps.same(
            world,
            f"{world.status.failure}; next try at {world.status.retry_at}",
            delay=(retry - world.now).total_seconds(),
        )
    policy = f"restarting, as the policy {world.job.restart.policy} says"
    why = "carrying the JAR again" if steps.lacks_its_jar(world.status) else policy
    return _start(world.status, why)
