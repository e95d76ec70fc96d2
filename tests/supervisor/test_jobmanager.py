"""What one look at the JobManager shows of a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import create_autospec

import pytest

from clients.flink import (
    Checkpoints,
    FlinkClient,
    JobSummary,
    NotFound,
    NotReachable,
    Operation,
    Overview,
    TaskManager,
    Unknown,
)
from core.job_status import JobStatus, Stop
from core.states import Phase
from supervisor.jobmanager import JobManager, Look
from supervisor.world import FlinkJob, Sight

SUBMITTED = JobStatus(job_id="j", incarnation=3)
OVERVIEW = Overview("2.3.0", 1, 2, 1, 1, 0, 0, 0)


def listed(status: str = "RUNNING", running: int = 2) -> JobSummary:
    return JobSummary("j", "count", status, 0, running, 0, 2)


@pytest.fixture
def manager() -> Any:
    made: Any = JobManager("127.0.0.1", 8081, 3)
    made.client = create_autospec(FlinkClient, instance=True)
    made.client.jobmanager_config.return_value = {"state.backend": "rocksdb"}
    made.client.config.return_value = {"flink-version": "1.17.2"}
    made.client.overview.return_value = OVERVIEW
    made.client.taskmanagers.return_value = ()
    made.client.jobs.return_value = (listed(),)
    made.client.checkpoints.return_value = Checkpoints(completed=1)
    made.client.checkpointing_config.return_value = 10000
    made.client.metrics.return_value = {"numRestarts": "4"}
    return made


def test_what_cannot_change_is_read_once(manager):
    manager.look(0)
    manager.look(0)
    manager.client.config.assert_called_once_with()
    assert manager.settings == {"state.backend": "rocksdb"}
    assert not manager.capabilities.claim_mode


@pytest.mark.parametrize("question", ["jobmanager_config", "config", "overview", "jobs", "taskmanagers"])
def test_half_an_answer_is_none(manager, question):
    getattr(manager.client, question).side_effect = NotReachable("refused")
    assert manager.look(0) == Look()
    assert not manager.look(0).answering


def test_the_jobs_are_asked_for_only_when_there_are_some(manager):
    manager.client.overview.return_value = replace(OVERVIEW, jobs_running=0)
    assert manager.look(1) == Look(replace(OVERVIEW, jobs_running=0))
    manager.client.jobs.assert_not_called()
    manager.client.overview.return_value = replace(OVERVIEW, jobs_running=0, jobs_failed=1)
    assert manager.look(1).jobs == {"j": listed()}


def test_the_task_managers_are_asked_for_only_when_one_of_them_may_go(manager):
    manager.client.taskmanagers.return_value = (TaskManager("tm-0", "pekko", 2, 1),)
    assert manager.look(1).task_managers == ()
    manager.client.taskmanagers.assert_not_called()
    assert manager.look(0).task_managers == (TaskManager("tm-0", "pekko", 2, 1),)


def test_a_job_that_runs(manager):
    look = manager.look(0)
    assert manager.job(SUBMITTED, look) == FlinkJob(
        Sight.SEEN, "RUNNING", tasks_run=True, has_slots=True, checkpoints=Checkpoints(completed=1), checkpointing=10.0
    )
    manager.job(SUBMITTED, look)
    manager.client.checkpointing_config.assert_called_once_with("j")


@pytest.mark.parametrize("status", [JobStatus(), SUBMITTED.but(incarnation=2)])
def test_a_job_of_another_incarnation_is_not_asked_for(manager, status):
    assert manager.job(status, manager.look(0)) == FlinkJob()


def test_submitted_after_the_look(manager):
    look = Look(OVERVIEW)
    assert manager.job(SUBMITTED, look).sight == Sight.SEEN


def test_missing_only_when_the_jobmanager_says_so(manager):
    manager.client.jobs.return_value = ()
    assert manager.job(SUBMITTED, manager.look(0)).sight == Sight.MISSING
    manager.client.jobs.side_effect = Unknown("HTTP 500")
    assert manager.job(SUBMITTED, Look(OVERVIEW)).sight == Sight.UNKNOWN
    assert manager.job(SUBMITTED, Look()).sight == Sight.UNKNOWN


@pytest.mark.parametrize("question", ["checkpoints", "checkpointing_config"])
def test_half_of_the_answers_about_a_job_are_none(manager, question):
    getattr(manager.client, question).side_effect = Unknown("time-out")
    assert manager.job(SUBMITTED, manager.look(0)).sight == Sight.UNKNOWN


@pytest.mark.parametrize(("interval", "run"), [(0, True), (10000, False)])
def test_the_later_stages_of_a_batch_job_wait_for_the_first(manager, interval, run):
    """Without checkpoints it runs with the first; a stream runs with all its tasks."""
    manager.client.checkpointing_config.return_value = interval
    manager.client.jobs.return_value = (listed(running=1),)
    job = manager.job(SUBMITTED, manager.look(0))
    assert (job.tasks_run, job.has_slots) == (run, run)


@pytest.mark.parametrize("interval", [0, 10000])
def test_tasks_that_read_their_state_have_their_slots(manager, interval):
    manager.client.checkpointing_config.return_value = interval
    manager.client.jobs.return_value = (replace(listed(running=0), tasks_placed=2),)
    job = manager.job(SUBMITTED, manager.look(0))
    assert (job.tasks_run, job.has_slots) == (False, True)


def test_a_job_without_checkpoints(manager):
    manager.client.checkpoints.side_effect = manager.client.checkpointing_config.side_effect = NotFound(404, "off")
    job = manager.job(SUBMITTED, manager.look(0))
    assert (job.checkpoints, job.checkpointing) == (None, 0.0)


@pytest.mark.parametrize(
    ("status", "trigger"),
    [
        ({}, None),
        ({"savepoint_trigger_id": "sp"}, "sp"),
        ({"stop": Stop("st")}, "st"),
        ({"stop": Stop("st"), "savepoint_trigger_id": "sp"}, "st"),
    ],
)
def test_the_operation_on_its_way(manager, status, trigger):
    manager.client.operation.return_value = Operation("IN_PROGRESS")
    job = manager.job(SUBMITTED.but(**status), manager.look(0))
    assert job.operation == (Operation("IN_PROGRESS") if trigger else None)
    assert [call.args for call in manager.client.operation.call_args_list] == ([("j", trigger)] if trigger else [])


def test_an_operation_that_flink_does_not_know(manager):
    manager.client.operation.side_effect = NotFound(404, "no")
    assert manager.job(SUBMITTED.but(savepoint_trigger_id="sp"), manager.look(0)).operation is None


@pytest.mark.parametrize(("status", "asked"), [("RUNNING", False), ("FAILED", True), ("RESTARTING", True)])
def test_why_it_is_in_trouble(manager, status, asked):
    manager.client.jobs.return_value = (listed(status, 0),)
    manager.client.exceptions.return_value = "IOException: disk full"
    assert manager.job(SUBMITTED, manager.look(0)).exception == ("IOException: disk full" if asked else "")


STARTED = SUBMITTED.but(supervisor_status=Phase.STARTED)


def test_how_often_flink_restarted_its_tasks_is_asked_as_often_as_flink_counts(manager, monkeypatch):
    look, now = manager.look(0), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert [manager.job(STARTED, look).restarts for _ in range(2)] == [4, 4]
    manager.client.metrics.assert_called_once_with("/jobs/j/metrics", ["numRestarts"])
    manager.client.metrics.return_value, now = {"numRestarts": "5"}, 111.0
    assert manager.job(STARTED, look).restarts == 5


@pytest.mark.parametrize("answer", [{}, {"numRestarts": "NaN"}, Unknown("time-out"), NotFound(404, "no")])
def test_an_unknown_count_says_nothing_about_the_job(manager, answer):
    manager.client.metrics.side_effect = [answer]
    job = manager.job(STARTED, manager.look(0))
    assert (job.sight, job.restarts) == (Sight.SEEN, None)


@pytest.mark.defect(27)
def test_before_it_has_started_nobody_asks(manager):
    assert manager.job(SUBMITTED, manager.look(0)).restarts is None
    manager.client.metrics.assert_not_called()
