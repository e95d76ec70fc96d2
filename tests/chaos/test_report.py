"""Figures, tables, and when a run is good."""

import json

import pytest

from . import plan
from .judge import Finding
from .report import NOT_COVERED, Record, Report, percentile


def record(*kinds, seconds=1.0, action="", **more):
    faults = tuple(plan.Fault(kind, 0.0, 0.0, 0.0, 1.0) for kind in kinds or ("api-error",))
    return Record(plan.Step(0, action, 0.0, 0.0, faults), seconds, **more)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (1.0, 100), (0.001, 1)])
def test_percentiles(share, expected):
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_of_one_value():
    assert percentile([7.0], 0.5) == percentile([7.0], 0.95) == 7.0


def test_rows_by_kind_and_together():
    records = [record(seconds=3.0), record("hooks-killed"), record("api-error", "rest-hang", seconds=9.0)]
    rows = Report(1, "here", records).rows()
    assert [row[:3] for row in rows] == [
        ("api-error", "2", "1"),
        ("hooks-killed", "1", "0"),
        ("rest-hang", "1", "1"),
        ("two at once", "2", "2"),
        ("all", "4", "2"),
    ]
    assert [row[6:] for row in rows[-3:]] == [("-", "-", "-"), ("9.0", "9.0", "9.0"), ("3.0", "9.0", "9.0")]


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


def test_jobs_that_never_started_are_stuck_and_no_fault():
    report = Report(1, "here", [Record(plan.BEGINNING, 180.0, stuck="not ready")])
    assert (report.stuck, report.faults, report.actions) == (1, 0, {})
    assert report.details() == ["start: stuck: not ready"]


@pytest.mark.parametrize("missed", [("api-error",), ("api-error", "api-error")])
def test_a_fault_that_met_nobody_does_not_count(missed):
    assert Report(1, "here", [record(missed=missed)]).faults == 0


def test_the_written_report_says_what_it_was_made_with_and_what_it_leaves_out():
    about = {"Flink": "2.3.0", "Python": "3.11.7", "commit": "c0ffee", "machine": "2 CPUs, 24 GiB"}
    report = Report(7, "here", [record(action="scale"), record(), record(action="scale")], seconds=90.0, about=about)
    written, told = report.to_markdown(), json.loads(report.to_json())
    for line in (*(f"- {name}: {value}" for name, value in about.items()), "- duration: 1.5 min", "| scale | 2 |"):
        assert line in written.splitlines()
    assert "seed 7" in written
    assert NOT_COVERED in written
    assert (told["seed"], told["about"], told["actions"]) == (7, about, {"nothing": 1, "scale": 2})
    assert (told["faults"], told["doubled"], told["regressions"], told["stuck"]) == (3, 0, 0, 0)
