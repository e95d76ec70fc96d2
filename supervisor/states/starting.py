"""Starting: the JAR is delivered, the slots are there, the attempt is written down and submitted, its tasks run.

A submission that was written down (`jobId`) but that Flink has not got is made again under the same id: Flink refuses a
second one, so it does not matter how often that happens, nor who does it.
"""

from __future__ import annotations

from dataclasses import replace

from core import times
from core.job_status import Delivery, LostState
from core.states import Phase, StoppedBy
from supervisor import delivery, moves, readiness, recovery, rollback, search, stability, steps, submission
from supervisor.decision import Decision, Event
from supervisor.world import Sight, World

PATIENCE = 15.0  # seconds: what Flink tells about a job may be some seconds old


def decide(world: World) -> Decision:
    guards = (
        _silent,
        _deleting,
        _person_stops,
        _spec_stops,
        _person_chooses,
        _submitted,
        _person_forgets,
        _cluster_forgets,
        _moved,
        _adopt,
        _cluster_goes,
        _update_lost,
        delivery.order,
        search.look_for_newer,
        delivery.arrive,
        search.look,
        _no_state,
        _too_old,
        _unheld,
        _stray,
        _slots,
    )
    world = delivery.noted(world)
    decision = next(filter(None, (guard(world) for guard in guards)), None)
    return _with_checkpoint(world, decision or submission.intended(world))


def hold(world: World) -> Decision:
    """While the spec is wrong: a submission is followed, also one that Flink recovers; no other one is made."""
    nothing = steps.same(world, "nothing is submitted", delay=world.cluster.polling_interval)
    return _with_checkpoint(world, _silent(world) or _submitted(world) or _adopt(world) or nothing)


def _with_checkpoint(world: World, decision: Decision) -> Decision:
    """Nobody may have looked since it was submitted, and it may be lost before the next look."""
    if not world.flink.alive or not recovery.began_as_told(world):
        return decision
    return replace(decision, status=recovery.with_checkpoint(world, decision.status))


def _silent(world: World) -> Decision | None:
    """Unknown is not failed: the job may well run."""
    if not world.status.job_id or world.lost or world.flink.sight in (Sight.SEEN, Sight.MISSING):
        return None
    return steps.same(world, "waiting for the JobManager to answer: the job may well run", delay=steps.BUSY)


def _leave(world: World, why: str, next: Phase, by: StoppedBy) -> Decision:
    """Stop before it runs: nothing to save if it was never submitted."""
    if world.status.holds_cluster and not world.lost:
        deleted = next == Phase.TERMINATED
        wanted = world.job.savepoint.on_delete if deleted else steps.wants_savepoint(world, by_person=True)
        return steps.stop(world, why, next=next, by=by, savepoint=wanted and world.flink.tasks_run)
    left = recovery.unseen(world.status, world.status.job_id) if world.lost else world.status
    status = steps.released(left).but(supervisor_status=next, stopped_by=by, job_id="", message=why)
    if next == Phase.TERMINATED:
        return steps.deleted(replace(world, status=status))
    return Decision(status, why, 0.0)


def _deleting(world: World) -> Decision | None:
    return _leave(world, "deleted", Phase.TERMINATED, StoppedBy.NOBODY) if world.job.deleting else None


def _person_stops(world: World) -> Decision | None:
    if world.job.action != "STOP":
        return None
    return replace(_leave(world, "stopped on request", Phase.STOPPED, StoppedBy.PERSON), handled=True)


def _spec_stops(world: World) -> Decision | None:
    if world.job.parallelism:
        return None
    return _leave(world, steps.suspended(world), Phase.STOPPED, StoppedBy.SPEC)


def _submitted(world: World) -> Decision | None:
    """An attempt is on its way: what became of it?"""
    status, flink = world.status, world.flink
    if not status.job_id:
        return None
    if world.elsewhere:
        return steps.lost(world)
    if flink.sight == Sight.MISSING:
        return _missing(world)
    begun = flink.tasks_run or recovery.has_written(world)
    if begun and (wrong := _restored_wrongly(world)):
        return wrong
    if flink.terminal:
        return steps.ended(world)
    if begun:
        return _started(world)
    if going := _cluster_goes(world) or _edited(world):
        return going
    if steps.overdue(world, status.started_at) and not world.problems:
        return _timed_out(world)
    return steps.same(world, submission.waiting(status), delay=steps.pace(flink.age))


def _edited(world: World) -> Decision | None:
    """A spec that never worked makes way for the next one: its tasks do not run, so there is nothing to save."""
    status = world.status
    if status.worked or world.problems or status.delivery.digest == world.job.bootstrap_digest:
        return None
    why = "the bootstrap spec changed"
    return steps.stop(world, why, next=Phase.STARTING, by=StoppedBy.SPEC, savepoint=False)


