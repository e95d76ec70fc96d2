"""A JobManager that ends after checkpoints which nobody has seen: they were completed after the last look, and the one
that was seen may be gone."""

from __future__ import annotations

from typing import Any

import pytest

from clients.kube import resources

SAVEPOINT = "s3://s/savepoint-1"


def lost_after_a_burst(stage: Any) -> str:
    """Returns the newest one's path."""
    (seen, *_) = stage.status.recovery_points
    for _ in range(7):
        stage.wait(10)
    assert seen.path not in stage.flink.disk
    newest = stage.flink.history[-1].snapshots[-1].external_path
    stage.lose_jobmanager()
    return newest


def test_the_newest_checkpoint_is_found_when_the_one_that_was_seen_is_gone(ready):
    newest = lost_after_a_burst(ready)
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", newest]
    assert "RecoveryPointUnreadable" not in ready.kube.events
    assert ready.flink.searches == 1


def test_it_is_looked_for_again_when_the_one_that_was_seen_cannot_be_read(ready):
    """The first search is a wish: a directory that cannot be listed ends it."""
    newest = lost_after_a_burst(ready)
    ready.flink.unlisted = True
    ready.play(lambda: ready.flink.searches == 1)
    ready.flink.unlisted = False
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", newest]
    assert "RecoveryPointUnreadable" in ready.kube.events


@pytest.mark.parametrize("unlisted", [True, False])
def test_without_a_newer_one_it_begins_with_the_one_that_was_seen(ready, unlisted):
    (seen, *_) = ready.status.recovery_points
    for path in [path for path in ready.flink.disk if path != seen.path]:
        del ready.flink.disk[path]
    ready.flink.unlisted = unlisted
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert (ready.flink.history[-1].restored, ready.flink.searches) == (seen.path, 1)
    assert ready.status.lost_state.job_id == ""


@pytest.mark.parametrize("unlisted", [True, False])
def test_without_one_it_falls_to_the_run_before(ready, unlisted):
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 2 and ready.is_ready())
    newest = lost_after_a_burst(ready)
    for path in [path for path in ready.flink.disk if path.startswith(newest.rpartition("/")[0])]:
        del ready.flink.disk[path]
    ready.flink.unlisted = unlisted
    ready.play(ready.is_ready, steps=800)
    assert ready.flink.history[-1].restored == SAVEPOINT


def test_with_no_way_back_at_all_it_is_tried_again_and_again(ready):
    """A store that is not mounted may be again."""
    ready.edit(restart={"restartPolicy": "Always", "restartDelay": 5})
    newest = lost_after_a_burst(ready)
    kept = {path: ready.flink.disk.pop(path) for path in list(ready.flink.disk)}
    ready.play(lambda: ready.status.failures == 2)
    assert ready.status.failure.startswith("SubmissionFailed")
    assert ready.flink.searches == 3
    ready.flink.disk.update(kept)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_a_directory_that_all_jobs_write_to_is_not_looked_into(ready):
    """As with execution.checkpointing.create-subdir: false."""
    job = ready.job
    (point, *_) = job["status"]["recoveryPoints"]
    job["status"]["recoveryPoints"] = [{**point, "path": "s3://ckp/chk-1"}]
    ready.kube.put(resources.FLINK_JOBS, job)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.failures == 1)
    assert ready.flink.searches == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", ["killed", "unknown"])
@pytest.mark.parametrize("number", range(8))
def test_cut_at_any_call_of_that_search(ready, request, number, trouble, when):
    newest = lost_after_a_burst(ready)
    ready.play(lambda: ready.status.lost_state.job_id)
    knife = ready.knife
    knife.at, knife.when, knife.do = len(knife.seen) + number, when, request.getfixturevalue(trouble)
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", newest]
