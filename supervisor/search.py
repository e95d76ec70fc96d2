"""State that nobody was told of, which the next JobManager looks for before the job starts. Pure.

The savepoint of a stop whose answer went with its JobManager: that job is FINISHED, its checkpoints are discarded, and
what else is known of it may be old, or gone. A savepoint of a job that ran, likewise; it may be all that there is. And
the newest checkpoints of a run that was lost: those that were completed after the last look, and, once tasks that hung
get on again, all that has piled up, so that the one which was seen last is gone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from clients.flink import Rejected
from core import job as jobs
from core import times
from core.job_status import CHECKPOINT, SAVEPOINT, JobStatus, LostState, RecoveryPoint
from supervisor import recovery, rollback, steps
from supervisor.decision import Decision, Event, FindState
from supervisor.finder import Found
from supervisor.world import World

SECONDS = 60.0  # of one try: an object store may hold many thousand savepoints
WISH = 20.0  # ... and of all, for what the job does not depend on: a run keeps few checkpoints
INTERRUPTION = timedelta(seconds=2 * SECONDS)  # longer than any try: who looks then has all the time again
CLOCKS = timedelta(minutes=10)  # by which that of an object store may be behind ours


def begun(world: World) -> JobStatus:
    """The status of a job that was lost while it was stopped."""
    status, stop = world.status, world.status.stop
    if stop.forget or steps.began_wrong(stop):
        return status
    if not stop.directory:
        return recovery.unseen(status, status.job_id)
    lost = LostState(status.job_id, stop.directory, stop.requested_at, passed_over=bool(stop.start_from))
    return status.but(lost_state=lost)


def look_for_newer(world: World) -> Decision | None:
    """A step of a search that the job does not depend on, while its JAR is on its way."""
    cluster = world.cluster
    return look(world) if world.status.lost_state.newer and cluster.answering and cluster.fenced else None


def look(world: World) -> Decision | None:
    """The next step of the search; None when there is nothing to look for, or it has been given up."""
    status, lost, cluster = world.status, world.status.lost_state, world.cluster
    if not recovery.is_sought(status):
        return None
    if not (cluster.answering and cluster.fenced):  # the JobManager before may still be at it
        return steps.same(world, f"waiting for a JobManager to look for {lost.what}", delay=steps.BUSY)
    why = f"looking for {lost.what} in {lost.directory}"
    why = status.message if status.message.startswith(why) else why  # with what came of it
    tried = times.from_text(lost.tried_at)
    pause = timedelta(seconds=min(steps.SOON, cluster.polling_interval) if lost.newer else cluster.polling_interval)
    if tried and world.now - tried < pause:
        return steps.same(world, why, delay=(tried + pause - world.now).total_seconds())
    goes_on = tried is not None and world.now - tried < pause + INTERRUPTION
    if goes_on and steps.overdue(world, lost.sought_at, WISH if _is_wish(status) else None):
        return _given_up(world, why)
    now = times.to_text(world.now)
    sought = replace(lost, sought_at=lost.sought_at if goes_on else now, tried_at=now)
    seconds = WISH if lost.newer else SECONDS
    action = FindState(lost.job_id, lost.directory, _millis(lost.asked_at), _known_savepoint(status), seconds)
    return steps.act(steps.same(world, why, delay=pause.total_seconds(), lost_state=sought), action)


def _is_wish(status: JobStatus) -> bool:
    """Can the job start without it?"""
    return status.lost_state.newer and bool(recovery.start_point(status))


def _known_savepoint(status: JobStatus) -> str:
    """Its number may be a guess (see recovery.with_savepoint): a checkpoint that is newer is so by the true one."""
    lost = status.lost_state
    own = (point for point in status.recovery_points if point.job_id == lost.job_id and point.type == SAVEPOINT)
    return "" if lost.asked_at else next((point.path for point in own), "")


def _millis(asked_at: str) -> int:
    """Since when the savepoint may have been written."""
    asked = times.from_text(asked_at)
    return int((asked - CLOCKS).timestamp() * 1000) if asked else 0


def answered(world: World, answer: Rejected | str) -> Decision:
    """What the JobManager has found."""
    status, lost = world.status, world.status.lost_state
    if isinstance(answer, Rejected):  # a store may be well again
        why = f"{status.message.partition(': ')[0]}: {answer.text}"
        return _given_up(world, why) if _is_wish(status) and status.jar_id else steps.same(world, why)
    found = Found.of(answer)
    settled = _settled(status) if lost.asked_at or lost.newer else replace(lost, given_up=True)
    unreadable = tuple(path for path in status.unreadable if not recovery.same_path(path, found.path))
    if unreadable != status.unreadable:  # for a moment; it is tried once more
        return _over(status.but(lost_state=settled, unreadable=unreadable), f"{found.path} is there")
    if not _is_news(world, found):
        left = status.but(lost_state=settled)
        if lost.asked_at:  # there may be none, and the run has gone on until it was lost
            left = recovery.unseen(left, lost.job_id)
        return _over(left, f"{lost.what} is not there")
    return _found_savepoint(world, found) if lost.asked_at else _found_checkpoint(world, found)


def _found_savepoint(world: World, found: Found) -> Decision:
    lost = world.status.lost_state
    point = RecoveryPoint(found.path, SAVEPOINT, lost.asked_at, lost.job_id, found.number)
    status = _proven(world, recovery.remembered(world.status, point, world.history_limit))
    status = status.but(savepoint_path=point.path, savepoint_timestamp=point.timestamp)
    if lost.newer:  # the run has gone on
        status = recovery.unseen(status, lost.job_id)
    decision = _over(status, f"{lost.what} is found")
    return replace(decision, events=(Event("SavepointCompleted", f"found {lost.what}: {found.path}"),))


def _found_checkpoint(world: World, found: Found) -> Decision:
    """Completed after the newest one that is known."""
    lost, known = world.status.lost_state, world.status.recovery_points
    seen = next((point.timestamp for point in known if point.job_id == lost.job_id), "")
    written = min(times.to_text(times.from_millis(found.written)), times.to_text(world.now))  # by another clock
    point = RecoveryPoint(found.path, CHECKPOINT, max(seen, written), lost.job_id, found.number)
    status = _proven(world, recovery.remembered(world.status, point, world.history_limit))
    decision = _over(status, "a newer checkpoint is found")
    if lost.newer:
        return decision
    why = f"{world.status.restore_path} cannot be read; a newer one of that run is there: {found.path}"
    return replace(decision, events=(Event("RecoveryPointUnreadable", why),))


def _given_up(world: World, why: str) -> Decision:
    """By this start. There may be state: without a way back that is known, the job does not begin empty."""
    status, lost = world.status, world.status.lost_state
    kept = lost.before if lost.savepoint_directory else lost
    left = status.but(had_state=True, lost_state=LostState() if _is_wish(status) else replace(kept, given_up=True))
    if lost.newer and lost.asked_at:  # its checkpoints are elsewhere
        after = recovery.unseen(left.but(lost_state=LostState()), lost.job_id).lost_state
        second = replace(after, savepoint_directory=lost.directory, savepoint_asked_at=lost.asked_at)
        left = left.but(lost_state=second) if after.job_id else left
    decision = _over(left, f"given up {why}")
    return replace(decision, events=(Event("RecoveryPointUnreadable", decision.why),))


def _settled(status: JobStatus) -> LostState:
    """What is left to look for when it is not there: nothing, but for what the job cannot start without."""
    return LostState() if recovery.start_point(status) else status.lost_state.before


def _is_news(world: World, found: Found) -> bool:
    """Is it newer than all that is known of the run, than what it began with (Flink counts on from there: else it began
    with something else than it was told to), and than what a person wants forgotten of it?"""
    status, run = world.status, world.status.lost_state.job_id
    own = run == jobs.flink_job_id(world.job.uid, status.attempt)
    began = status.restore_path if own else ""
    known = [point.checkpoint_id for point in status.recovery_points if run == point.job_id or point.path == began]
    paths = (status.forgotten_savepoint, *(point.path for point in status.recovery_points))
    is_newest = found.number > max([status.forgotten_checkpoint, *known])
    return is_newest and not any(recovery.same_path(path, found.path) for path in paths)


def _proven(world: World, status: JobStatus) -> JobStatus:
    """A savepoint settles that an update works, whoever was told. Of an attempt before the last it is not known what
    that was made of."""
    lost, here = world.status.lost_state, status.runs_on
    if lost.job_id != jobs.flink_job_id(world.job.uid, status.attempt):
        return status
    status = status.but(runs_on=replace(here, ready=here.ready or here.attempt <= status.attempt))
    if status.digest.get("bootstrap") == status.delivery.digest:
        return rollback.proven(status)
    # What it was made of is not known any more; what it wrote is not taken back with the spec that came after it.
    return status.but(stable=replace(status.stable, attempt=status.attempt)) if status.stable.digest else status


def _over(status: JobStatus, why: str) -> Decision:
    """What could not be read is tried again when nothing else is left: its store may be well again."""
    if recovery.start_point(status) is None:
        status = status.but(unreadable=())
    point = recovery.start_point(status)
    why += f"; the job starts from {point}" if point else ""
    return Decision(status.but(message=why), why, 0.0)