def _moved(world: World) -> Decision | None:
    """Other pods than those of an update of the cluster that never ran it."""
    if not moves.has_left(world):
        return None
    why = "an update of the cluster is over that never ran the job: it begins where that began"
    return Decision(moves.given_up(world).but(message=why), why, 0.0)


def _update_lost(world: World) -> Decision | None:
    """Edited again. What its lost run has written says whether it worked, and so where the next one begins."""
    status = world.status
    edited = status.delivery.digest != world.job.bootstrap_digest
    return search.look(world) if edited and rollback.is_trial(world, status) else None


def _adopt(world: World) -> Decision | None:
    """Flink's own high availability has brought the lost run back, from its newest checkpoint: it is the job."""
    status, cluster = world.status, world.cluster
    run = steps.recoverable(world)
    if run not in world.strays or cluster.phase not in (Phase.STARTING, Phase.STARTED, Phase.STOPPING):
        return None
    why = "Flink has recovered the job by itself"
    adopted = status.but(
        delivery=_delivered(world),
        jar_id="",
        job_id=run,
        job_parallelism=status.job_parallelism or world.job.parallelism,
        **steps.held(world),
        restore_path="",  # Flink chose it
        lost_state=LostState(),
        started_at=times.to_text(world.now),
        message=why,
    )
    return Decision(adopted, why, steps.BUSY, events=(Event("JobAdopted", why),))


def _delivered(world: World) -> Delivery:
    """What the run that was lost was made of: an update of it may have been ordered since. Then the JAR that is there
    is another one, and is no use for this spec in any incarnation."""
    status, stable = world.status, world.status.stable
    if status.delivery.digest == status.digest.get("bootstrap") or stable.digest != status.digest.get("bootstrap"):
        return status.delivery
    return replace(
        status.delivery,
        number=status.delivery.number + 1,
        incarnation=0,
        digest=stable.digest,
        bootstrap=stable.bootstrap,
        flink_configuration=stable.flink_configuration,
    )


def _missing(world: World) -> Decision:
    """Written down, and not in Flink: not given to it, or it is still at it."""
    if world.cluster.phase == Phase.STOPPING:
        status = steps.released(world.status).but(job_id="", message="the cluster is stopping; nothing was submitted")
        return Decision(status, status.message, steps.SOON)
    if not steps.overdue(world, world.status.started_at):
        return steps.act(steps.same(world, "submitting the job"), submission.request(world))
    # main() may take this long, and end in a job: under another id it would be a second one.
    why = f"SubmissionUnanswered: Flink does not have the job after {world.job.restart.timeout} s; asking again"
    decision = steps.same(world, why, failure=why, delay=world.cluster.polling_interval)
    return steps.act(decision, submission.request(world))


def _timed_out(world: World) -> Decision:
    text = world.flink.exception or f"its tasks do not run {world.job.restart.timeout} s after the submission"
    why = f"StartTimedOut: {text}"
    decision = steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.FLINK, savepoint=False, failure=why)
    return Decision(decision.status, why, 0.0, events=(Event("StartTimedOut", why),))


def _person_forgets(world: World) -> Decision | None:
    """It is on its way to start; without state now."""
    job = world.job
    if job.action != "FORGET_SAVEPOINT" and not (job.action == "START" and job.without_savepoint):
        return None
    return replace(_forget(world), handled=True)


def _person_chooses(world: World) -> Decision | None:
    """... or from there: it may be what it waits for."""
    path = world.job.from_savepoint
    if not path:
        return None
    why = f"started on request, from {path}"
    if world.status.job_id:  # maybe its tasks do not come up with the state that it has
        by, wanted = StoppedBy.PERSON, steps.wants_savepoint(world) and world.flink.tasks_run
        decision = steps.stop(world, why, next=Phase.STARTING, by=by, savepoint=wanted, start_from=path)
        return replace(decision, handled=True)
    status = recovery.chosen(world.status, path, times.to_text(world.now)).but(failure="", message=why)
    return Decision(status, why, 0.0, handled=True)


def _cluster_forgets(world: World) -> Decision | None:
    """A person started its cluster, and wants the jobs that this starts to begin empty. What people asked of a cluster
    that the job comes to afterwards was not about this job."""
    status, cluster = world.status, world.cluster
    if cluster.forgets == status.forgets:
        return None
    if cluster.uid != status.cluster_uid:
        return steps.same(world, "on another cluster", delay=0.0, forgets=cluster.forgets)
    # Less than before was said by a view that is behind.
    return _forget(world) if cluster.forgets > status.forgets else None


def _forget(world: World) -> Decision:
    why = "recovery points forgotten on request"
    status = recovery.forgotten(world.status).but(failure="", forgets=world.cluster.forgets, message=why)
    return Decision(status, why, 0.0)


