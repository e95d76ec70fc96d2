"""An update that fails is taken back: the spec from before runs again, from the savepoint taken for the update."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Checkpoints, Unknown
from clients.kube import resources
from core import names

from .fakes import copied

BAD, GOOD = "2_app.jar", "3_app.jar"  # the second delivery, and the one after


def update(stage: Any, image: str, **restart: Any) -> None:
    stage.edit(
        bootstrap={**stage.job["spec"]["bootstrap"], "image": image},
        restart={**stage.job["spec"]["restart"], **restart},
    )


def cannot_be_submitted(stage: Any) -> None:
    """Its plan can be made; its state does not fit."""
    stage.flink.refused.add(BAD)


def tasks_never_run(stage: Any) -> None:
    stage.flink.stuck.add(BAD)


def no_checkpoint_completes(stage: Any) -> None:
    """Until the one from before runs again."""
    every, begin = stage.flink.checkpoint_every, stage.flink.run

    def run(jar_id: str, **more: Any) -> str:
        stage.flink.checkpoint_every = 1e9 if jar_id == BAD else every
        return str(begin(jar_id, **more))

    stage.flink.run = run
    stage.flink.checkpointing_config = lambda job_id: int(every * 1000)


def rolled_back(stage: Any) -> bool:
    return bool(stage.status.rejected.digest) and stage.is_ready()


@pytest.mark.parametrize("fault", [cannot_be_submitted, tasks_never_run, no_checkpoint_completes])
def test_the_spec_from_before_runs_again(ready, fault):
    fault(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready), steps=2000)
    status, run = ready.status, ready.flink.history[-1]
    assert run.restored == status.savepoint_path == "s3://s/savepoint-1"
    assert status.delivery.bootstrap["image"] == "img:1"
    assert "RolledBack" in ready.kube.events
    assert ready.conditions == {"Degraded": "RolledBack", "Stalled": "RolledBack"}
    assert ready.flink.most_at_once == 1

    ready.settle(100)
    assert ready.flink.history[-1] is run and run.alive


def test_an_edit_of_the_failed_spec_is_tried(ready):
    cannot_be_submitted(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    update(ready, "img:3")
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:3")
    assert ready.conditions == {"Ready": "Running"}
    assert ready.flink.history[-1].restored == "s3://s/savepoint-2"
    assert (ready.status.rejected.digest, ready.status.stable.bootstrap["image"]) == ("", "img:3")


def test_the_edit_taken_back_by_hand_changes_nothing_that_runs(ready):
    cannot_be_submitted(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    run = ready.flink.history[-1]
    update(ready, "img:1")
    ready.play(lambda: not ready.status.rejected.digest)
    ready.settle()
    assert ready.flink.history[-1] is run and run.alive
    assert ready.conditions == {"Ready": "Running"}


def test_a_person_may_have_it_tried_again(ready):
    cannot_be_submitted(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    ready.flink.refused.clear()
    ready.annotate("START")
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:2")
    assert ready.conditions == {"Ready": "Running"}


def test_without_rollback_it_stays_failed(ready):
    cannot_be_submitted(ready)
    update(ready, "img:2", rollback=False)
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.status.failure.startswith("SubmissionFailed")
    ready.settle()
    assert ready.is_in("Stopped")


def test_the_first_spec_has_nothing_to_go_back_to(stage):
    made = stage()
    made.flink.refused.add("1_app.jar")
    made.play(lambda: made.is_in("Stopped"))
    assert made.status.failure.startswith("SubmissionFailed")


def test_what_the_stable_spec_wrote_later_is_no_part_of_the_update(ready):
    """Lost after an automatic restart of the spec that was Ready: its checkpoints since then count."""
    ready.settle(25)
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    ready.settle(25)
    newest = max(ready.flink.disk.values())
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointMode": "Manual"})
    ready.flink.refused.add(f"{ready.status.delivery.number + 1}_app.jar")
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    assert ready.flink.disk[ready.flink.history[-1].restored] >= newest


def cannot_carry(pod: Any) -> Any:
    """A bootstrap's pod that has failed; another one is as it was."""
    if pod["status"]["phase"] != "Succeeded":
        return pod
    ended = {"terminated": {"exitCode": 1, "message": '{"error": "cannot read the JAR"}'}}
    status = {"phase": "Failed", "containerStatuses": [{"name": names.BOOTSTRAP, "state": ended}]}
    return {**pod, "status": status}


def test_state_that_nobody_knows_a_way_to_is_not_forgotten_with_the_update(ready):
    """It was only in the JobManager, which is gone; then an edit fails. Only a person may start the job empty."""
    job = copied(ready.job)
    job["status"].pop("recoveryPoints")
    ready.kube.put(resources.FLINK_JOBS, job)
    ready.flink.checkpoints = lambda job_id: Checkpoints()
    ready.new_supervisor()
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.failure.startswith("StateUnknown"))
    pods = ready.pods
    ready.pods = lambda: tuple(cannot_carry(pod) for pod in pods())
    update(ready, "img:2")
    ready.play(lambda: ready.status.rejected.digest)
    ready.pods = pods
    ready.settle(100)
    assert (len(ready.flink.history), ready.alive) == (1, [])
    assert ready.status.had_state


