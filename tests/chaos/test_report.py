"""Figures, tables, and when a run is good."""

import json

import pytest

from . import plan
from .judge import Finding
from .report import Record, Report, percentile


def record(kind="api-error", seconds=1.0, **more):
    return Record(plan.Step(0, "", 0.0, 0.0, (plan.Fault(kind, 0.0, 0.0, 0.0, 1.0),)), seconds, **more)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (1.0, 100), (0.001, 1)])
def test_percentiles(share, expected):
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_of_one_value():
    assert percentile([7.0], 0.5) == percentile([7.0], 0.95) == 7.0


def test_rows_by_kind_and_together():
    two = record()
    two = Record(plan.Step(1, "", 0.0, 0.0, two.step.faults * 2), 9.0)
    rows = Report(1, "here", [record(seconds=3.0), record("hooks-killed"), two]).rows()
    assert [row[:2] for row in rows] == [("api-error", "1"), ("hooks-killed", "1"), ("two at once", "2"), ("all", "4")]
    assert rows[-1][5:] == ("3.0", "9.0", "9.0")


@pytest.mark.parametrize(
    ("records", "good"),
    [
        ([record()], True),
        ([], False),
        ([record(stuck="not ready")], False),
        ([record(findings=(Finding("doubled", "j", "twice"),))], False),
        ([record(findings=(Finding("regression", "j", "back"),))], False),
    ],
)
def test_good_is_only_a_run_with_nothing_to_tell(records, good):
    report = Report(1, "here", records)
    assert report.good is good
    assert json.loads(report.to_json())["stuck"] == report.stuck
    assert report.headline() in report.to_markdown()


def test_a_fault_that_met_nobody_does_not_count():
    assert Report(1, "here", [record(missed=("api-error",))]).faults == 0
