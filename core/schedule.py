"""When periodic savepoints are due: by interval, by cron expression (five fields, UTC), or both. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from core import canonical

JITTER = 0.1  # of the period
MOST_JITTER = timedelta(seconds=60)
FIELDS = "minute, hour, day of month, month, day of week"


@lru_cache(maxsize=1024)
def problem(expression: str) -> str:
    """What is wrong with a cron expression, '' for nothing."""
    from croniter import CroniterBadDateError, CroniterError, croniter

    if len(expression.split()) != 5:
        return f"must have five fields: {FIELDS}"
    try:
        croniter(expression, datetime(2024, 1, 1)).get_next()
    except CroniterBadDateError:
        return "no date ever matches"
    except (CroniterError, ValueError) as error:
        return str(error)
    return ""


def due(
    interval: int, cron: str, uid: str, *, last: datetime, ended: datetime | None, ready: datetime
) -> datetime | None:
    """When the next periodic savepoint is due; None for never.

    `last` is when one was asked for, `ended` when it was done or had failed: what fell due in between is left out, not
    made up for. What fell due before the job was `ready` becomes one. Jitter comes on top.
    """
    busy_until = max(last, ended or last)
    periods = [_by_interval(timedelta(seconds=interval), last, busy_until)] if interval > 0 else []
    periods += [_by_cron(cron, busy_until)] if cron else []
    return min((max(slot, ready) + jitter(uid, period) for slot, period in periods), default=None)


def jitter(uid: str, period: timedelta) -> timedelta:
    """At most a tenth of the period and a minute, the same each time, so that many jobs do not begin at once."""
    share = int(canonical.digest(["jitter", uid], 8), 16) / 16**8
    return share * min(JITTER * period, MOST_JITTER)


def _by_interval(interval: timedelta, last: datetime, busy_until: datetime) -> tuple[datetime, timedelta]:
    return last + ((busy_until - last) // interval + 1) * interval, interval


def _by_cron(expression: str, after: datetime) -> tuple[datetime, timedelta]:
    slots = _slots(expression, after)
    slot = next(slots)
    return slot, next(slots) - slot


def _slots(expression: str, after: datetime) -> Iterator[datetime]:
    from croniter import croniter

    return iter(croniter(expression, after, ret_type=datetime))
