"""Stops that meet trouble, and what brings a stopped job back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import names


def test_a_savepoint_folder_that_cannot_be_written_leaves_the_job_alone(ready):
    """The cluster wants new pods: it waits, with the cause in sight, until the folder is repaired."""
    ready.flink.readonly = True
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: ready.status.failure)
    run = ready.flink.history[-1]
    began = len(run.operations)
    ready.settle(50)
    assert ready.alive == [run.id]
    assert ready.status.holds_cluster
    assert ready.conditions["Degraded"] == "SavepointFailed"
    assert len(run.operations) == began, "Flink is asked again only after the pause"
    ready.settle(150)
    assert began < len(run.operations) <= began + 4
    ready.flink.readonly = False
    ready.play(lambda: not ready.status.holds_cluster)
    ready.cluster(supervisorStatus="Started", revision="r2", incarnation=2)
    ready.flink.lose()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == ready.status.savepoint_path
    assert "Degraded" not in ready.conditions


def test_without_savepoint_is_the_way_out(ready):
    ready.flink.readonly = True
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: ready.status.failure)
    ready.annotate("STOP", without="true")
    ready.play(lambda: ready.is_in("Stopped"))
    assert not ready.status.holds_cluster
    assert ready.status.message.endswith(f"its newest state is {ready.status.recovery_points[0].path}")


def test_a_result_that_flink_dropped_while_nobody_looked(ready, killed):
    """Killed after the stop was sent; the next supervisor comes when the result is no longer kept."""
    ready.knife.only, ready.knife.do, ready.knife.at = "flink stop", killed, 0
    ready.knife.seen.clear()
    ready.annotate("STOP")
    ready.play(lambda: ready.kills)
    ready.wait(3600)
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.flink.savepoints == 1
    assert ready.status.recovery_points[0].path == ready.status.savepoint_path == "s3://s/savepoint-1"


def test_a_finite_job_that_finishes_during_a_stop_is_not_run_again(ready):
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: ready.status.stop.trigger_id)
    ready.flink.finish(ready.flink.runs[ready.alive[0]])
    ready.play(lambda: ready.is_in("Stopped"))
    ready.cluster(supervisorStatus="Started", revision="r2", incarnation=2)
    ready.settle()
    assert ready.is_in("Stopped")
    assert (ready.status.job_status, ready.status.stopped_by) == ("FINISHED", "Flink")
    assert len(ready.flink.history) == 1


def test_another_parallelism_during_a_savepoint(ready):
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.savepoint_trigger_id and not ready.asked)
    ready.edit(jobParallelism=2)
    ready.play(lambda: ready.is_ready(parallelism=2))
    assert ready.status.savepoint_trigger_id == ""
    assert ready.flink.history[-1].restored == ready.status.savepoint_path == "s3://s/savepoint-2"


@pytest.mark.parametrize("how", [{"suspend": True}, {"jobParallelism": 0}])
def test_suspended_and_resumed(ready, how):
    ready.edit(**how)
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.conditions == {"Suspended": "Suspended"}
    before = ready.flink.history[-1].work
    ready.settle()
    assert ready.is_in("Stopped")
    ready.edit(suspend=False, jobParallelism=1)
    ready.play(ready.is_ready)
    assert ready.flink.disk[ready.flink.history[-1].restored] == before


@pytest.mark.defect(7)
def test_a_new_revision_brings_every_job_back_whatever_its_policy(ready):
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Starting", revision="r2", incarnation=2)
    ready.play(ready.is_ready)
    assert ready.status.cluster_revision == "r2"
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


@pytest.mark.defect(5)
@pytest.mark.parametrize("mode", ["Automatic", "Manual"])
def test_only_a_start_without_savepoint_comes_back_empty(ready, mode):
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointMode": mode})
    ready.settle(15)
    ready.annotate("START")
    ready.play(lambda: ready.status.attempt == 2 and ready.is_ready())
    assert ready.flink.history[-1].restored
    ready.annotate("START", without="true")
    ready.play(lambda: ready.status.attempt == 3 and ready.is_ready())
    assert ready.flink.history[-1].restored == ""
    assert names.WITHOUT_SAVEPOINT not in ready.job["metadata"]["annotations"]
    ready.annotate("START")
    ready.play(lambda: ready.status.attempt == 4 and ready.is_ready())
    assert ready.flink.history[-1].restored


@pytest.mark.defect(28)
def test_a_request_waits_for_a_jobmanager_that_does_not_answer(ready):
    ready.flink.answers = False
    ready.annotate("STOP")
    ready.settle(60)
    assert ready.asked == "STOP"
    ready.flink.answers = True
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.flink.savepoints == 1


@pytest.mark.parametrize("mends", [True, False])
def test_a_deletion_waits_for_its_last_savepoint_while_it_can(ready, mends):
    """Then the newest checkpoint, which Flink retains, is where its state is."""
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointOnDelete": True}, deletionDeadline=100)
    ready.settle(5)
    ready.flink.readonly = True
    ready.delete()
    began = ready.clock.now
    ready.play(lambda: ready.kube.events.count("SavepointFailed") == 2)
    assert ready.alive
    ready.flink.readonly = not mends
    ready.play(lambda: ready.is_in("Terminated"))
    assert (ready.flink.savepoints, ready.status.failure == "") == (int(mends), mends)
    assert mends or timedelta(seconds=60) <= ready.clock.now - began <= timedelta(seconds=100)


def test_a_last_savepoint_that_is_wanted_no_more_is_not_tried_again(ready):
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointOnDelete": True}, deletionDeadline=100)
    ready.settle(5)
    ready.flink.readonly = True
    ready.delete()
    ready.play(lambda: ready.status.failure)
    ready.flink.readonly = False
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointOnDelete": False})
    ready.play(lambda: ready.is_in("Terminated"))
    assert ready.flink.savepoints == 0


@pytest.mark.parametrize("action", ["STOP", "START"])
def test_what_a_person_asked_for_and_did_not_come_stays_in_sight(ready, action):
    """And is not tried again."""
    ready.settle(5)
    ready.flink.readonly = True
    ready.annotate(action)
    ready.play(lambda: ready.status.failure)
    ready.settle(200)
    assert ready.conditions == {"Ready": "Running", "Degraded": "SavepointFailed"}
    assert len(ready.flink.history[-1].operations) == 1


def test_a_savepoint_that_failed_before_says_nothing_of_a_deletion(ready):
    ready.flink.readonly = True
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.failure)
    ready.delete()
    ready.play(lambda: ready.is_in("Terminated"))
    assert not ready.status.failure


def starting(stage):
    stage.lose_jobmanager()
    stage.play(lambda: stage.is_in("Starting"))


def stopped(stage):
    stage.annotate("STOP")
    stage.play(lambda: stage.is_in("Stopped"))


@pytest.mark.parametrize("state", [starting, stopped])
def test_a_deletion_while_nothing_runs_tells_where_the_state_is(ready, state):
    ready.settle(5)
    state(ready)
    told = len(ready.kube.events)
    ready.delete()
    ready.play(lambda: ready.is_in("Terminated"))
    assert ready.kube.events[told:] == ["JobStopped"]
    assert "its newest state " in ready.status.message
    assert f" is {ready.status.recovery_points[0].path}" in ready.status.message


def test_a_wrong_path_is_no_reason_to_delete_without_the_last_savepoint(ready):
    wrong = {"savepointOnDelete": True, "savepointPath": "savepoints/1"}
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], **wrong})
    ready.settle(10)
    ready.delete()
    ready.play(lambda: ready.is_in("Terminated"))
    assert ready.flink.savepoints == 1, ready.status.message
