"""What is sent to Flink, and what a refusal means."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest

from clients.flink import (
    Capabilities,
    Duplicate,
    Failed,
    FlinkClient,
    JobDetails,
    NotFound,
    NotReachable,
    Rejected,
    TimedOut,
    Unknown,
)
from core.job_status import Disposal
from supervisor.act import act, after_answer, after_refusal, plan
from supervisor.decision import Cancel, DisposeSavepoint, FindState, Plan, Run, StopJob, TakeSavepoint

NEWEST = Capabilities.of("2.3.0")
RUN = Run("j", "app.jar", "Main", ("a b",), 2, "", "CLAIM", True, {"k": "v"}, 180.0)
STOP = StopJob("j", "t", "s3://s", True, "NATIVE")
SAVEPOINT = TakeSavepoint("j", "t", "s3://s", "NATIVE")
DISPOSE = DisposeSavepoint("s3://s/old")
PLAN = Plan(1, "app.jar", "Main", (), 2, {}, 180.0)
FIND = FindState("0123456789", "s3://s", 1000, "", 60.0)
ALL = [RUN, STOP, SAVEPOINT, Cancel("j"), DISPOSE, FIND]


@pytest.fixture
def flink() -> Any:
    return create_autospec(FlinkClient, instance=True)


def fail(flink: Any, error: Exception) -> None:
    for name in ("run", "stop", "savepoint", "cancel", "dispose", "plan", "jars"):
        getattr(flink, name).side_effect = error


@pytest.mark.defect(10)
def test_a_run(flink):
    assert act(RUN, flink, NEWEST) is None
    flink.run.assert_called_once_with(
        "app.jar",
        entry_class="Main",
        arguments=("a b",),
        parallelism=2,
        job_id="j",
        savepoint_path=None,
        claim_mode="CLAIM",
        allow_non_restored_state=True,
        flink_configuration={"k": "v"},
        capabilities=NEWEST,
        timeout_seconds=180.0,
    )


def test_the_others(flink):
    for action in ALL[1:4]:
        assert act(action, flink, NEWEST) is None
    flink.stop.assert_called_once_with("j", trigger_id="t", target_directory="s3://s", drain=True, format_type="NATIVE")
    flink.savepoint.assert_called_once_with("j", trigger_id="t", target_directory="s3://s", format_type="NATIVE")
    flink.cancel.assert_called_once_with("j")


def test_a_disposal_is_known_by_flinks_own_id(flink, world):
    flink.dispose.return_value = "r-1"
    assert act(DISPOSE, flink, NEWEST) == "r-1"
    flink.dispose.assert_called_once_with("s3://s/old")
    before = world("ready", flink="runs", disposing=Disposal("s3://s/old"))
    assert after_answer(before, DISPOSE, "r-1").status.disposing == Disposal("s3://s/old", "r-1")


@pytest.mark.parametrize("action", ALL)
@pytest.mark.parametrize("error", [Unknown("HTTP 500"), NotReachable("refused")])
def test_no_answer_is_never_a_failure(flink, action, error):
    fail(flink, error)
    assert act(action, flink, NEWEST) is None


def test_a_duplicate_is_a_success(flink):
    fail(flink, Duplicate(400, "already submitted"))
    assert act(RUN, flink, NEWEST) is None


@pytest.mark.parametrize(
    ("there", "refused"),
    [("RUNNING", False), ("INITIALIZING", False), ("FAILED", True), (NotFound(404, "no"), True), (Unknown("?"), False)],
)
def test_a_main_that_throws_after_it_has_submitted_is_no_failure(flink, there, refused):
    """The job is looked at; a bad savepoint leaves one that has FAILED."""
    fail(flink, Rejected(400, "main threw"))
    flink.job.side_effect = there if isinstance(there, Exception) else [JobDetails("j", "n", there, 0, ())]
    assert (act(RUN, flink, NEWEST) is not None) == refused


@pytest.mark.parametrize(("overview", "refused"), [(None, True), (Unknown("no answer in time"), False)])
def test_a_plan_that_takes_too_long_is_refused_if_it_is_main_that_does(flink, overview, refused):
    fail(flink, TimedOut("no answer in time"))
    flink.overview.side_effect = overview
    answer = plan(PLAN, flink)
    assert (str(answer) == "main() did not come to a plan in 180 s") == refused
    assert (answer is None) != refused


@pytest.mark.parametrize("error", [Rejected(400, "main() throws"), Failed("POST", "unit label 'parsecs'")])
def test_why_there_is_no_plan_is_handed_back(flink, error):
    fail(flink, error)
    assert plan(PLAN, flink) is error


@pytest.mark.parametrize("action", ALL[1:])
def test_a_definite_no_is_handed_back(flink, action):
    fail(flink, Rejected(400, "no directory"))
    assert act(action, flink, NEWEST) is flink.stop.side_effect


# ---- what it means -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason", "carried_anew"),
    [
        (Rejected(400, "IllegalStateException: x"), "SubmissionFailed", False),
        (NotFound(500, "RestHandlerException: Jar file /up/x.jar does not exist"), "BootstrapFailed", True),
    ],
)
def test_a_refused_run_is_a_failed_start(world, error, reason, carried_anew):
    decision = after_refusal(world("submitted"), RUN, error)
    assert decision.status.failure == f"{reason}: {error.text}"
    assert (decision.status.supervisor_status, decision.status.job_id) == ("Stopped", "")
    assert (decision.status.jar_id == "") == carried_anew


def test_a_refused_stop_ends_the_stop(world):
    assert (
        after_refusal(world("stopping", flink="runs"), STOP, Rejected(400, "x")).status.supervisor_status == "Started"
    )


def test_a_refused_savepoint_is_told(world):
    decision = after_refusal(world("ready", flink="runs"), SAVEPOINT, Rejected(400, "x"))
    assert decision.status.failure == "SavepointFailed: x"


def test_a_refused_disposal_is_told_and_left_alone(world):
    before = world("ready", flink="runs", disposing=Disposal("s3://s/old"))
    decision = after_answer(before, DISPOSE, Rejected(400, "x"))
    assert (decision.status.disposing, decision.action) == (Disposal(), None)
    assert [event.reason for event in decision.events] == ["SavepointNotDisposed"]


@pytest.mark.parametrize(
    ("status", "action", "error"),
    [
        ("stopping", STOP, NotFound(404, "no such job")),
        ("ready", SAVEPOINT, NotFound(404, "no such job")),
        ("stopping", Cancel("j"), Rejected(400, "x")),
        ("stopped", STOP, Rejected(400, "x")),
    ],
)
def test_the_next_look_decides_the_rest(world, status, action, error):
    assert after_refusal(world(status), action, error) is None
