"""Recovery points: which are known, and from which one a job starts. Pure."""

from __future__ import annotations

from core import times
from core.job_status import CHECKPOINT, SAVEPOINT, JobStatus, RecoveryPoint
from supervisor.world import World


def remembered(status: JobStatus, point: RecoveryPoint, limit: int) -> JobStatus:
    """With one more recovery point, newest first, at most `limit`. Savepoints are kept before checkpoints, of which
    Flink itself keeps only the last few."""
    known = [point, *(other for other in status.recovery_points if other.path != point.path)]
    known.sort(key=lambda other: other.timestamp, reverse=True)
    checkpoints = [other for other in known if other.type == CHECKPOINT][:KEPT_CHECKPOINTS]
    savepoints = [other for other in known if other.type == SAVEPOINT][: max(1, limit - len(checkpoints))]
    kept = sorted([*savepoints, *checkpoints], key=lambda other: other.timestamp, reverse=True)
    return status.but(recovery_points=tuple(kept), had_state=True)


# As many as the submission makes Flink retain.
KEPT_CHECKPOINTS = 3


def with_savepoint(status: JobStatus, path: str, moment: str, limit: int) -> JobStatus:
    """With a savepoint that was just taken; it is what the Toolbox calls the job's savepoint path."""
    point = RecoveryPoint(path=path, type=SAVEPOINT, timestamp=moment, job_id=status.job_id)
    return remembered(status, point, limit).but(savepoint_path=path, savepoint_timestamp=moment)


def with_checkpoint(world: World, status: JobStatus) -> JobStatus:
    """With the newest completed checkpoint that Flink shows, if it is one that outlives the job."""
    checkpoints = world.flink.checkpoints
    newest = checkpoints.latest_completed if checkpoints else None
    if newest is None or newest.is_savepoint or not newest.external_path:
        return status
    if status.recovery_points and status.recovery_points[0].path == newest.external_path:
        return status
    point = RecoveryPoint(
        path=newest.external_path,
        type=CHECKPOINT,
        timestamp=times.to_text(times.from_millis(newest.completed_timestamp)),
        job_id=status.job_id,
        checkpoint_id=newest.id,
    )
    return remembered(status, point, world.job.savepoint.history_limit)


def forgotten(status: JobStatus) -> JobStatus:
    """Without any recovery point: a person said that the next start is to be an empty one."""
    return status.but(recovery_points=(), had_state=False, savepoint_path="", savepoint_timestamp="", restore_path="")


def start_point(status: JobStatus) -> str | None:
    """Where the next start begins: the newest readable recovery point's path, '' for empty, None when it must not
    start: it once had state, and no way back to it is known."""
    readable = [point.path for point in status.recovery_points if point.path not in status.unreadable]
    if readable:
        return readable[0]
    return None if status.had_state else ""


def next_point(status: JobStatus) -> JobStatus | None:
    """The status in which the point that was just tried counts as unreadable, None when there is no other one."""
    passed_over = status.but(unreadable=(*status.unreadable, status.restore_path))
    return passed_over if start_point(passed_over) else None


def is_missing(text: str) -> bool:
    """Does Flink's message say that a snapshot's files are not there? Anything else is not repaired by an older one."""
    return any(words in text for words in ("FileNotFoundException", "does not exist", "Cannot find checkpoint"))
