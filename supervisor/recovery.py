"""Recovery points: which are known, and from which one a job starts. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from clients.flink import Snapshot
from core import times
from core.job_status import CHECKPOINT, SAVEPOINT, JobStatus, LostState, RecoveryPoint
from core.states import ClaimMode
from supervisor.world import World


def remembered(status: JobStatus, point: RecoveryPoint, limit: int) -> JobStatus:
    """With one more recovery point, newest first, at most `limit`. Savepoints are kept before checkpoints, of which
    Flink itself keeps only the last few.

    What is learned last is the newest, whatever the clocks say: Flink's is not ours. Only within one run of the job the
    numbers of its checkpoints tell better. Nobody looks any more for what an earlier run may have left.
    """
    others = [other for other in status.recovery_points if other.path != point.path]
    same_run = (other for other in others if other.job_id == point.job_id)
    newer = [other for other in same_run if other.checkpoint_id >= point.checkpoint_id > 0]
    place = others.index(newer[-1]) + 1 if newer else 0
    known = [*others[:place], point, *others[place:]]
    checkpoints = [other for other in known if other.type == CHECKPOINT][:KEPT_CHECKPOINTS]
    savepoints = [other for other in known if other.type == SAVEPOINT][: max(1, limit - len(checkpoints))]
    return status.but(
        recovery_points=tuple(other for other in known if other in checkpoints or other in savepoints),
        had_state=True,
        lost_state=LostState(),
    )


# As many as our JobManagers retain: see hooks/children/pod.py.
KEPT_CHECKPOINTS = 5


def outdated(stored: JobStatus, status: JobStatus, retained: int) -> bool:
    """Would what is stored soon lead to no checkpoint that Flink still retains? It is all that is known when supervisor
    and JobManager are lost together, with their node. `retained`: how many Flink keeps."""
    if not stored.recovery_points or not status.recovery_points:
        return True
    old, new = stored.recovery_points[0], status.recovery_points[0]
    return old.job_id != new.job_id or new.checkpoint_id - old.checkpoint_id >= max(1, retained // 2)


def with_savepoint(status: JobStatus, path: str, moment: str, limit: int, *, ours: bool = False) -> JobStatus:
    """With a savepoint that was just taken; it is what the Toolbox calls the job's savepoint path. `ours`: Flink's
    answer to our own request, not just the newest that it shows."""
    # Its number is not told with its path. Unless it was seen, it is behind every checkpoint that was.
    seen = {other.path: other.checkpoint_id for other in status.recovery_points if other.job_id == status.job_id}
    number = seen.get(path) or max([status.forgotten_checkpoint, *seen.values()]) + 1
    point = RecoveryPoint(
        path=path, type=SAVEPOINT, timestamp=moment, job_id=status.job_id, checkpoint_id=number, ours=ours
    )
    return remembered(status, point, limit).but(savepoint_path=path, savepoint_timestamp=moment)


def unstored_savepoint(world: World) -> str:
    """The newest savepoint that Flink shows of this job, if its path is not stored yet, else ''. By path, since Flink's
    clock is not ours."""
    found = world.flink.checkpoints.latest_savepoint if world.flink.checkpoints else None
    path = (found.external_path if found and not _is_forgotten(world.status, found) else None) or ""
    return "" if any(point.path == path for point in world.status.recovery_points) else path


def with_checkpoint(world: World, status: JobStatus) -> JobStatus:
    """With what Flink shows to be completed: the newest checkpoint, if it is one that outlives the job, and the newest
    savepoint, whoever asked for it. State that only the JobManager holds is no way back, but it is state: no start
    without it goes unnoticed."""
    for found in _completed(world):
        if _is_forgotten(status, found):
            continue
        status, path = status.but(had_state=True), found.external_path or ""
        known = next((point for point in status.recovery_points if point.path == path), None)
        if not path or (known and known.checkpoint_id == found.id):
            continue
        point = known or RecoveryPoint(
            path=path,
            type=SAVEPOINT if found.is_savepoint else CHECKPOINT,
            timestamp=times.to_text(times.from_millis(found.completed_timestamp)),
            job_id=status.job_id,
        )
        # The number of a known one was a guess: see with_savepoint.
        status = remembered(status, replace(point, checkpoint_id=found.id), world.history_limit)
    return _with_number(world, status)


def _with_number(world: World, status: JobStatus) -> JobStatus:
    """The number of a savepoint is told to who begins from it, if to nobody before."""
    began = world.flink.checkpoints.restored if world.flink.checkpoints else None
    if not began or not began.external_path:
        return status
    path, number = began.external_path, began.id
    points = (
        replace(point, checkpoint_id=number) if same_path(point.path, path) else point
        for point in status.recovery_points
    )
    return status.but(recovery_points=tuple(points))


def _completed(world: World) -> list[Snapshot]:
    """What the run itself restored, the newest savepoint and the newest of all, in the order of their numbers."""
    seen = world.flink.checkpoints
    if not seen:
        return []
    found = [each for each in (seen.latest_savepoint, seen.latest_completed) if each]
    if restored_itself(world) and (own := seen.restored):
        found.append(
            Snapshot(own.id, own.external_path, own.is_savepoint, own.restore_timestamp, own.restore_timestamp)
        )
    return sorted(found, key=lambda each: each.id)


def without_runs(status: JobStatus, runs: Collection[str]) -> JobStatus:
    """Without what these runs wrote: no way back."""
    points = tuple(point for point in status.recovery_points if point.job_id not in runs)
    lost = LostState() if status.lost_state.job_id in runs else status.lost_state
    return status.but(recovery_points=points, lost_state=lost)


def restored(world: World) -> str:
    """The path that Flink says this run restored last, '' for none."""
    seen = world.flink.checkpoints
    return (seen.restored.external_path or "") if seen and seen.restored else ""


def restored_itself(world: World) -> bool:
    """Did Flink restart the tasks, or bring the run back, from a checkpoint of its own?"""
    status, seen, path = world.status, world.flink.checkpoints, restored(world)
    if not seen or not path or same_path(path, status.restore_path):
        return False
    # Its id is in the path, unless execution.checkpointing.create-subdir is false.
    return f"/{status.job_id}/" in path or seen.restores > (1 if status.restore_path else 0)


def began_as_told(world: World) -> bool:
    """Nothing to be told is as told: then Flink chose."""
    told = world.status.restore_path
    return not told or restored_itself(world) or same_path(restored(world), told)


def has_written(world: World) -> bool:
    """Has this run completed a checkpoint? Then its tasks have all run, whatever they do now."""
    return bool(world.flink.checkpoints and world.flink.checkpoints.completed) or restored_itself(world)


def claimed(status: JobStatus, mode: ClaimMode) -> JobStatus:
    """As submitted in that mode. What is claimed is Flink's from now on, and may vanish: it is not ours to dispose of,
    whatever becomes of the submission."""
    if mode != ClaimMode.CLAIM or not status.restore_path:
        return status.but(claim_mode="")
    points = (replace(each, ours=each.ours and each.path != status.restore_path) for each in status.recovery_points)
    return status.but(recovery_points=tuple(points), claim_mode=mode)


def with_result(status: JobStatus) -> JobStatus:
    """Of a job that has finished: Flink discards its checkpoints, and what is left of it is its result."""
    kept = tuple(point for point in status.recovery_points if point.type == SAVEPOINT or point.job_id != status.job_id)
    return status.but(recovery_points=kept, had_state=bool(kept))


def forgotten(status: JobStatus) -> JobStatus:
    """Without any recovery point: a person said that the next start is to be an empty one."""
    return status.but(
        recovery_points=(),
        had_state=False,
        savepoint_path="",
        savepoint_timestamp="",
        lost_state=LostState(),
        restore_path="",
    )


def chosen(status: JobStatus, path: str, moment: str) -> JobStatus:
    """A person said where the next start is to begin. What was known before is there still, should that not be
    readable, and so is what may be found."""
    known = next((point for point in status.recovery_points if same_path(point.path, path)), None)
    others = tuple(point for point in status.recovery_points if point is not known)
    point, lost = known or RecoveryPoint(path=path, type=SAVEPOINT, timestamp=moment), status.lost_state
    return status.but(
        recovery_points=(point, *others),
        had_state=True,
        lost_state=replace(lost.anew, passed_over=True) if lost.asked_at or lost.newer else LostState(),
        unreadable=(),
        accepted_path=point.path,
    )


def named(world: World, status: JobStatus) -> JobStatus:
    """With what the spec names for the first start. Once the job has run, its own savepoints are newer than that."""
    point = RecoveryPoint(world.job.savepoint.initial_path, SAVEPOINT, times.to_text(world.now))
    known = remembered(status, point, world.history_limit)
    return known.but(savepoint_path=point.path, savepoint_timestamp=point.timestamp, named_path=point.path)


def named_anew(world: World) -> JobStatus | None:
    """... where that was edited, and no run has begun with what it was before."""
    status, path = world.status, world.job.savepoint.initial_path
    ran = status.stable.digest or status.lost_state.job_id or any(point.job_id for point in status.recovery_points)
    if ran or path in ("", status.named_path):
        return None
    others = tuple(point for point in status.recovery_points if point.path not in (path, status.named_path))
    return named(world, status.but(recovery_points=others))


def forgotten_so_far(world: World) -> JobStatus:
    """Likewise for a job that runs: what it completes from now on is a way back again. The newest savepoint by its path
    too: Flink's list may be some seconds older than its answer to who asked for it."""
    status = world.status
    number = max(status.forgotten_checkpoint, newest_completed(world))
    path = status.savepoint_path or status.forgotten_savepoint
    return forgotten(status).but(forgotten_checkpoint=number, forgotten_savepoint=path)


