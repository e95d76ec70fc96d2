"""An update that fails is taken back: the spec from before runs again, from the savepoint taken for the update."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Checkpoints
from clients.kube import resources
from core import names

from .fakes import copied

BAD, GOOD = "2_app.jar", "3_app.jar"  # the second delivery, and the one after


def update(stage: Any, image: str, **restart: Any) -> None:
    stage.edit(
        bootstrap={**stage.job["spec"]["bootstrap"], "image": image},
        restart={**stage.job["spec"]["restart"], **restart},
    )


def main_throws(stage: Any) -> None:
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


@pytest.mark.parametrize("fault", [main_throws, tasks_never_run, no_checkpoint_completes])
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
    main_throws(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    update(ready, "img:3")
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:3")
    assert ready.conditions == {"Ready": "Running"}
    assert ready.flink.history[-1].restored == "s3://s/savepoint-2"
    assert (ready.status.rejected.digest, ready.status.stable.bootstrap["image"]) == ("", "img:3")


def test_the_edit_taken_back_by_hand_changes_nothing_that_runs(ready):
    main_throws(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    run = ready.flink.history[-1]
    update(ready, "img:1")
    ready.play(lambda: not ready.status.rejected.digest)
    ready.settle()
    assert ready.flink.history[-1] is run and run.alive
    assert ready.conditions == {"Ready": "Running"}


def test_a_person_may_have_it_tried_again(ready):
    main_throws(ready)
    update(ready, "img:2")
    ready.play(lambda: rolled_back(ready))
    ready.flink.refused.clear()
    ready.annotate("START")
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:2")
    assert ready.conditions == {"Ready": "Running"}


def test_without_rollback_it_stays_failed(ready):
    main_throws(ready)
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


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call(stage, killed, when):
    """One job at a time, never an empty start, and the same end."""

    def life(at: int) -> Any:
        made = stage()
        made.play(made.is_ready)
        made.knife.seen.clear()
        made.knife.at, made.knife.when, made.knife.do = at, when, killed
        main_throws(made)
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
