"""A whole life of a job, undisturbed and disturbed at every call that has an effect: the end is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Outcome:
    """What must be the same, however often a supervisor died on the way."""

    phase: str
    attempt: int
    deliveries: int
    failures: int
    alive: tuple[str, ...]
    runs: tuple[tuple[str, int, str], ...]  # id, parallelism, how it ended
    savepoints: int
    newest: str


def outcome(stage: Any) -> Outcome:
    status, flink = stage.status, stage.flink
    return Outcome(
        phase=str(status.supervisor_status),
        attempt=status.attempt,
        deliveries=status.delivery.number,
        failures=status.failures,
        alive=tuple(stage.alive),
        runs=tuple((run.id, run.parallelism, run.status) for run in flink.history),
        savepoints=flink.savepoints,
        newest=status.savepoint_path,
    )


def restored_work(stage: Any, before: float) -> None:
    """The run that is there began no earlier than where the newest known recovery point was."""
    run = stage.flink.history[-1]
    assert run.restored
    assert stage.flink.disk[run.restored] >= before


def newest_known(stage: Any) -> float:
    return max((stage.flink.disk[point.path] for point in stage.status.recovery_points), default=0.0)


def whole_life(stage: Any) -> Any:
    """Start, savepoint, stop, start, another parallelism, a dead JobManager, deletion; checked at each station."""
    stage.play(stage.is_ready)
    stage.annotate("TRIGGER_SAVEPOINT")
    stage.play(lambda: stage.status.savepoint_path and not stage.status.savepoint_trigger_id and not stage.asked)
    assert stage.flink.savepoints == 1

    stage.annotate("STOP")
    stage.play(lambda: stage.is_in("Stopped"))
    assert (stage.alive, stage.flink.savepoints) == ([], 2)
    assert stage.status.recovery_points[0].path == stage.status.savepoint_path == "s3://s/savepoint-2"
    stage.settle()
    assert stage.is_in("Stopped")

    stopped_at = newest_known(stage)
    stage.annotate("START")
    stage.play(stage.is_ready)
    restored_work(stage, stopped_at)

    stage.edit(jobParallelism=2)
    stage.play(lambda: stage.is_ready(parallelism=2))
    assert stage.flink.savepoints == 3

    stage.settle(25)
    known = newest_known(stage)
    stage.lose_jobmanager()
    stage.play(lambda: stage.is_ready(parallelism=2))
    restored_work(stage, known)

    stage.delete()
    stage.play(lambda: stage.is_in("Terminated"))
    assert not stage.alive
    assert not stage.status.holds_cluster
    assert stage.flink.most_at_once == 1
    return stage


@pytest.fixture(scope="module")
def undisturbed() -> Callable[[Any], Any]:
    """A life without trouble, lived once."""
    lived: list[Any] = []

    def live(make: Any) -> Any:
        if not lived:
            lived.append(whole_life(make()))
        return lived[0]

    return live


def test_a_life_without_trouble(stage, undisturbed):
    life = undisturbed(stage)
    assert outcome(life).attempt == 4
    assert life.flink.savepoints == 3
    assert [run.status for run in life.flink.history] == ["FINISHED", "FINISHED", "RUNNING", "CANCELED"]
    assert life.kube.events == [
        "JobStarted",
        "SavepointCompleted",
        "JobStopped",
        "JobStarted",
        "JobRestarting",
        "JobStarted",
        "JobLost",
        "JobStarted",
        "JobStopped",
    ]


def disturbed(make: Any, calls: range, **how: Any) -> list[tuple[str, Any]]:
    """A life for each call, with trouble at that one; the call's name and the stage afterwards."""
    lives = []
    for number in calls:
        stage = make()
        stage.knife.at = number
        for name, value in how.items():
            setattr(stage.knife, name, value)
        try:
            whole_life(stage)
        except AssertionError as error:
            seen = stage.knife.seen
            raise AssertionError(f"trouble at call {number} ({seen[number] if len(seen) > number else '-'})") from error
        lives.append((stage.knife.seen[number], stage))
    return lives


STATUS = pytest.param("kube status", marks=pytest.mark.slow)  # there are many
PARTS = 4  # so that several workers share the lives


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call(stage, undisturbed, killed, when, part):
    """The next supervisor finds what was intended in the status, and in Flink whether it happened."""
    calm = undisturbed(stage)
    for call, life in disturbed(stage, range(part, len(calm.knife.seen), PARTS), when=when, do=killed):
        assert life.kills == 1
        assert outcome(life) == outcome(calm), call


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("only", ["flink", STATUS, "kube patch"])
def test_no_answer_at_any_call(stage, undisturbed, unknown, when, only):
    """Neither whether it happened (after) nor whether it did not (before) can be told from the silence."""
    calm = undisturbed(stage)
    calls = range(sum(name.startswith(only) for name in calm.knife.seen))
    for call, life in disturbed(stage, calls, when=when, do=unknown, only=only):
        assert outcome(life) == outcome(calm), call


@pytest.mark.parametrize("only", [STATUS, "kube patch"])
def test_a_conflict_at_any_write(stage, undisturbed, conflict, only):
    calm = undisturbed(stage)
    calls = range(sum(name.startswith(only) for name in calm.knife.seen))
    for call, life in disturbed(stage, calls, when="before", do=conflict, only=only):
        assert outcome(life) == outcome(calm), call