def _is_forgotten(status: JobStatus, found: Snapshot) -> bool:
    known = status.forgotten_savepoint
    return found.id <= status.forgotten_checkpoint or bool(known and found.external_path == known)


def newest_completed(world: World) -> int:
    """The number of the newest checkpoint or savepoint of this run, 0 for none."""
    return max((found.id for found in _completed(world)), default=0)


def start_point(status: JobStatus) -> str | None:
    """Where the next start begins: the newest readable recovery point's path, '' for empty, None when it must not
    start: it once had state, and no way back to it is known."""
    readable = [point.path for point in status.recovery_points if point.path not in status.unreadable]
    if readable:
        return readable[0]
    return None if status.had_state else ""


def told(status: JobStatus, said: str = "") -> str:
    """Where the state is of a job that does not come back by itself, as a part of a sentence."""
    lost, path = status.lost_state, start_point(status)
    if _is_wanted(status):
        return f"; its newest state may be {lost.what}, in {lost.directory}" + (f", else it is {path}" if path else "")
    return f"; its newest state is {path}" if path and path not in said else ""


def work_since(status: JobStatus, path: str | None) -> float | None:
    """Seconds of work that a start from there would do again: from that recovery point to when the job was Ready last.
    None for an empty start, and when a time is not known."""
    point = next((point for point in status.recovery_points if point.path == path), None)
    taken, until = times.from_text(point.timestamp if point else ""), times.from_text(status.ready_until)
    return (until - taken).total_seconds() if taken and until else None


