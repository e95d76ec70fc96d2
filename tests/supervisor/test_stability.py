"""A job that runs and does not get on: when that is said, when not, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clients.flink import Checkpoints
from core.job_status import RecoveryPoint, Stability
from core.states import Phase, StoppedBy
from supervisor.decide import decide
from supervisor.world import Sight

POLICY = {"restart.restartPolicy": "Always", "restart.unhealthyPolicy": "Restart"}
LOOPS = "RestartLoop: Flink restarted its tasks 6 times in 60s"
STUCK = "NoCheckpoint: its tasks run, and none was completed for 10m"


def degraded(status):
    found = next(item for item in status.conditions if item["type"] == "Degraded")
    return found["reason"] if found["status"] == "True" else ""


@pytest.fixture
def since(moment):
    """Counters as they were so many seconds ago: 10 restarts, and checkpoint 7."""

    def make(seconds, **changes):
        at = moment(-seconds)
        return replace(Stability(10, at, 7, at), **changes)

    return make


# ---- restarts ------------------------------------------------------------------------------------------------------

# restarts now, seconds since there were 10, trouble so far -> is it in trouble?
RESTARTS = {
    "none": (10, 60, "", False),
    "some": (15, 60, "", False),
    "too many": (16, 60, "", True),
    "still": (17, 60, LOOPS, True),
    "not any more, but the window is not over": (10, 60, LOOPS, True),
    "a calm window": (12, 600, LOOPS, False),
    "a window with nothing at all": (10, 600, LOOPS, False),
    "the next window is no better": (40, 600, LOOPS, True),
    "nobody looked for longer than a window: when were they?": (40, 6000, "", False),
    "counted anew": (3, 60, LOOPS, False),
    "unknown": (None, 60, "", False),
    "unknown, and in trouble": (None, 6000, LOOPS, True),
}


@pytest.mark.parametrize(("count", "seconds", "trouble", "found"), RESTARTS.values(), ids=RESTARTS)
def test_restarts_by_flink(world, since, moment, count, seconds, trouble, found):
    stability = since(seconds, trouble=trouble, checkpoint_at=moment(-1))
    before = world("ready", flink=("runs", {"restarts": count}), stability=stability)
    decision = decide(before)
    assert bool(decision.status.stability.trouble) == found
    assert degraded(decision.status) == ("RestartLoop" if found else "")
    assert [event.reason for event in decision.events] == (["RestartLoop"] if found and not trouble else [])
    assert decision.status.supervisor_status == Phase.STARTED


def test_the_last_cause_is_told(world, since):
    flink = ("restarting", {"restarts": 16, "exception": "IOException: password=x"})
    decision = decide(world("ready", flink=flink, stability=since(60)))
    assert decision.status.stability.trouble == f"{LOOPS}; the last: IOException: password=***"
    assert decision.events[0].message == "Flink restarted its tasks 6 times in 60s; the last: IOException: password=***"


# ---- checkpoints ---------------------------------------------------------------------------------------------------


def flink(world_flink="runs", **changes):
    return world_flink, changes


# flink, seconds since checkpoint 7 -> is it in trouble?
CHECKPOINTS = {
    "in time": (flink(), 599, False),
    "none": (flink(), 600, True),
    "five intervals are longer": (flink(checkpointing=300.0), 1499, False),
    "and over": (flink(checkpointing=300.0), 1500, True),
    "no checkpointing": (flink("stateless"), 6000, False),
    "unknown whether": (flink(checkpointing=None), 6000, False),
    "its tasks do not run": (flink(tasks_run=False), 6000, False),
    "silent": (flink("silent"), 6000, False),
    "silent, whatever was known": (flink(sight=Sight.UNKNOWN, restarts=99), 6000, False),
    "not asked": (flink("not asked"), 6000, False),
}


@pytest.mark.parametrize(("seen", "seconds", "found"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_no_checkpoint(world, since, seen, seconds, found):
    decision = decide(world("ready", flink=seen, stability=since(seconds)))
    assert bool(decision.status.stability.trouble) == found
    assert degraded(decision.status) == ("NoCheckpoint" if found else "")
    assert [event.reason for event in decision.events] == (["NoCheckpoint"] if found else [])


def test_the_next_checkpoint_mends_it(world, since, taken, moment):
    newer = Checkpoints(completed=2, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    status = decide(world("ready", flink=flink(checkpoints=newer), stability=since(900, trouble=STUCK))).status
    assert status.stability == Stability(10, moment(-900), 8, moment(0))
    assert degraded(status) == ""


def test_the_time_counts_anew_when_its_tasks_run_again(world, since, moment):
    down = decide(world("ready", flink=flink(tasks_run=False), stability=since(500))).status
    assert down.stability.checkpoint_at == ""
    up = decide(replace(world("ready", flink="runs"), status=down)).status
    assert (up.stability.checkpoint_at, up.stability.trouble) == (moment(0), "")


# ---- what it costs -------------------------------------------------------------------------------------------------


def test_a_calm_job_writes_nothing(world, since):
    before = world("ready", flink=flink(restarts=10), stability=since(500, restarts_at="2026-01-01T00:00:00Z"))
    first = decide(before).status
    assert first.stability == before.status.stability
    assert decide(replace(before, status=first, now=before.now + timedelta(seconds=60))).status == first


@pytest.mark.parametrize(("seconds", "written"), [(149, False), (150, True)])
def test_checkpoints_that_come_are_written_now_and_then(world, since, taken, seconds, written):
    newer = Checkpoints(completed=2, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    status = decide(world("ready", flink=flink(checkpoints=newer), stability=since(seconds))).status
    assert (status.stability.checkpoint == 8) == written


# ---- a new run -----------------------------------------------------------------------------------------------------


def test_reported_only(world, since):
    assert decide(world("ready", flink="runs", stability=since(60, trouble=LOOPS))).action is None


def test_restarted_from_its_newest_checkpoint_after_a_delay(world, since, taken, moment):
    newer = Checkpoints(completed=2, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    before = world("ready", flink=flink(restarts=16), job=POLICY, stability=since(60), failures=1)
    stopping = decide(before)
    stop = stopping.status.stop
    assert (stopping.status.supervisor_status, stop.stopped_by, stop.savepoint) == ("Stopping", "Supervisor", False)
    assert [event.reason for event in stopping.events] == ["RestartLoop"]
    over = world("ready", flink=("canceled", {"checkpoints": newer})).flink
    status = decide(replace(before, status=stopping.status, flink=over)).status
    assert (status.supervisor_status, status.stopped_by, status.holds_cluster) == ("Stopped", StoppedBy.FLINK, False)
    assert status.recovery_points[0].path == "s3://ckp/4f7a/chk-8"
    assert (status.failure, status.failures, status.retry_at) == (LOOPS, 2, moment(120))
    assert status.stability == Stability()
    waits = decide(replace(before, status=status, flink=world("stopped").flink))
    assert (waits.status.supervisor_status, waits.delay) == (Phase.STOPPED, 120)
    later = replace(before, status=status, flink=world("stopped").flink, now=before.now + timedelta(seconds=120))
    assert decide(later).status.supervisor_status == Phase.STARTING


def test_a_missing_file_in_its_last_exception_makes_no_recovery_point_unreadable(world, since, known):
    """It ran from there: an older one would only be lost work."""
    text = "RestartLoop: 6 times; the last: FileNotFoundException: s3://ckp/4f7a/chk-7"
    points = (known("s3://ckp/4f7a/chk-7"), RecoveryPoint("s3://s/older"))
    before = world("ready", job=POLICY, flink="runs", stability=since(60, trouble=text), recovery_points=points)
    before = replace(before, status=before.status.but(restore_path=points[0].path))
    status = decide(replace(before, status=decide(before).status, flink=world("ready", flink="canceled").flink)).status
    assert (status.supervisor_status, status.unreadable) == (Phase.STOPPED, ())


KEPT_RUNNING = {
    "it would not come back": ({"restart.unhealthyPolicy": "Restart"}, {}, {}),
    "its savepoint is on its way": (POLICY, {"savepoint_trigger_id": "x"}, {}),
    "no way back": (POLICY, {"recovery_points": ()}, {"checkpoints": Checkpoints()}),
    "checkpoints only in the JobManager": (POLICY, {}, {"checkpoints": "memory"}),
    "its start would wait for a person": (
        {**POLICY, "savepoint.maxStateAge": 1},
        {"recovery_points": (RecoveryPoint("s3://ckp/4f7a/chk-7", timestamp="2026-03-01T11:59:58Z"),)},
        {},
    ),
    "checkpoints that go with the run": (
        {**POLICY, "flinkConfiguration": {"execution.checkpointing.externalized-checkpoint-retention": "NO"}},
        {},
        {},
    ),
}


@pytest.mark.parametrize(("job", "changes", "seen"), KEPT_RUNNING.values(), ids=KEPT_RUNNING)
def test_no_run_is_ended_that_could_not_come_back_with_all_it_has(world, since, taken, job, changes, seen):
    if seen.get("checkpoints") == "memory":
        seen = {"checkpoints": Checkpoints(completed=1, latest_completed=taken(None, id=7))}
    before = world("ready", flink=("runs", seen), job=job, stability=since(60, trouble=LOOPS), **changes)
    same = before.status.digest | {"bootstrap": before.job.bootstrap_digest}
    run = replace(before.status.delivery, flink_configuration=before.job.flink_configuration)
    status = decide(replace(before, status=before.status.but(digest=same, delivery=run))).status
    assert (status.supervisor_status, status.stability.trouble) == (Phase.STARTED, LOOPS)


@pytest.mark.parametrize(("ready_for", "failures"), [(599, 3), (600, 0)])
def test_failures_are_counted_until_a_new_run_has_done_well_for_a_window(world, moment, since, ready_for, failures):
    calm = since(1, restarts_at=moment(-1))
    before = world(
        "ready", flink=flink(restarts=10), job=POLICY, failures=3, ready_at=moment(-ready_for), stability=calm
    )
    assert decide(before).status.failures == failures
