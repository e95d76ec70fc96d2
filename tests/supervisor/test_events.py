"""Events: each reason is documented, and the manifest is one that people's tools read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from supervisor.decision import REASONS, Event, parted
from supervisor.events import manifest

JOB = {
    "apiVersion": "nextbreakpoint.com/v1",
    "kind": "FlinkJob",
    "metadata": {"name": "demo-count", "namespace": "test", "uid": "6f1c"},
}


def test_every_reason_is_documented_with_its_type_and_no_other_one(documented):
    assert {reason: row[0] for reason, row in documented("events.md").items()} == {
        reason: Event(reason, "").type for reason in REASONS
    }


def test_every_row_says_on_what_when_and_what_to_do(documented):
    rows = documented("events.md").values()
    kinds = {"FlinkJob", "FlinkCluster"}
    assert all(len(row) == 4 and all(row) and kinds.issuperset(row[1].split(", ")) for row in rows)


@pytest.mark.parametrize("reason", REASONS)
def test_the_event_of_a_reason(documented, reason):
    body = manifest(JOB, Event(reason, "x" * 2000), datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert (body["reason"], body["type"]) == (reason, documented("events.md")[reason][0])
    assert body["involvedObject"]["uid"] == "6f1c"
    assert len(body["message"]) == 1024


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        ("StartTimedOut: no slot: 1", ("StartTimedOut", "no slot: 1")),
        ("Odd: x", ("JobFailed", "Odd: x")),
        ("", ("JobFailed", "")),
    ],
)
def test_a_failure_as_an_event(failure, found):
    assert parted(failure) == found
