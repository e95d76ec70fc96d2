"""A savepoint that was on its way when the JobManager ended: it may be complete, and nobody was told."""

from __future__ import annotations

from typing import Any

import pytest

from . import fakes
from .test_newer_checkpoints import unseen


def savepoint_asked_for(stage: Any) -> str:
    """It is taken, and nobody reads the answer. Returns its path."""
    stage.annotate("TRIGGER_SAVEPOINT")
    stage.play(lambda: stage.status.savepoint_trigger_id)
    for _ in range(3):
        stage.wait(1)
    newest = stage.flink.history[-1].snapshots[-1]
    assert newest.is_savepoint
    return newest.external_path


def lost_with_its_savepoint(stage: Any, *, checkpoint_every: float = 1e9) -> str:
    """... and the JobManager of its first run goes, of which nobody saw a checkpoint. Returns the savepoint's path."""
    stage.flink.checkpoint_every = checkpoint_every
    stage.play(lambda: stage.is_in("Started") and stage.flink.history[-1].tasks_run)
    stage.wait(5)
    saved = savepoint_asked_for(stage)
    stage.lose_jobmanager()
    return saved


@pytest.mark.parametrize("every", [10.0, 1e9])
def test_it_is_found_when_nothing_else_was_seen_of_the_run(stage, every):
    job = stage()
    saved = lost_with_its_savepoint(job, checkpoint_every=every)
    job.play(lambda: len(job.flink.history) == 2)
    assert job.flink.history[-1].restored == saved
    assert job.status.savepoint_path == saved


def test_it_is_found_before_an_older_checkpoint(ready):
    ready.settle(7)
    saved = savepoint_asked_for(ready)
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == saved


def test_and_a_checkpoint_after_it(ready):
    savepoint_asked_for(ready)
    newest = unseen(ready)
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


@pytest.mark.parametrize("unlisted", [True, False])
def test_one_that_was_never_taken_costs_nothing_else(ready, monkeypatch, unlisted):
    monkeypatch.setattr(fakes, "TAKES", 600.0)
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: any(run.operations for run in ready.flink.runs.values()))
    newest = unseen(ready)
    ready.lose_jobmanager()
    ready.flink.unlisted = unlisted
    ready.play(lambda: ready.flink.searches == 1)
    ready.flink.unlisted = False
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_where_it_cannot_be_looked_for_no_job_begins_empty(stage):
    job = stage()
    lost_with_its_savepoint(job)
    job.flink.unlisted = True
    job.play(lambda: job.status.failure.startswith("StateUnknown"), steps=2000)
    assert len(job.flink.history) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", ["killed", "unknown"])
@pytest.mark.parametrize("number", range(8))
def test_cut_at_any_call_of_that_search_too(ready, request, number, trouble, when):
    savepoint_asked_for(ready)
    newest = unseen(ready)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.lost_state.asked_at)
    knife = ready.knife
    knife.at, knife.when, knife.do = len(knife.seen) + number, when, request.getfixturevalue(trouble)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_a_savepoint_that_could_not_be_looked_for_is_looked_for_at_the_next_start(stage):
    job = stage()
    saved = lost_with_its_savepoint(job)
    found, down = job.flink._found, [True]

    def listed(directory: str, *more: str) -> str:
        job.flink.unlisted = bool(down) and directory == "s3://s"
        return found(directory, *more)

    job.flink._found = listed
    job.play(lambda: job.status.failure.startswith("StateUnknown"), steps=3000)
    down.clear()
    job.annotate("START")
    job.settle(60)
    assert job.flink.history[-1].restored == saved, job.status.failure