def test_an_update_that_takes_jobmanagers_with_it_is_taken_back(ready):
    """System.exit() in main(): each time that it is submitted."""
    attempts = 0
    begin = ready.flink.run

    def run(jar_id: str, **more: Any) -> str:
        nonlocal attempts
        if ready.status.delivery.bootstrap["image"] != "img:2":
            return str(begin(jar_id, **more))
        attempts += 1
        ready.lose_jobmanager()
        raise Unknown("connection reset")

    ready.flink.run = run
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready), steps=2000)
    assert attempts == 3
    assert ready.status.rejected.failure.startswith("JobLost: 3 times in a row")
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


@pytest.mark.parametrize("image", ["img:3", "img:1"], ids=["the next edit", "the edit before"])
def test_an_update_edited_before_it_was_ready_is_over(ready, image):
    """Whatever is tried next begins where it began, and is protected as it was."""
    no_checkpoint_completes(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.is_in("Started") and ready.status.delivery.bootstrap["image"] == "img:2")
    update(ready, image)
    ready.play(ready.is_ready)
    status = ready.status
    assert status.delivery.bootstrap["image"] == status.stable.bootstrap["image"] == image
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"
    assert ready.flink.savepoints == 1


@pytest.mark.parametrize("image", ["img:3", "img:1"], ids=["the next edit", "the edit before"])
def test_an_update_whose_tasks_never_run_makes_way_for_an_edit_at_once(ready, image):
    tasks_never_run(ready)
    update(ready, "img:2")
    ready.play(lambda: len(ready.flink.history) == 2)
    ready.settle(5)
    update(ready, image)
    edited = ready.clock.now
    ready.play(ready.is_ready)
    assert (ready.clock.now - edited).total_seconds() < 20  # the first checkpoint is after 10
    assert ready.status.delivery.bootstrap["image"] == image
    assert [run.restored for run in ready.flink.history[1:]] == ["s3://s/savepoint-1"] * 2
    assert "RolledBack" not in ready.kube.events
    assert "StartTimedOut" not in ready.kube.events


def test_so_does_a_first_spec(stage):
    made = stage()
    made.flink.stuck.add("1_app.jar")
    made.play(lambda: made.alive)
    update(made, "img:2")
    edited = made.clock.now
    made.play(made.is_ready)
    assert (made.clock.now - edited).total_seconds() < 20
    assert made.flink.most_at_once == 1


