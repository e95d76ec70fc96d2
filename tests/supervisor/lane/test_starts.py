"""Starts that meet trouble: two supervisors, answers that never come, JARs and recovery points that are gone."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest

from clients.flink import Unknown
from supervisor.claims import Claims
from supervisor.events import Recorder
from supervisor.lane import Lane


@pytest.mark.defect(8)
def test_two_supervisors_run_one_job(stage):
    """An old one that does not know that it is gone, with a view that is behind."""
    made = stage()
    other = Lane(made.kube, Recorder(made.kube), clock=made.clock)
    behind = copy.deepcopy(made.job)
    for _ in range(60):
        made.step()
        other.step(behind, made.around())
        behind = copy.deepcopy(made.job)
    assert made.is_ready()
    assert len(made.flink.history) == 1
    assert made.status.attempt == 1


def test_a_submission_of_another_incarnation_is_not_sent(stage):
    """The cluster's own status has moved on, and the watch has not told."""
    made = stage()
    made.play(lambda: made.status.ordered)
    around = made.around()
    made.lose_jobmanager()
    made.lane.step(copy.deepcopy(made.job), around)
    assert made.status.job_id
    assert made.flink.history == []
    made.play(made.is_ready)
    assert len(made.flink.history) == 1


def test_a_view_that_is_behind_has_no_effect(stage):
    """The job was submitted, stopped, and forgotten by Flink since then: it is not submitted again."""
    made = stage()
    made.play(lambda: made.alive)
    behind = copy.deepcopy(made.job)
    made.annotate("STOP")
    made.play(lambda: made.is_in("Stopped"))
    made.flink.runs.clear()
    made.new_supervisor()
    made.lane.step(behind, made.around())
    assert made.alive == []
    assert made.is_in("Stopped")


@pytest.fixture
def slow_main(monkeypatch) -> Any:
    """main() goes on inside Flink when the supervisor does not wait for it any more; returns what is still to come."""

    def make(stage: Any) -> list[Any]:
        pending: list[Any] = []
        real = stage.flink.run

        def run(*args: Any, **options: Any) -> str:
            pending.append(lambda: real(*args, **options))
            raise Unknown("no answer in time")

        monkeypatch.setattr(stage.flink, "run", run)
        return pending

    return make


def test_a_run_that_was_given_up_and_came_true_is_cancelled(stage, slow_main, monkeypatch):
    """Stopped while main() ran, started again: exactly one job runs."""
    made = stage()
    pending = slow_main(made)
    made.play(lambda: pending)
    made.annotate("STOP")
    made.play(lambda: made.is_in("Stopped"))
    monkeypatch.undo()
    pending[0]()
    assert len(made.alive) == 1
    made.play(lambda: not made.alive)
    made.annotate("START")
    made.play(made.is_ready)
    assert len(made.alive) == 1
    assert made.flink.most_at_once == 1


def test_a_late_run_and_the_next_attempt_do_not_run_together_for_long(stage, slow_main, monkeypatch):
    made = stage()
    pending = slow_main(made)
    made.play(lambda: pending)
    made.annotate("STOP")
    made.play(lambda: made.is_in("Stopped"))
    made.annotate("START")
    monkeypatch.undo()
    made.play(made.is_ready)
    pending[0]()
    made.settle(5)
    assert made.alive == [made.status.job_id]


def test_a_jobmanager_that_never_takes_the_job_is_told_of_and_asked_again_under_the_same_id(stage, slow_main):
    """Under another id it would be a second job, should main() end after all."""
    made = stage()
    slow_main(made)
    made.play(lambda: made.status.failure, steps=2000)
    assert made.status.failure.startswith("SubmissionUnanswered")
    assert (made.is_in("Starting"), made.status.attempt) == (True, 1)
    assert made.conditions == {"Degraded": "SubmissionUnanswered", "Progressing": "Starting"}