def next_point(status: JobStatus) -> JobStatus | None:
    """The status in which the point that was just tried counts as unreadable, None when there is no other one, nor one
    to look for."""
    passed_over = status.but(unreadable=(*status.unreadable, status.restore_path))
    return passed_over if start_point(passed_over) or is_sought(passed_over) else None


def without_errors(status: JobStatus, named: str) -> JobStatus:
    """Of a job that runs: paths that a person named for a start, and Flink did not find, were none. `named`: by the
    spec, which names it still."""
    wrong = {point.path for point in status.recovery_points if not point.job_id and point.path != named}
    points = (point for point in status.recovery_points if point.path not in wrong.intersection(status.unreadable))
    return status.but(recovery_points=tuple(points), unreadable=())


def is_sought(status: JobStatus) -> bool:
    """Is there something to look for before the job starts?"""
    return _is_wanted(status) and not status.lost_state.given_up


def _is_wanted(status: JobStatus) -> bool:
    lost = status.lost_state
    return bool(lost.job_id) and not (lost.passed_over and not status.unreadable)


def beside(status: JobStatus) -> LostState | None:
    """Where newer checkpoints may be than the one that a start could not read, since Flink keeps only the newest; None
    when there is no such place, this start has looked there, or the savepoint of a stop is still to be found: it is
    newer."""
    path, lost = status.restore_path, status.lost_state
    if lost.asked_at:
        return None
    point = next((point for point in status.recovery_points if point.path == path), None)
    folder = _folder(point) if point else ""
    if point is None or not folder or (lost.job_id == point.job_id and lost.given_up):
        return None
    return LostState(point.job_id, folder)


def unseen(status: JobStatus, run: str) -> JobStatus:
    """Of a run that was lost: with the place of the savepoint that was on its way, which comes first, or of checkpoints
    that it may have completed after the last look. One that was ready without any makes none."""
    own, lost = [point for point in status.recovery_points if point.job_id == run], status.lost_state
    # What it wrote goes before what an older run may have left, but for the savepoint of a stop.
    older = lost.job_id != run and (lost.passed_over or (lost.given_up and not lost.asked_at))
    if lost.job_id and not older:
        return status
    if status.savepoint_trigger_id and status.savepoint_directory:
        asked_at = status.savepoint_request_timestamp
        return status.but(lost_state=LostState(run, status.savepoint_directory, asked_at, newer=True))
    makes_none = status.ready_at and not own and not status.forgotten_checkpoint
    folder = next(filter(None, map(_folder, own)), _configured(status, run))
    if not folder or makes_none:
        return status
    return status.but(lost_state=LostState(run, folder, newer=True))


def _configured(status: JobStatus, run: str) -> str:
    folder = status.checkpoint_directory
    return folder if run and folder.endswith(f"/{run}") else ""


def _folder(point: RecoveryPoint) -> str:
    """Of the checkpoints of its run, '' where that is not known or, with execution.checkpointing.create-subdir: false,
    all jobs write to one place."""
    folder = point.path.rpartition("/chk-")[0]
    return folder if point.job_id and folder.endswith(f"/{point.job_id}") else ""


def same_path(one: str, other: str) -> bool:
    """Flink writes file:/x for file:///x and for /x, and the folder for the _metadata in it."""

    def plain(path: str) -> str:
        return re.sub(r"/+", "/", path).removeprefix("file:").removesuffix("/_metadata").rstrip("/")

    return plain(one) == plain(other)


def is_missing(path: str, text: str) -> bool:
    """Does Flink's message say that the files of this recovery point are not there? Anything else (a JAR or an input of
    the job that is gone) is not repaired by an older state, which would only be lost work."""
    gone = any(words in text for words in ("FileNotFoundException", "does not exist", "Cannot find checkpoint"))
    folder = (path.partition(":")[2] or path).strip("/")
    # What an incremental checkpoint shares with others is beside it.
    return gone and (folder.rpartition("/chk-")[0] or folder) in text
