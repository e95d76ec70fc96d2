"""A person names the savepoint or checkpoint that a start is to begin with."""

from __future__ import annotations

from typing import Any

import pytest

from clients.kube import resources
from core import names

OLD = "s3://elsewhere/savepoint-old"


@pytest.fixture
def older(ready) -> Any:
    """There is a savepoint that the job's status does not know, and work since."""
    ready.flink.disk[OLD] = 7.0
    ready.settle(30)
    return ready


def started(stage: Any) -> None:
    pass


def stopped(stage: Any) -> None:
    stage.annotate("STOP")
    stage.play(lambda: stage.is_in("Stopped"))


def silent(stage: Any) -> None:
    stage.flink.answers = False
    stage.settle(1)


def state_unknown(stage: Any) -> None:
    """Of all that it had nothing can be found any more."""
    stopped(stage)
    job = stage.job
    job["status"] |= {"recoveryPoints": [], "hadState": True}
    stage.kube.put(resources.FLINK_JOBS, job)
    stage.annotate("START")
    stage.play(lambda: stage.status.failure.startswith("StateUnknown"))


@pytest.mark.parametrize("state", [started, stopped, silent, state_unknown])
def test_it_begins_there(older, state):
    state(older)
    older.annotate("START", origin=OLD)
    older.settle(1)
    older.flink.answers = True
    older.play(lambda: older.is_ready() and older.flink.history[-1].restored == OLD)
    assert older.status.restored_path == OLD
    assert names.FROM_SAVEPOINT not in older.job["metadata"]["annotations"]
    older.settle(30)
    older.lose_jobmanager()
    older.play(older.is_ready)
    assert older.flink.history[-1].restored.startswith("s3://ckp/")  # the newest of the run that began there


def test_what_ran_is_saved_before(older):
    older.annotate("START", origin=OLD)
    older.play(lambda: older.is_ready() and older.flink.history[-1].restored == OLD)
    assert older.flink.savepoints == 1
    assert "s3://s/savepoint-1" in [point.path for point in older.status.recovery_points]


def test_what_cannot_be_read_is_told_and_the_newest_is_taken(older):
    older.annotate("START", origin="s3://nowhere")
    older.play(lambda: older.is_ready() and len(older.flink.history) > 1)
    assert "RecoveryPointUnreadable" in older.kube.events
    assert older.flink.history[-1].restored == "s3://s/savepoint-1"
    assert "s3://nowhere" not in [point.path for point in older.status.recovery_points]


def test_it_is_for_one_start(older):
    """And for a START alone."""
    older.annotate("START", origin=OLD)
    older.play(lambda: older.is_ready() and older.flink.history[-1].restored == OLD)
    older.annotate("STOP", origin=OLD)
    older.play(lambda: older.is_in("Stopped"))
    older.annotate("START")
    older.play(older.is_ready)
    assert older.flink.history[-1].restored == "s3://s/savepoint-2"


def test_the_jobmanager_goes_while_it_stops_for_that(older):
    older.annotate("START", origin=OLD)
    older.play(lambda: older.status.supervisor_status == "Stopping")
    older.lose_jobmanager()
    older.play(older.is_ready)
    assert older.flink.history[-1].restored == OLD


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call(stage, killed, when):
    def life(at: int) -> Any:
        made = stage()
        made.flink.disk[OLD] = 7.0
        made.play(made.is_ready)
        made.knife.seen.clear()
        made.knife.at, made.knife.when, made.knife.do = at, when, killed
        made.annotate("START", origin=OLD)
        made.play(lambda: made.is_ready() and made.status.attempt == 2)
        return made

    for number in range(len(life(-1).knife.seen)):
        made = life(number)
        assert (made.flink.most_at_once, made.flink.savepoints) == (1, 1)
        assert made.flink.history[-1].restored == OLD


def test_a_checkpoint_of_the_run_itself(older):
    """Flink would discard it with a run that stops with a savepoint."""
    chosen = older.status.recovery_points[1].path
    older.annotate("START", origin=chosen)
    older.play(lambda: older.is_ready() and len(older.flink.history) > 1)
    assert (older.flink.history[-1].restored, older.flink.savepoints) == (chosen, 0)


def test_a_checkpoint_of_a_run_that_nobody_has_seen_run(stage):
    made = stage()
    made.play(lambda: made.alive)
    made.wait(30)
    chosen = made.flink.history[0].snapshots[0].external_path
    made.annotate("START", origin=chosen)
    made.play(lambda: made.is_ready() and len(made.flink.history) > 1)
    assert (made.flink.history[-1].restored, made.flink.savepoints) == (chosen, 0)


def test_a_savepoint_of_our_own_stays_ours(older):
    older.annotate("TRIGGER_SAVEPOINT")
    older.play(lambda: older.flink.savepoints == 1 and not older.status.savepoint_trigger_id)
    older.settle(30)
    older.annotate("START", origin="s3://s/savepoint-1")
    older.play(lambda: older.is_ready() and len(older.flink.history) > 1)
    known = {point.path: point for point in older.status.recovery_points}
    assert (older.flink.history[-1].restored, known["s3://s/savepoint-1"].ours) == ("s3://s/savepoint-1", True)


def test_a_start_that_does_not_get_on_begins_elsewhere(older):
    older.flink.stuck |= {f"{number}_app.jar" for number in range(9)}
    older.lose_jobmanager()
    older.play(lambda: older.is_in("Starting") and older.alive)
    older.annotate("START", origin=OLD)
    older.flink.stuck.clear()
    older.play(lambda: older.is_ready() and older.flink.history[-1].restored == OLD)
    assert "RequestIgnored" not in older.kube.events