def test_a_jar_that_is_gone_is_carried_again(ready):
    """Uploaded JARs live in the JobManager's own folder; nothing of the job's state is given up for it."""
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.edit(restart={"restartPolicy": "OnlyIfFailed", "restartDelay": 5})
    points = ready.status.recovery_points
    ready.annotate("START")
    carry = ready.carry

    def carry_and_lose(number: int) -> dict[str, Any]:
        ended = carry(number)
        ready.flink.carried.clear()
        return ended

    ready.carry = carry_and_lose
    ready.play(lambda: ready.is_in("Stopped") and ready.status.failure)
    ready.carry = carry
    assert ready.status.failure.startswith("BootstrapFailed")
    assert ready.status.recovery_points == points
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == points[0].path


def test_a_recovery_point_that_is_gone_falls_to_the_one_before(ready):
    ready.settle(35)
    ready.annotate("STOP", without="true")
    ready.play(lambda: ready.is_in("Stopped"))
    newest, before = ready.status.recovery_points[:2]
    del ready.flink.disk[newest.path]
    ready.annotate("START")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == before.path
    assert ready.status.restored_path == before.path
    assert "RecoveryPointUnreadable" in ready.kube.events
    assert newest in ready.status.recovery_points


def test_when_every_recovery_point_is_gone_it_does_not_start(ready):
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.flink.disk.clear()
    ready.annotate("START")
    ready.play(lambda: ready.is_in("Stopped"))
    assert len(ready.flink.history) == 1
    assert ready.status.failure.startswith("RecoveryPointUnreadable: ")
    ready.annotate("START", without="true")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == ""


@pytest.mark.parametrize("submitted", [False, True])
def test_a_stop_during_the_start(stage, submitted):
    made = stage()
    made.play(lambda: made.alive if submitted else made.status.delivery.number)
    made.annotate("STOP")
    made.play(lambda: made.is_in("Stopped"))
    assert made.alive == []
    assert made.status.stopped_by == "Person"
    made.settle()
    assert made.is_in("Stopped")


@pytest.mark.parametrize("again", ["edit", "START"])
def test_a_job_that_has_finished_runs_once_more_from_the_beginning(ready, again):
    """Its checkpoints went when it finished: nothing of it is lost by an empty start."""
    ready.settle(25)
    assert ready.status.recovery_points
    ready.flink.finish(ready.flink.runs[ready.alive[0]])
    ready.edit(restart={**ready.job["spec"]["restart"], "restartPolicy": "Always"})
    ready.play(lambda: ready.is_in("Stopped"))
    if again == "START":
        ready.annotate("START")
    else:
        ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "arguments": ["--again"]})
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.flink.history[-1].restored == ""


# ---- slots that several jobs wait for ------------------------------------------------------------------------------


class LateClaims(Claims):
    """Another job is first between the look of this one and its submission."""

    late = True

    def left(self, uid: str, free: int) -> int:
        return free if self.late else super().left(uid, free)

    def take(self, uid: str, slots: int, free: int, until: datetime) -> int | None:
        self.late = False
        return super().take(uid, slots, free, until)


@pytest.mark.parametrize("claims", [Claims, LateClaims])
def test_a_job_waits_for_slots_that_another_one_is_about_to_have(stage, claims):
    job = stage()
    job.others.add("another")
    job.claims = claims()
    job.claims.take("another", 4, 4, job.clock.now + timedelta(seconds=60))
    job.settle(30)
    assert (job.status.message, job.flink.history) == ("waiting for slots: 0 free, 1 needed", [])
    job.others.clear()
    job.play(job.is_ready)


def test_a_job_has_no_claim_once_its_tasks_have_their_slots(ready):
    ready.settle(5)
    assert ready.claims.left("another", 3) == 3


def test_a_job_whose_tasks_wait_for_slots_in_flink_claims_them(ready):
    """As after the loss of a TaskManager: Flink starts them again as soon as another one is there."""
    ready.flink.history[-1].stuck = True
    ready.settle(5)
    assert ready.claims.left("another", 3) == 2