def _restored_wrongly(world: World) -> Decision | None:
    """Flink says what it started from. A job that did not start from where it was told to is stopped before a
    checkpoint of it counts as the newest state."""
    expected, restored = world.status.restore_path, recovery.restored(world)
    if world.flink.checkpoints is None or recovery.began_as_told(world):
        return None
    if not restored and world.flink.age < PATIENCE:
        return steps.same(world, "waiting for Flink to say what it restored", delay=steps.pace(world.flink.age))
    why = f"{steps.RESTORE_MISMATCH}: told to start from {expected}, Flink says {restored or 'nothing'}"
    decision = steps.stop(world, why, next=Phase.STOPPED, by=StoppedBy.FLINK, savepoint=False, failure=why)
    return Decision(decision.status, why, 0.0, events=(Event(steps.RESTORE_MISMATCH, why),))


def _started(world: World) -> Decision:
    restored = recovery.restored(world)
    path = world.status.restore_path or restored
    why = f"the job runs, {'from ' + path if path else 'started empty'}"
    status = recovery.without_errors(world.status, world.job.savepoint.initial_path).but(
        supervisor_status=Phase.STARTED, restored_path=restored, stopped_by=StoppedBy.NOBODY
    )
    begun = stability.judged(replace(world, status=status))
    # An edit during its start comes before it is Ready: that would be said of the new spec.
    edited = steps.same(begun, why, delay=0.0, job_status=world.flink.status) if steps.changes(begun) else None
    return replace(edited or readiness.watch(begun), why=why, events=(Event("JobStarted", why),))


def _cluster_goes(world: World) -> Decision | None:
    cluster = world.cluster
    if cluster.phase not in (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATED):
        return None
    if cluster.stopped or cluster.deleting:
        return _leave(world, "the cluster is stopped", Phase.STOPPED, StoppedBy.CLUSTER)
    if world.status.holds_cluster:
        return _leave(world, f"the cluster is {cluster.phase}", Phase.STARTING, StoppedBy.CLUSTER)
    return steps.same(world, f"waiting for the cluster, which is {cluster.phase}")


def _no_state(world: World) -> Decision | None:
    if recovery.start_point(world.status) is not None:
        return None
    lost = world.status.lost_state
    if world.job.action == "START" and lost.given_up:
        why = "started on request: what was looked for in vain is looked for once more"
        return replace(steps.same(world, why, delay=0.0, lost_state=lost.anew, failure=""), handled=True)
    lack, again = "no recovery point is left (without execution.checkpointing.dir only the JobManager holds any)", ""
    if lost.given_up:
        lack, again = f"{lost.what} was looked for in vain in {lost.directory}", "to look once more, "
    had = "may have" if lost.newer and not world.status.recovery_points else "had"
    why = (
        f"StateUnknown: the job {had} state, and {lack}; start it {again}from a path that you know, or without "
        "savepoint to begin empty"
    )
    return steps.same(world, why, delay=world.cluster.polling_interval, failure=why)


def _too_old(world: World) -> Decision | None:
    """More work would be done again than the spec allows without asking."""
    status, limit, path = world.status, world.job.savepoint.max_state_age, recovery.start_point(world.status)
    lost, accepted = recovery.work_since(status, path), recovery.work_since(status, status.accepted_path)
    if not limit or lost is None or lost <= max(limit, accepted or 0):
        return None
    if world.job.action == "START":
        why = "started on request, whatever the age of its state"
        return replace(steps.same(world, why, delay=0.0, accepted_path=path, failure=""), handled=True)
    why = (
        f"StateTooOld: the newest recovery point is {lost:.0f} s older than the job's last moment, "
        f"spec.savepoint.maxStateAge allows {limit}; start the job to accept it: {path}"
    )
    return steps.same(world, why, delay=world.cluster.polling_interval, failure=why)


def _unheld(world: World) -> Decision | None:
    """What it waited for a person for is over: an edit, or a recovery point that was found."""
    if not world.status.failure.startswith(("StateUnknown", "StateTooOld")):
        return None
    return steps.same(world, "what kept it from its start is over", delay=0.0, failure="")


def _stray(world: World) -> Decision | None:
    if not world.strays:
        return None
    return steps.same(world, f"waiting for an earlier run to end: {world.strays[0]}", delay=steps.BUSY)


def _slots(world: World) -> Decision | None:
    cluster = world.cluster
    if not cluster.answering:
        return steps.same(world, "waiting for the JobManager to answer", delay=steps.BUSY)
    if not cluster.fenced:
        return steps.same(world, "waiting for the last pod of the JobManager before to be gone", delay=steps.BUSY)
    if cluster.slots_free < world.job.parallelism:
        why = f"waiting for slots: {cluster.slots_free} free, {world.job.parallelism} needed"
        return steps.same(world, why, delay=steps.BUSY)
    return None
