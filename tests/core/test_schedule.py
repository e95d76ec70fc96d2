"""When periodic savepoints are due: slots, jitter, what is left out and what is made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core import schedule

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UID = "6f1c"


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def due(interval: int = 0, cron: str = "", *, last: float = 0, ended: float | None = None, ready: float = -60) -> float:
    """Minutes after noon, without the jitter."""
    end = None if ended is None else minutes(ended)
    moment = schedule.due(interval, cron, UID, last=minutes(last), ended=end, ready=minutes(ready))
    assert moment is not None
    return (moment - NOON) // timedelta(minutes=1)


def test_nothing_periodic_is_never_due():
    assert schedule.due(0, "", UID, last=NOON, ended=None, ready=NOON) is None


@pytest.mark.parametrize(
    ("interval", "cron", "last", "slot"),
    [
        (600, "", 0, 10),
        (0, "*/15 * * * *", 0, 15),
        (0, "0 3 * * *", 0, 15 * 60),
        (0, "0 3 * * mon", 0, 15 * 60),  # 1 March 2026 is a Sunday
        (0, "*/15 * * * *", 14.9, 15),
        (600, "*/15 * * * *", 0, 10),
        (600, "*/15 * * * *", 10, 15),
    ],
)
def test_the_next_slot(interval, cron, last, slot):
    assert due(interval, cron, last=last) == slot


@pytest.mark.parametrize(("interval", "cron"), [(600, ""), (0, "*/10 * * * *")])
def test_slots_that_passed_while_a_savepoint_was_on_its_way_are_left_out(interval, cron):
    assert due(interval, cron, ended=9) == 10
    assert due(interval, cron, ended=10) == due(interval, cron, ended=19) == 20


@pytest.mark.parametrize(("interval", "cron"), [(600, ""), (0, "*/10 * * * *")])
def test_after_a_down_time_one_is_taken_when_the_job_is_ready(interval, cron):
    assert due(interval, cron, ready=65) == 65
    assert due(interval, cron, last=66, ready=65) in (70, 76)


@pytest.mark.parametrize(
    ("period", "most"), [(timedelta(seconds=100), timedelta(seconds=10)), (timedelta(days=1), timedelta(minutes=1))]
)
def test_jitter_is_bounded_spread_and_always_the_same(period, most):
    found = [schedule.jitter(f"uid-{number}", period) for number in range(100)]
    assert found == [schedule.jitter(f"uid-{number}", period) for number in range(100)]
    assert all(timedelta(0) <= each < most for each in found)
    assert max(found) - min(found) > 0.8 * most
    assert len(set(found)) == 100


@pytest.mark.parametrize("cron", ["", "* * * *", "60 * * * *", "*/0 * * * *", "a b c d e", "0 0 31 2 *", "0 0 0 0 0 0"])
def test_a_wrong_expression_is_told(cron):
    assert schedule.problem(cron)


@pytest.mark.parametrize("cron", ["0 3 * * *", "*/15 8-18 * * mon-fri", "0 0 29 2 *", "5,35 * 1 jan *"])
def test_a_right_one_is_not(cron):
    assert schedule.problem(cron) == ""
