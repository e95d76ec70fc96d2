"""Old savepoints are disposed of, with trouble at every call that has an effect: the same ones are left, whole."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from clients.flink import Unknown
from clients.kube import Conflict, Unreachable
from core.job_status import SAVEPOINT

from .fakes import Killed

KEPT = 2


def limited(stage: Any, limit: int) -> None:
    stage.edit(savepoint={**stage.job["spec"]["savepoint"], "historyLimit": limit, "cleanup": "Dispose"})


def path(number: int) -> str:
    return f"s3://s/savepoint-{number}"


def known(stage: Any) -> list[str]:
    return [point.path for point in stage.status.recovery_points if point.type == SAVEPOINT]


def on_disk(stage: Any) -> list[str]:
    return [path for path in reversed(stage.flink.disk) if "savepoint" in path]


@pytest.fixture
def crowded(stage: Callable[[], Any]) -> Callable[[], Any]:
    """A job that runs from the first of five savepoints; the limit says now that it keeps two."""
    lived = stage()
    limited(lived, 9)
    lived.play(lived.is_ready)
    for action, phase in (("STOP", "Stopped"), ("START", "Started")):
        lived.annotate(action)
        lived.play(lambda phase=phase: lived.is_in(phase))
    lived.play(lived.is_ready)
    for number in range(2, 6):
        lived.annotate("TRIGGER_SAVEPOINT")
        lived.play(lambda number=number: not lived.asked and lived.status.savepoint_path == path(number))
    lived.settle(12)
    assert known(lived) == on_disk(lived) == [path(number) for number in (5, 4, 3, 2, 1)]

    def make() -> Any:
        made = copy.deepcopy(lived)
        made.knife.seen.clear()
        limited(made, KEPT)
        return made

    return make


def sound(stage: Any) -> None:
    """What is known is whole, the newest and the one in use among it; what is whole is known, or about to go."""
    whole = [path for path in on_disk(stage) if path not in stage.flink.half_gone]
    assert set(known(stage)) <= set(whole)
    assert path(5) in known(stage)
    assert stage.flink.history[-1].restored in [point.path for point in stage.status.recovery_points]
    assert set(whole) - set(known(stage)) <= {stage.status.disposing.path}


def left(stage: Any) -> list[str]:
    """Another start is from a checkpoint: the first savepoint is not in use any more."""
    in_use = stage.flink.history[-1].restored
    return [path(number) for number in (5, 4, 1) if number > 1 or path(number) == in_use]


def tidied(stage: Any) -> Any:
    """Until nothing is left to do, sound at each step."""

    def done() -> bool:
        sound(stage)
        return bool(stage.is_ready() and not stage.status.disposing.path and known(stage) == left(stage))

    stage.play(done)
    stage.settle(12)
    stage.play(done)
    return stage


def test_undisturbed(crowded):
    stage = tidied(crowded())
    assert known(stage) == on_disk(stage) == [path(5), path(4), path(1)]
    assert stage.kube.events[-2:] == ["SavepointDisposed", "SavepointDisposed"]


def kill(stage: Any, where: str) -> None:
    raise Killed(where)


def silence(stage: Any, where: str) -> None:
    raise Unknown(where) if where.startswith("flink") else Unreachable(where, sent=True)


def conflict(stage: Any, where: str) -> None:
    if where.startswith("kube"):
        raise Conflict(409, "Conflict", where)


def lose_jobmanager(stage: Any, where: str) -> None:
    stage.lose_jobmanager()
    if where.startswith("flink"):
        raise Unknown(where)


def lose_both(stage: Any, where: str) -> None:
    stage.lose_jobmanager()
    raise Killed(where)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "trouble", [kill, silence, conflict, lose_jobmanager, lose_both], ids=lambda trouble: trouble.__name__
)
def test_trouble_at_any_call(crowded, trouble, when):
    calls = tidied(crowded()).knife.seen
    assert calls.count("flink dispose") == 2
    for number, call in enumerate(calls):
        stage = crowded()
        stage.knife.at, stage.knife.when, stage.knife.do = number, when, partial(trouble, stage)
        tidied(stage)
        assert on_disk(stage) == left(stage), call
        assert len(stage.flink.history) == 2 + (trouble in (lose_jobmanager, lose_both)), call
        assert "SavepointNotDisposed" not in stage.kube.events, call
        assert not stage.status.failure, call
