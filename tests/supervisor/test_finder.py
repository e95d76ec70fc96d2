"""The finder's JAR is carried once, and its answer is the name of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import create_autospec

import pytest

from clients.flink import FlinkClient, Jar, Rejected
from supervisor import bootstrap, finder
from supervisor.decision import FindState
from supervisor.finder import Found

ASKED = FindState("0123456789", "s3://s", 1000, "", 60.0)


@pytest.fixture
def flink() -> Any:
    made = create_autospec(FlinkClient, instance=True)
    made.jars.return_value, made.upload.return_value, made.plan.return_value = (), "1_finder.jar", "none"
    return made


def test_it_is_uploaded_and_planned(flink):
    assert finder.find(flink, ASKED) == "none"
    flink.upload.assert_called_once_with(finder.JAR, bootstrap.content_name(finder.JAR))
    assert flink.plan.call_args.args == ("1_finder.jar",)
    assert flink.plan.call_args.kwargs["arguments"] == ("s3://s", "0123456789", "1000")
    assert flink.plan.call_args.kwargs["timeout_seconds"] == 60.0


def test_what_is_found_is_newer_than_a_savepoint_that_is_known(flink):
    finder.find(flink, replace(ASKED, known="s3://s/savepoint-1"))
    assert flink.plan.call_args.kwargs["arguments"] == ("s3://s", "0123456789", "1000", "s3://s/savepoint-1")


def test_it_needs_no_uids_and_no_class_of_the_jobs_whatever_the_cluster_says(flink):
    finder.find(flink, ASKED)
    settings = flink.plan.call_args.kwargs["flink_configuration"]
    assert settings["pipeline.auto-generate-uids"] == "true"
    assert settings["execution.job-listeners"] == settings["pipeline.serialization-config"] == ""


def test_it_is_not_uploaded_where_it_is(flink):
    flink.jars.return_value = (Jar("7_finder.jar", bootstrap.content_name(finder.JAR), 0),)
    finder.find(flink, ASKED)
    flink.upload.assert_not_called()
    assert flink.plan.call_args.args == ("7_finder.jar",)


def test_a_directory_that_cannot_be_read_is_refused(flink):
    flink.plan.side_effect = Rejected(500, "AccessDenied")
    with pytest.raises(Rejected):
        finder.find(flink, ASKED)


@pytest.mark.parametrize(
    ("answer", "found"),
    [("none", Found()), ("7 999 file:/my savepoints/savepoint-1", Found(7, 999, "file:/my savepoints/savepoint-1"))],
)
def test_answers(answer, found):
    assert (Found.of(answer), found.answer()) == (found, answer)


@pytest.mark.parametrize("answer", ["", "word count of", "7", "7 file:/savepoint-1"])
def test_what_is_no_answer(answer):
    with pytest.raises(ValueError, match=r"."):
        Found.of(answer)
