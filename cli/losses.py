"""What a deletion costs the jobs: who is cancelled without a savepoint, who is made again without its state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli import kinds, verdicts
from core import job as jobs
from core import names

Object = Mapping[str, Any]


def of_deletion(items: Sequence[Object], below: Sequence[Object]) -> list[str]:
    """A sentence for each; `below` are the clusters and jobs that go with the items."""
    again = [f"{kinds.title_of(item)} {_again(item)}" for item in items if owner(item)]
    return again + [f"{kinds.title_of(job)} {_cancelled(job)}" for job in (*items, *below) if _is_cancelled(job)]


def is_forgotten(item: Object) -> bool:
    """A job that has a state, and is made again without it."""
    return item["kind"] == names.JOB and bool(owner(item)) and verdicts.had_state(item)


def owner(item: Object) -> str:
    """What makes it again."""
    found = controller(item)
    return f"{found['kind']} {found['name']}" if found and not item["metadata"].get("deletionTimestamp") else ""


def controller(item: Object) -> Mapping[str, Any]:
    owners: list[Mapping[str, Any]] = item["metadata"].get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), {})


def _again(item: Object) -> str:
    """The new one has another status: it knows of no savepoint."""
    told = "" if _is_cancelled(item) else _and_newest(item)  # else told there
    if item["kind"] != names.JOB:
        return f"belongs to {owner(item)}, which makes it again"
    first = jobs.read(item).savepoint.initial_path
    begins = f"it begins with {first}, its savepointPath" if first else "it begins empty"
    return f"belongs to {owner(item)}, which makes it again: {begins}{told}"


def _is_cancelled(item: Object) -> bool:
    runs = item["kind"] == names.JOB and verdicts.status_of(item).get("clusterRevision")
    return bool(runs) and not item["metadata"].get("deletionTimestamp") and not jobs.read(item).savepoint.on_delete


def _cancelled(job: Object) -> str:
    return f"is cancelled without a savepoint, as its savepointOnDelete is false{_and_newest(job)}"


def _and_newest(job: Object) -> str:
    return f"; {text}" if (text := newest(job)) else ""


def newest(job: Object) -> str:
    """Where its state is, in words; '' when none is known."""
    points = verdicts.status_of(job).get("recoveryPoints") or []
    return f"its newest recovery point is {points[0].get('path')}" if points else ""
