"""Periodic savepoints in a job's life."""

from __future__ import annotations

from typing import Any

from core import conditions


def edit(stage: Any, **savepoint: Any) -> None:
    stage.edit(savepoint={**stage.job["spec"]["savepoint"], **savepoint})


def taken(stage: Any, minutes: float) -> int:
    """How many savepoints Flink was asked for in that time."""
    before = stage.knife.seen.count("flink savepoint")
    end = stage.clock.now.timestamp() + 60 * minutes
    stage.play(lambda: stage.clock.now.timestamp() >= end, steps=1000)
    return int(stage.knife.seen.count("flink savepoint") - before)


def test_one_savepoint_each_two_minutes_by_the_clock(ready):
    edit(ready, savepointSchedule="*/2 * * * *")
    assert taken(ready, 4) == 2


def test_a_wrong_schedule_is_an_invalid_spec_and_the_job_goes_on(ready):
    edit(ready, savepointSchedule="61 * * * *")
    ready.step()
    told = conditions.find(ready.status.conditions, conditions.STALLED)
    assert (told["reason"], len(ready.alive)) == ("InvalidSpec", 1)
    assert 'spec.savepoint.savepointSchedule: Invalid value: "61 * * * *"' in told["message"]
    edit(ready, savepointSchedule="1 * * * *")
    ready.step()
    assert "Stalled" not in ready.conditions
