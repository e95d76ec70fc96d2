"""What is told of a job that is deleted when its state is yet to be found: its status, which says where, goes too."""

from __future__ import annotations

from typing import Any

from . import test_savepoints_on_their_way
from .test_newer_checkpoints import unseen
from .test_origins import savepoint
from .test_searches import lost_with_its_savepoint


def events(stage: Any) -> list[str]:
    """The texts of all Events from now on."""
    texts: list[str] = []
    record = stage.lane._recorder.record

    def kept(resource: Any, told: Any) -> None:
        texts.extend(event.message for event in told)
        record(resource, told)

    stage.lane._recorder.record = kept
    return texts


def test_the_last_savepoint_of_a_deletion_went_with_its_jobmanager(ready):
    savepoint(ready, savepointOnDelete=True)
    ready.settle(5)
    ready.delete()
    told = events(ready)
    lost_with_its_savepoint(ready)
    ready.play(lambda: ready.is_in("Terminated"))
    assert list(ready.flink.disk) == ["s3://s/savepoint-1"]
    assert "s3://s" in " ".join(told), told


def test_deleted_when_it_was_lost_before_anybody_saw_it_run(ready):
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 2)
    newest = unseen(ready, 25)
    ready.lose_jobmanager()
    told = events(ready)
    ready.delete()
    ready.play(lambda: ready.is_in("Terminated"))
    assert newest.rpartition("/")[0] in " ".join(told), told


def test_deleted_where_its_state_was_looked_for_in_vain(stage):
    job = stage()
    job.flink.settings["execution.checkpointing.dir"] = ""
    test_savepoints_on_their_way.lost_with_its_savepoint(job)
    job.flink.unlisted = True
    job.play(lambda: job.status.failure.startswith("StateUnknown"), steps=3000)
    told = events(job)
    job.delete()
    job.play(lambda: job.is_in("Terminated"))
    assert "s3://s" in " ".join(told), told