# ---- a run that began somewhere else -------------------------------------------------------------------------------


@pytest.fixture
def ignoring(ready) -> Any:
    """Flink does not restore what it is told to."""
    real = ready.flink.run
    ready.flink.run = lambda jar, **more: real(jar, **{**more, "savepoint_path": None})
    ready.obeys = lambda: setattr(ready.flink, "run", real)
    return ready


@pytest.mark.parametrize("stopping", [False, True])
def test_what_it_wrote_is_no_way_back_when_it_is_lost(ignoring, stopping, monkeypatch):
    ready = ignoring
    ready.edit(restart={"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 180})
    ready.settle(30)
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 2)
    told, wrong = ready.status.restore_path, ready.flink.history[-1]
    if stopping:
        monkeypatch.setattr(ready.flink, "cancel", lambda job_id: None)
        ready.play(lambda: ready.is_in("Stopping"))
    else:
        ready.settle(12)
    assert wrong.snapshots
    ready.lose_jobmanager()
    ready.obeys()
    ready.play(lambda: len(ready.flink.history) == 3)
    assert ready.flink.history[-1].restored == told


def test_nor_does_it_prove_an_update(ignoring):
    ready = ignoring
    ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "image": "img:2"})
    ready.play(lambda: len(ready.flink.history) == 2)
    told = ready.status.restore_path
    ready.settle(12)
    ready.lose_jobmanager()
    ready.play(lambda: len(ready.flink.history) == 3)
    assert ready.status.restore_path == told
    assert ready.status.stable.digest != ready.status.delivery.digest


# ---- a path of the spec --------------------------------------------------------------------------------------------


def test_a_path_of_the_spec_can_be_corrected_while_no_run_has_begun_with_it(stage):
    job, typo, right = stage(), "s3://typo/savepoint-x", "s3://right/savepoint-x"
    job.flink.disk[right] = 50.0
    job.edit(restart={"restartPolicy": "Always", "restartDelay": 600})
    job.edit(savepoint={**job.job["spec"]["savepoint"], "savepointPath": typo})
    job.play(lambda: job.status.failure.startswith("RecoveryPointUnreadable"))
    assert job.conditions["Stalled"] == "RecoveryPointUnreadable"
    job.edit(savepoint={**job.job["spec"]["savepoint"], "savepointPath": right})
    job.play(job.is_ready, steps=50)
    assert [run.restored for run in job.flink.history] == [right]
    assert job.status.savepoint_path == right
    assert typo not in [point.path for point in job.status.recovery_points]


def test_once_it_has_run_the_spec_names_nothing_any_more(ready):
    ready.flink.disk["s3://named/savepoint-x"] = 50.0
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointPath": "s3://named/savepoint-x"})
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 2)
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


NAMED = "s3://elsewhere/savepoint-old"


def savepoint(stage: Any, **more: Any) -> None:
    stage.edit(savepoint={**stage.job["spec"]["savepoint"], **more})


def first_start_failed(stage: Any) -> Any:
    """Of a job whose spec names a savepoint that is there."""
    job = stage()
    job.flink.disk[NAMED] = 7.0
    savepoint(job, savepointPath=NAMED)
    job.flink.refused.add("1_app.jar")
    job.play(lambda: job.is_in("Stopped"))
    job.flink.refused.clear()
    return job


def test_a_start_without_savepoint_that_fails_once_begins_empty_still(stage):
    job = first_start_failed(stage)
    job.edit(restart={**job.job["spec"]["restart"], "restartPolicy": "Always"})
    job.flink.refused |= {"2_app.jar", "3_app.jar"}
    job.annotate("START", without="true")
    job.play(lambda: job.status.attempt >= 2 and job.is_in("Stopped"))
    job.flink.refused.clear()
    job.play(job.is_ready)
    assert job.flink.history[-1].restored == ""


def test_forgetting_does_not_start_a_stopped_job(stage):
    job = first_start_failed(stage)
    job.annotate("FORGET_SAVEPOINT")
    job.settle(30)
    assert job.is_in("Stopped"), [run.restored for run in job.flink.history]


def test_a_path_that_a_person_chose_is_not_dropped_by_an_edit(stage):
    job = first_start_failed(stage)
    job.flink.disk["s3://mine"] = 9.0
    job.flink.refused.add("2_app.jar")
    job.annotate("START", origin="s3://mine")
    job.play(lambda: job.status.attempt == 2 and job.is_in("Stopped"))
    savepoint(job, savepointPath="s3://typo")
    job.settle(60)
    assert "s3://mine" in [point.path for point in job.status.recovery_points]


def test_a_job_that_is_ready_does_not_wait_for_a_person(stage):
    job = stage()
    savepoint(job, savepointPath=NAMED)
    job.edit(restart={**job.job["spec"]["restart"], "restartPolicy": "Always"})
    job.play(lambda: job.status.failure.startswith("RecoveryPointUnreadable"))
    job.flink.disk[NAMED] = 7.0
    job.play(job.is_ready)
    job.settle(5)
    assert "Stalled" not in job.conditions, job.conditions


def test_nor_does_one_that_a_person_has_stopped(stage):
    job = stage()
    savepoint(job, savepointPath=NAMED)
    job.play(lambda: job.status.failure.startswith("RecoveryPointUnreadable"))
    job.annotate("STOP")
    job.settle(10)
    assert "Stalled" not in job.conditions, job.conditions
