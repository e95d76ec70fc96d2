"""Lost JobManagers, deletions, failures in a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from .test_updates import cannot_carry


@pytest.mark.parametrize("moment", ["delivery", "submitted", "stopping", "savepoint"])
def test_the_jobmanager_dies_at_any_moment(stage, moment):
    made = stage()
    if moment == "delivery":
        made.play(lambda: made.status.delivery.number)
    elif moment == "submitted":
        made.play(lambda: made.alive)
    else:
        made.play(made.is_ready)
        made.annotate("TRIGGER_SAVEPOINT" if moment == "savepoint" else "START")
        made.play(lambda: made.status.savepoint_trigger_id or made.status.stop.trigger_id)
        made.step()
    known = max((made.flink.disk[point.path] for point in made.status.recovery_points), default=0.0)
    made.lose_jobmanager()
    made.play(made.is_ready)
    assert made.alive == [made.status.job_id]
    restored = made.flink.history[-1].restored
    assert (made.flink.disk[restored] if restored else 0.0) >= known


@pytest.mark.parametrize("state", ["new", "delivery", "submitted", "ready", "stopping", "stopped"])
@pytest.mark.parametrize("jobmanager", ["well", "dead", "lost and replaced"])
def test_deleted_in_any_state(stage, state, jobmanager):
    made = stage()
    if state in ("ready", "stopping", "stopped"):
        made.play(made.is_ready)
        made.annotate({"stopping": "STOP", "stopped": "STOP"}.get(state, "NONE"))
    until = {
        "new": lambda: True,
        "delivery": lambda: made.status.delivery.number,
        "submitted": lambda: made.alive,
        "ready": lambda: True,
        "stopping": lambda: made.status.stop.trigger_id,
        "stopped": lambda: made.is_in("Stopped"),
    }
    made.play(until[state])
    made.delete()
    if jobmanager == "dead":
        made.flink.lose()
        made.pods = lambda: ()  # no pod at all, and no new incarnation
    elif jobmanager == "lost and replaced":
        made.lose_jobmanager()
    made.play(lambda: made.is_in("Terminated"))
    assert made.alive == []
    assert not made.status.holds_cluster


def test_deleted_while_the_jobmanager_does_not_answer(ready):
    """It may well run: the job hook's deadline ends this, not a guess."""
    ready.flink.answers = False
    ready.delete()
    ready.settle(60)
    assert ready.status.holds_cluster
    ready.flink.answers = True
    ready.play(lambda: ready.is_in("Terminated"))
    assert ready.alive == []


def test_failures_in_a_row_wait_longer_and_are_forgotten_when_it_runs(stage):
    made = stage()
    made.edit(restart={"restartPolicy": "OnlyIfFailed", "restartDelay": 10, "restartMaxDelay": 25})
    pauses = []
    for _ in range(4):
        made.play(lambda: made.alive)
        made.flink.runs[made.alive[0]].status = "FAILED"
        made.play(lambda: made.is_in("Stopped"))
        failed = made.clock.now
        made.play(lambda: made.alive)
        pauses.append(round((made.clock.now - failed).total_seconds()))
    assert pauses == [10, 20, 25, 25]
    made.play(made.is_ready)
    assert made.status.failures == 4
    made.settle(20)
    assert (made.status.failures, made.status.failure) == (0, "")


@pytest.mark.defect(7)
@pytest.mark.parametrize("policy", ["Always", "OnlyIfFailed", "Never"])
def test_a_stop_by_a_person_is_never_undone(ready, policy):
    ready.edit(restart={"restartPolicy": policy, "restartDelay": 1})
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.lose_jobmanager()
    ready.settle(120)
    assert ready.is_in("Stopped")
    assert len(ready.flink.history) == 1


def lost_with_old_state(stage: Any) -> None:
    """No checkpoint completes for a minute; then the JobManager dies."""
    stage.edit(savepoint={**stage.job["spec"]["savepoint"], "maxStateAge": 30})
    stage.settle(25)
    stage.flink.checkpoint_every = 1e9
    stage.settle(60)
    stage.lose_jobmanager()


def test_state_that_is_too_old_waits_for_a_person(ready):
    lost_with_old_state(ready)
    ready.play(lambda: ready.status.failure.startswith("StateTooOld"))
    ready.settle()
    assert (ready.alive, len(ready.flink.history)) == ([], 1)
    assert ready.conditions == {"Stalled": "StateTooOld", "Degraded": "StateTooOld"}
    newest = ready.status.recovery_points[0].path
    assert newest in ready.status.message

    ready.flink.checkpoint_every = 10.0
    ready.annotate("START")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest
    assert ready.conditions == {"Ready": "Running"}


@pytest.mark.parametrize("gone", ["what was accepted", "what was chosen"])
def test_so_much_work_and_no_more_is_accepted(ready, gone):
    """What a start falls to because that cannot be read is asked about again."""
    lost_with_old_state(ready)
    ready.play(lambda: ready.status.failure.startswith("StateTooOld"))
    newest = ready.status.recovery_points[0].path
    if gone == "what was accepted":
        del ready.flink.disk[newest]
        ready.annotate("START")
    else:
        ready.annotate("START", origin="s3://nowhere")
    ready.play(lambda: "RecoveryPointUnreadable" in ready.kube.events)
    ready.settle(30)
    assert ready.status.failure.startswith("StateTooOld")
    assert (newest in ready.status.failure) == (gone == "what was chosen")
    assert (ready.alive, ready.is_in("Starting")) == ([], True)