def test_a_spec_that_works_is_not_given_up_for_an_edit_while_it_starts(ready):
    """The edit is looked at first, as always."""
    ready.lose_jobmanager()
    ready.play(lambda: len(ready.flink.history) == 2)
    run = ready.flink.history[-1]
    assert not run.tasks_run
    cannot_be_submitted(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    assert run.alive


def test_an_edit_of_an_edit_that_fails_is_taken_back_too(ready):
    tasks_never_run(ready)
    update(ready, "img:2", restartTimeout=60)
    ready.play(lambda: ready.alive and ready.status.delivery.bootstrap["image"] == "img:2")
    ready.flink.refused.add(GOOD)
    update(ready, "img:3")
    ready.play(lambda: rolled_back(ready), steps=2000)
    assert ready.status.delivery.bootstrap["image"] == "img:1"
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"
    assert "main() throws" in ready.status.rejected.failure


def test_a_submission_that_is_repeated_is_the_same(stage):
    """The spec was edited after it was written down, and before Flink had it."""
    made, submitted = stage(), []
    begin = made.flink.run

    def run(jar_id: str, **more: Any) -> str:
        submitted.append({**more, "jar": jar_id})
        if len(submitted) == 1:
            made.edit(
                bootstrap={**made.job["spec"]["bootstrap"], "arguments": ["--new"], "className": "Other"},
                flinkConfiguration={"a": "b"},
            )
            raise Unknown("no answer")
        return str(begin(jar_id, **more))

    made.flink.run = run
    made.play(lambda: made.alive)
    assert submitted[0] == submitted[1]
    made.play(lambda: made.is_ready() and made.status.attempt == 2)
    assert (submitted[-1]["entry_class"], submitted[-1]["flink_configuration"]["a"]) == ("Other", "b")


def test_what_a_run_was_submitted_with_says_whether_its_checkpoints_are_retained(stage):
    """Not what the spec says by now."""
    made = stage()
    no = {"execution.checkpointing.externalized-checkpoint-retention": "DELETE_ON_CANCELLATION"}
    made.edit(flinkConfiguration=no)
    made.play(made.is_ready)
    run = made.flink.runs[made.alive[0]]
    run.stuck = True  # from now on its tasks do not run: it is cancelled only if that loses nothing
    made.settle(5)
    made.edit(flinkConfiguration={})
    made.play(lambda: made.status.stop.trigger_id)
    assert made.status.stop.savepoint


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call(stage, killed, when):
    """One job at a time, never an empty start, and the same end."""

    def life(at: int) -> Any:
        made = stage()
        made.play(made.is_ready)
        made.knife.seen.clear()
        made.knife.at, made.knife.when, made.knife.do = at, when, killed
        cannot_be_submitted(made)
        update(made, "img:2")
        made.play(lambda: rolled_back(made))
        return made

    calm = life(-1)
    for number in range(len(calm.knife.seen)):
        made = life(number)
        refused = (when, number) == ("after", calm.knife.seen.index("flink run"))  # nothing comes after it
        assert made.kills == (0 if refused else 1)
        assert made.flink.most_at_once == 1
        assert made.flink.history[-1].restored == calm.flink.history[-1].restored
        assert made.status.attempt == calm.status.attempt


def test_the_failures_of_the_spec_before_are_not_those_of_the_update(ready):
    """A JobManager that is lost once is no reason to take it back."""
    restart = {"restartPolicy": "Always", "restartDelay": 600, "restartMaxDelay": 600}
    ready.edit(restart={**ready.job["spec"]["restart"], **restart})
    for number in (1, 2):
        ready.flink.runs[ready.status.job_id].status = "FAILED"
        ready.play(lambda number=number: ready.status.failures == number)
        ready.wait(600)
        ready.play(ready.is_ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.attempt == 4 and bool(ready.alive))
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert (ready.status.rejected.digest, ready.status.stable.bootstrap["image"]) == ("", "img:2")


def test_an_update_without_checkpoints_is_the_one_to_come_back_to_when_its_tasks_run(ready):
    ready.flink.checkpoint_every = 1e9
    ready.flink.checkpointing_config = lambda job_id: 0
    ready.new_supervisor()
    update(ready, "img:2")
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.status.stable.bootstrap["image"] == "img:2"


def test_a_checkpoint_that_comes_after_the_verdict_does_not_change_it(ready):
    no_checkpoint_completes(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.supervisor_status == "Stopping" and ready.status.attempt == 2, steps=2000)
    ready.flink._snapshot(ready.flink.history[-1], "s3://late", savepoint=False)
    ready.play(lambda: rolled_back(ready))
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


def test_tasks_that_restart_before_the_first_checkpoint_are_no_reason_to_take_it_back(ready):
    """It is due in ten minutes, and a TaskManager goes after four."""
    ready.flink.checkpoint_every = 600.0
    ready.new_supervisor()
    update(ready, "img:2")
    ready.play(lambda: ready.is_in("Started") and ready.status.attempt == 2)
    ready.settle(240)
    run = ready.flink.history[-1]
    run.status = "RESTARTING"
    ready.settle(3)
    run.status = "RUNNING"
    ready.play(ready.is_ready, steps=1000)
    assert not ready.status.rejected.digest


@pytest.mark.parametrize("without", ["true", ""], ids=["without a savepoint", "with one"])
def test_what_a_stop_saved_of_an_update_is_not_taken_back(ready, without):
    """Before its first checkpoint, or while nobody asked Flink to stop it. Its next start fails."""
    ready.flink.checkpoint_every = 60.0
    ready.new_supervisor()
    update(ready, "img:2")
    ready.play(lambda: ready.is_in("Started") and ready.status.attempt == 2)
    ready.annotate("STOP", without=without)
    ready.play(lambda: ready.status.supervisor_status == "Stopping")
    if without:
        ready.wait(61)
    ready.play(lambda: ready.is_in("Stopped"))
    saved = ready.status.recovery_points[0].path
    ready.flink.refused.add(GOOD)
    ready.annotate("START")
    ready.play(lambda: ready.status.failures)
    assert ready.status.recovery_points[0].path == saved
    assert ready.flink.history[1].id in saved or saved == "s3://s/savepoint-2"


def test_a_finite_job_that_has_finished_is_what_there_is_to_come_back_to(ready):
    ready.edit(restart={**ready.job["spec"]["restart"], "restartPolicy": "Always"})
    update(ready, "img:2")
    ready.play(lambda: ready.status.attempt == 2 and len(ready.flink.history) == 2)
    ready.flink.finish(ready.flink.history[-1])
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.status.stable.bootstrap["image"] == "img:2"


@pytest.mark.parametrize(("times", "image"), [(1, "img:2"), (9, "img:1")], ids=["once", "again and again"])
def test_a_jar_that_is_not_carried_again_says_little_about_the_update(ready, times, image):
    """The JobManager went before the update was Ready, and a bootstrap is killed."""
    update(ready, "img:2")
    ready.play(lambda: ready.status.attempt == 2 and ready.is_in("Starting"))
    pods, numbers = ready.pods, set()

    def killed() -> Any:
        ordered = ready.status.ordered
        if ordered and ordered.bootstrap["image"] == "img:2":
            numbers.add(ordered.number)
        ends = 0 < len(numbers) <= times and ordered and ordered.bootstrap["image"] == "img:2"
        return tuple(cannot_carry(pod) if ends and pod["metadata"]["name"] == "b" else pod for pod in pods())

    ready.pods = killed
    ready.lose_jobmanager()
    ready.play(lambda: bool(ready.status.ready_at) and ready.status.incarnation == 2, steps=2000)
    assert ready.status.delivery.bootstrap["image"] == image
    assert (ready.status.rejected.digest == "") == (image == "img:2")
