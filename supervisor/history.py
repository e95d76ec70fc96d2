"""The savepoints that fall out of the history: forgotten, or ours disposed of through Flink if the spec says so. Pure.

Only while the job runs and is ready, one at a time, and never one that a start may need. The point leaves the history
before Flink is asked, so that no start tries what is half gone. What fails is told and left alone.
"""

from __future__ import annotations

from datetime import timedelta

from core import times
from core.job_status import SAVEPOINT, Disposal, RecoveryPoint
from core.states import Cleanup
from supervisor import recovery, steps
from supervisor.decision import Decision, DisposeSavepoint, Event
from supervisor.world import World

PATIENCE = timedelta(minutes=5)  # as long as Flink keeps a result


def tidied(world: World) -> Decision | None:
    if not world.status.ready_at or not world.flink.tasks_run:
        return None
    if world.status.disposing.path:
        return _on_its_way(world)
    outdated = superfluous(world)
    if not outdated:
        return None
    ours = [point for point in outdated if point.ours and world.job.savepoint.cleanup == Cleanup.DISPOSE]
    forgotten = [point for point in outdated if point not in ours]
    if forgotten:
        return steps.same(world, "forgetting old savepoints", recovery_points=_without(world, forgotten))
    return _dispose(world, ours[-1])


def superfluous(world: World) -> list[RecoveryPoint]:
    """The savepoints behind the limits, newest first, without those that a start may need."""
    status, wanted = world.status, world.job.savepoint
    savepoints = [point for point in status.recovery_points if point.type == SAVEPOINT]
    # Another's, or one that Flink was given, may vanish: then the newest of ours is the way back.
    newest = [*status.recovery_points[:1], *savepoints[:1], *[point for point in savepoints if point.ours][:1]]
    used = (status.restore_path, status.restored_path, status.savepoint_path, wanted.initial_path, *status.unreadable)
    return [
        point
        for place, point in enumerate(savepoints)
        if (place >= wanted.history_limit or _too_old(world, point))
        and point not in newest
        and not any(recovery.same_path(point.path, path) for path in used)
    ]


def _too_old(world: World, point: RecoveryPoint) -> bool:
    age, since = world.job.savepoint.history_max_age, times.from_text(point.timestamp)
    return age > 0 and since is not None and world.now - since > timedelta(seconds=age)


def _without(world: World, points: list[RecoveryPoint]) -> tuple[RecoveryPoint, ...]:
    return tuple(point for point in world.status.recovery_points if point not in points)


def _dispose(world: World, point: RecoveryPoint) -> Decision:
    decision = steps.same(
        world,
        f"disposing of the old savepoint {point.path}",
        recovery_points=_without(world, [point]),
        disposing=Disposal(path=point.path, requested_at=times.to_text(world.now)),
    )
    return steps.act(decision, DisposeSavepoint(point.path))


def accepted(world: World, request_id: str) -> Decision:
    """Flink chooses this id itself; should it be lost, a second request finds the savepoint gone."""
    disposing = world.status.disposing.but(request_id=request_id)
    return steps.same(world, world.status.message, disposing=disposing)


def _on_its_way(world: World) -> Decision | None:
    disposing, operation = world.status.disposing, world.flink.disposal
    if operation and operation.state == "FAILED" and not recovery.is_missing(disposing.path, operation.failure or ""):
        return failed(world, operation.failure or "Flink does not say why")
    if operation and operation.state != "IN_PROGRESS":
        why = f"disposed of the old savepoint {disposing.path}"
        decision = steps.same(world, why, disposing=Disposal())
        return Decision(decision.status, why, decision.delay, events=(Event("SavepointDisposed", why),))
    asked = times.from_text(disposing.requested_at)
    if asked is None or world.now - asked > PATIENCE:
        return failed(world, "Flink does not say what became of it")
    if operation:
        return None
    decision = steps.same(world, f"disposing of the old savepoint {disposing.path}")
    return steps.act(decision, DisposeSavepoint(disposing.path))


def failed(world: World, text: str) -> Decision:
    """Told once; the files are the user's to look at."""
    why = f"the old savepoint {world.status.disposing.path} was not disposed of: {text}"
    decision = steps.same(world, why, disposing=Disposal())
    return Decision(decision.status, why, decision.delay, events=(Event("SavepointNotDisposed", why),))