def test_a_restart_by_a_person_accepts_the_age_of_what_there_is(ready):
    """Without a savepoint, and only for that start."""
    savepoint = {**ready.job["spec"]["savepoint"], "savepointMode": "Manual", "maxStateAge": 30}
    ready.edit(savepoint=savepoint)
    ready.settle(25)
    ready.flink.checkpoint_every = 1e9
    ready.settle(60)
    ready.annotate("START")
    ready.play(lambda: ready.is_in("Starting"))
    ready.flink.checkpoint_every = 10.0
    ready.play(ready.is_ready)
    assert ready.status.accepted_path == ""


def test_state_that_is_too_old_is_taken_when_the_spec_allows_it(ready):
    lost_with_old_state(ready)
    ready.play(lambda: ready.status.failure.startswith("StateTooOld"))
    ready.flink.checkpoint_every = 10.0
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "maxStateAge": 300})
    ready.step()
    assert "Stalled" not in ready.conditions, "it does not wait for a person any more"
    ready.play(ready.is_ready)
    assert ready.conditions == {"Ready": "Running"}


def test_the_age_of_state_does_not_grow_while_the_job_is_stopped(ready):
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "maxStateAge": 5})
    ready.edit(suspend=True)
    ready.play(lambda: ready.is_in("Stopped"))
    ready.settle(100)
    ready.edit(suspend=False)
    ready.play(ready.is_ready)


def recovered_by_flink(stage: Any) -> Any:
    """The JobManager dies, and the next one has the job from a store of Flink's own; returns that run."""
    (run,) = (run for run in stage.flink.runs.values() if run.alive)
    newest = run.snapshots[-1]
    stage.lose_jobmanager()
    run.restart()
    again = replace(run, work=stage.flink.disk[newest.external_path], snapshots=[], restores=1)
    stage.flink.runs[run.id] = again
    return again


def test_a_job_that_flink_recovers_is_adopted(ready):
    ready.settle(25)
    run = recovered_by_flink(ready)
    ready.play(lambda: ready.status.attempt == 1 and ready.is_ready())
    ready.settle()
    assert (ready.alive, len(ready.flink.history)) == ([run.id], 1)
    assert ready.status.restored_path == run.own.external_path
    assert "JobAdopted" in ready.kube.events
    assert ready.conditions == {"Ready": "Running"}

    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    assert (ready.alive, run.status) == ([], "FINISHED")


def test_a_job_that_flink_recovers_is_not_adopted_when_it_is_to_begin_empty(ready):
    ready.settle(25)
    run = recovered_by_flink(ready)
    ready.play(lambda: ready.status.failure.startswith("JobLost"))
    ready.annotate("START", without="true")
    ready.play(lambda: ready.status.attempt == 2 and ready.is_ready())
    assert (run.status, ready.flink.history[-1].restored) == ("CANCELED", "")


def test_a_job_that_flink_recovers_is_cancelled_when_it_is_not_wanted(ready):
    ready.settle(25)
    run = recovered_by_flink(ready)
    ready.delete()
    ready.play(lambda: ready.is_in("Terminated"))
    ready.settle()
    assert run.status == "CANCELED"


@pytest.mark.parametrize("spec", [{"jobParallelism": 2}, {}], ids=["rescaled", "restarted"])
def test_a_job_that_flink_recovers_while_it_is_stopped_to_come_back_is_adopted(ready, spec):
    """Its savepoint may be lost with the JobManager; what it did since its last one is not."""
    ready.settle(25)
    ready.edit(**spec) if spec else ready.annotate("START")
    ready.play(lambda: ready.status.supervisor_status == "Stopping")
    run = recovered_by_flink(ready)
    ready.play(lambda: "JobAdopted" in ready.kube.events)
    assert (ready.alive, run.status) == ([run.id], "RUNNING")
    ready.play(lambda: ready.is_ready(parallelism=spec.get("jobParallelism", 1)))
    assert ready.flink.most_at_once == 1
    assert ready.flink.history[-1].work >= 20


def test_a_job_that_flink_recovers_while_its_cluster_stops_is_let_go_of_with_what_it_has(ready):
    ready.settle(25)
    run = recovered_by_flink(ready)
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: "JobAdopted" in ready.kube.events and not ready.status.holds_cluster)
    assert (run.status, ready.alive) == ("CANCELED", [])
    assert ready.status.recovery_points[0].path == run.own.external_path


def test_a_job_that_worked_comes_back_when_its_jar_can_be_carried_again(ready):
    """Whatever its policy: a registry that is away for a while is no failure of the job."""
    pods = ready.pods
    ready.pods = lambda: tuple(cannot_carry(pod) if pod["metadata"]["name"] == "b" else pod for pod in pods())
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.failures == 2, steps=1000)  # later and later
    assert ready.status.failure.startswith("BootstrapFailed")
    assert "Stalled" not in ready.conditions
    del ready.pods
    ready.play(ready.is_ready, steps=1000)
    assert ready.flink.history[-1].restored


def test_a_job_that_never_worked_ends_as_its_policy_says(stage):
    made = stage()
    pods = made.pods
    made.pods = lambda: tuple(cannot_carry(pod) if pod["metadata"]["name"] == "b" else pod for pod in pods())
    made.play(lambda: made.is_in("Stopped"))
    made.settle(900)
    assert (made.status.failures, made.conditions["Stalled"]) == (1, "Failed")
