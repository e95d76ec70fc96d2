"""Periodic savepoints in a job's life."""

from __future__ import annotations

from typing import Any

import pytest

from core import conditions
from core.job_status import SAVEPOINT

from . import fakes


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


PERIODIC = [{"savepointInterval": 120}, {"savepointSchedule": "*/2 * * * *"}]


@pytest.mark.parametrize("period", PERIODIC)
def test_a_directory_that_cannot_be_written_is_told_and_tried_at_the_next_period(ready, period):
    edit(ready, **period)
    ready.flink.readonly = True
    assert taken(ready, 5) == 2
    assert ready.conditions["Ready"] and ready.conditions["Degraded"] == "SavepointFailed"
    assert ready.kube.events.count("SavepointFailed") == 2
    assert len(ready.flink.history) == len(ready.alive) == 1
    ready.flink.readonly = False
    assert taken(ready, 2.5) == 1
    assert "Degraded" not in ready.conditions


# ---- the history ---------------------------------------------------------------------------------------------------


def savepoint(stage: Any) -> str:
    before = stage.status.savepoint_path
    stage.annotate("TRIGGER_SAVEPOINT")
    stage.play(lambda: not stage.asked and stage.status.savepoint_path != before)
    return str(stage.status.savepoint_path)


def known(stage: Any) -> list[str]:
    return [point.path for point in stage.status.recovery_points if point.type == SAVEPOINT]


def on_disk(stage: Any) -> list[str]:
    return [path for path in stage.flink.disk if "savepoint" in path]


def settled(stage: Any) -> None:
    stage.settle(10)
    assert not stage.status.disposing.path


@pytest.mark.parametrize(("cleanup", "left"), [("Keep", [1, 2, 3, 4]), ("Dispose", [3, 4])])
def test_only_with_dispose_are_files_deleted(ready, cleanup, left):
    edit(ready, historyLimit=2, cleanup=cleanup)
    taken = [savepoint(ready) for _ in range(4)]
    settled(ready)
    assert on_disk(ready) == [taken[number - 1] for number in left]
    assert ready.kube.events.count("SavepointDisposed") == 4 - len(left)
    assert ready.flink.history[-1].alive


@pytest.mark.parametrize(("cleanup", "left"), [("Keep", 2), ("Dispose", 1)])
def test_by_age_the_newest_one_stays(ready, cleanup, left):
    edit(ready, historyMaxAge=60, cleanup=cleanup)
    taken = [savepoint(ready) for _ in range(2)]
    ready.settle(90)
    assert known(ready) == taken[1:]
    assert len(on_disk(ready)) == left


def test_what_the_job_was_started_from_and_what_others_took_stay(ready):
    edit(ready, historyLimit=1, cleanup="Dispose")
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.annotate("START")
    ready.play(ready.is_ready)
    start = ready.flink.history[-1].restored
    ready.flink.savepoint(ready.status.job_id, trigger_id="another's")
    ready.settle(10)
    (other,) = [path for path in on_disk(ready) if path != start]
    taken = [savepoint(ready) for _ in range(3)]
    settled(ready)
    assert on_disk(ready) == [start, other, taken[-1]]


def test_a_disposal_that_fails_is_told_once_and_left_alone(ready):
    edit(ready, historyLimit=1, cleanup="Dispose")
    taken = [savepoint(ready) for _ in range(2)]
    ready.flink.readonly = True
    settled(ready)
    assert ready.kube.events.count("SavepointNotDisposed") == ready.knife.seen.count("flink dispose") == 1
    assert on_disk(ready) == taken
    assert known(ready) == taken[1:]


def test_while_it_is_not_ready_nothing_is_disposed_of(ready):
    edit(ready, cleanup="Dispose")
    taken = [savepoint(ready) for _ in range(3)]
    ready.flink.history[-1].status = "RESTARTING"
    edit(ready, historyLimit=1)
    ready.settle(60)
    assert on_disk(ready) == taken
    ready.flink.history[-1].status = "RUNNING"
    settled(ready)
    assert on_disk(ready) == taken[2:]


# ---- claimed savepoints --------------------------------------------------------------------------------------------


def test_a_claimed_savepoint_is_flinks_to_delete_not_ours(ready):
    edit(ready, historyLimit=1, cleanup="Dispose", claimMode="CLAIM")
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    claimed = ready.status.savepoint_path
    assert [point.ours for point in ready.status.recovery_points] == [True]
    ready.annotate("START")
    ready.play(ready.is_ready)
    assert (ready.status.restore_path, ready.status.claim_mode) == (claimed, "CLAIM")
    assert not any(point.ours for point in ready.status.recovery_points)
    edit(ready, claimMode="NO_CLAIM")
    savepoint(ready)
    ready.annotate("START")
    ready.play(ready.is_ready)
    savepoint(ready)
    settled(ready)
    assert claimed in on_disk(ready) and claimed not in known(ready)


def test_a_claimed_savepoint_that_vanished_is_passed_over(ready):
    edit(ready, claimMode="CLAIM")
    before = savepoint(ready)
    for action, phase in (("STOP", "Stopped"), ("START", "Started")):
        ready.annotate(action)
        ready.play(lambda phase=phase: ready.is_in(phase))
    ready.play(ready.is_ready)
    claimed = ready.flink.history[-1].restored
    ready.flink.disk = {before: ready.flink.disk[before]}
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert claimed != before == ready.flink.history[-1].restored


def test_each_request_is_a_savepoint_of_its_own_however_soon_it_follows(ready, monkeypatch):
    monkeypatch.setattr(fakes, "TAKES", 0.05)
    for number in range(1, 5):
        ready.annotate("TRIGGER_SAVEPOINT")
        for _ in range(3):
            ready.lane.step(fakes.copied(ready.job), ready.around())
            ready.wait(0.06)
        assert ready.status.savepoint_path == f"s3://s/savepoint-{number}"


def test_one_that_failed_for_an_edit_is_over_when_the_edit_is_taken_back(ready):
    ready.settle(5)
    before = ready.job["spec"]["bootstrap"]
    ready.flink.readonly = True
    ready.edit(bootstrap={**before, "image": "img:2"})
    ready.play(lambda: ready.status.failure.startswith("SavepointFailed"))
    ready.flink.readonly = False
    ready.edit(bootstrap=before)
    ready.settle(120)
    assert "Degraded" not in ready.conditions
    assert (ready.status.failure, ready.status.retry_at) == ("", "")
