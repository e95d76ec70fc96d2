"""A JobManager that ends with the answer to a stop: its savepoint is complete, and nobody was told where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PATH = "s3://s/savepoint-1"


def lost_with_its_savepoint(stage: Any) -> float:
    """Returns the work that the savepoint holds."""
    run = stage.flink.history[-1]
    stage.play(lambda: stage.status.stop.trigger_id in run.operations)
    stage.wait(1.0)  # nobody looks
    assert run.status == "FINISHED"
    assert run.snapshots[-1].external_path not in [point.path for point in stage.status.recovery_points]
    stage.lose_jobmanager()
    return run.work


def stopped_and_lost(stage: Any) -> float:
    """Likewise, by a person; the job stays stopped."""
    stage.annotate("STOP")
    work = lost_with_its_savepoint(stage)
    stage.play(lambda: stage.is_in("Stopped"))
    return work


@pytest.mark.parametrize("how", ["restart", "parallelism", "cluster change"])
def test_it_is_found_before_the_job_starts(ready, how):
    if how == "restart":
        ready.annotate("START")
    elif how == "parallelism":
        ready.edit(jobParallelism=2)
    else:
        ready.cluster(supervisorStatus="Stopping")
    saved = lost_with_its_savepoint(ready)
    ready.cluster(supervisorStatus="Started")
    ready.play(lambda: ready.is_ready(parallelism=2 if how == "parallelism" else 1))
    assert (ready.flink.history[-1].restored, ready.flink.disk[PATH]) == (PATH, saved)
    assert ready.status.savepoint_path == PATH
    assert ready.kube.events.count("SavepointCompleted") == 1


def savepoints(target: str, **more: Any) -> dict[str, Any]:
    return {"savepointMode": "Automatic", "savepointInterval": 0, "savepointTargetPath": target, **more}


@pytest.mark.parametrize("edited", [savepoints("s3://other"), savepoints("s3://s", cleanup="wrong")])
def test_it_is_looked_for_where_it_was_to_be_whatever_the_spec_says_by_now(ready, edited):
    ready.annotate("START")
    ready.play(lambda: any(run.operations for run in ready.flink.runs.values()))
    ready.edit(savepoint=edited)
    lost_with_its_savepoint(ready)
    ready.play(lambda: ready.status.lost_state.job_id)
    ready.edit(savepoint=savepoints("s3://other"))
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == PATH


def test_nor_what_the_configuration_says_that_comes_with_other_pods(stage):
    made = stage()
    made.flink.settings["state.savepoints.dir"] = "s3://s"
    made.edit(savepoint=savepoints(""))
    made.play(made.is_ready)
    made.cluster(supervisorStatus="Stopping")
    lost_with_its_savepoint(made)
    made.flink.settings["state.savepoints.dir"] = "s3://other"
    made.cluster(supervisorStatus="Started")
    made.play(made.is_ready)
    assert made.flink.history[-1].restored == PATH


@pytest.mark.parametrize("by", ["person", "spec"])
def test_a_stopped_job_has_it_looked_for_when_it_starts(ready, by):
    ready.annotate("STOP") if by == "person" else ready.edit(suspend=True)
    lost_with_its_savepoint(ready)
    ready.play(lambda: ready.is_in("Stopped"))
    assert "its newest state may be the savepoint of the stop, in s3://s, else it is" in ready.status.message
    ready.annotate("START") if by == "person" else ready.edit(suspend=False)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == PATH


def test_a_stop_that_left_none_comes_back_from_what_is_known(ready):
    ready.annotate("START")
    ready.play(lambda: ready.status.stop.trigger_id)
    ready.step()
    newest = ready.status.recovery_points[0].path
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def saved_and_stopped_in_vain(stage: Any, between: Callable[[], None]) -> None:
    """Of the run there is a savepoint, and its stop takes none."""
    stage.annotate("TRIGGER_SAVEPOINT")
    stage.play(lambda: stage.status.savepoint_path == PATH and not stage.asked)
    between()
    stage.annotate("START")
    stage.play(lambda: stage.status.stop.trigger_id in stage.flink.history[0].operations)
    stage.lose_jobmanager()
    stage.play(stage.is_ready)


def test_what_a_person_wants_forgotten_of_the_run_is_not_found(ready):
    def forget() -> None:
        ready.annotate("FORGET_SAVEPOINT")
        ready.play(lambda: not ready.asked)

    saved_and_stopped_in_vain(ready, forget)
    assert [run.restored for run in ready.flink.history] == ["", ""]


def test_what_is_older_than_what_is_known_of_the_run_is_not_taken_for_it(ready):
    """It has fallen out of the history, and may be half gone."""

    def outlive() -> None:
        ready.edit(savepoint=savepoints("s3://s", historyLimit=1))
        ready.annotate("TRIGGER_SAVEPOINT")
        ready.play(lambda: ready.status.savepoint_path != PATH and not ready.asked)
        del ready.flink.disk[ready.status.savepoint_path]
        ready.settle(15)

    saved_and_stopped_in_vain(ready, outlive)
    assert ready.flink.history[-1].restored.startswith("s3://ckp")
    assert ready.kube.events.count("SavepointCompleted") == 2


def test_what_a_person_says_comes_first(ready):
    known = ready.status.recovery_points[0].path
    stopped_and_lost(ready)
    ready.flink.disk[known] = 1.0
    ready.annotate("START", origin=known)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == known


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
def test_what_a_person_says_that_cannot_be_read_is_no_reason_to_forget_it(stage, stopped, known):
    """A typing error, say. It is newer than what else is known."""
    made = stage()
    made.flink.checkpoint_every = 10.0 if known else 1e6
    made.play(made.is_ready if known else lambda: made.is_in("Started"))
    made.annotate("STOP") if stopped else made.annotate("START", origin="s3://typo")
    lost_with_its_savepoint(made)
    if stopped:
        made.play(lambda: made.is_in("Stopped"))
        made.annotate("START", origin="s3://typo")
    made.flink.checkpoint_every = 10.0
    made.play(made.is_ready)
    assert [run.restored for run in made.flink.history] == ["", PATH]
    assert "RecoveryPointUnreadable" in made.kube.events


def test_what_a_person_says_that_could_not_be_read_for_a_moment_is_what_is_found(ready):
    saved = stopped_and_lost(ready)
    del ready.flink.disk[PATH]
    ready.annotate("START", origin=PATH)
    ready.play(lambda: PATH in ready.status.unreadable)
    ready.flink.disk[PATH] = saved
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", PATH]


def test_what_is_found_and_cannot_be_read_again_is_not_tried_for_ever(ready):
    """Its _metadata is there, and its files are not."""
    older = ready.status.recovery_points[0].path
    stopped_and_lost(ready)
    ready.flink.disk[older] = 1.0
    ready.flink.half_gone.add(PATH)
    ready.annotate("START", origin=PATH)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == older
    assert ready.flink.searches == 1


@pytest.mark.parametrize("unlisted", [True, False])
def test_nor_is_it_to_be_tried_no_more_when_nothing_is_found(stage, unlisted):
    """It may be no typing error: a store that is not mounted yet."""
    made, path = stage(), "s3://late/savepoint-7"
    made.edit(restart={"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60})
    made.flink.checkpoint_every = 1e6
    made.play(lambda: made.is_in("Started"))
    stopped_and_lost(made)
    made.flink.unlisted = unlisted
    del made.flink.disk[PATH]
    made.annotate("START", origin=path)
    made.play(lambda: made.status.failure.startswith("RecoveryPointUnreadable"))
    made.flink.disk[path] = 1.0
    made.play(lambda: made.is_in("Started"))
    assert [run.restored for run in made.flink.history] == ["", path]


@pytest.mark.parametrize("given_up", [True, False])
def test_after_a_search_in_vain_it_has_all_the_time_again(ready, given_up):
    ready.edit(savepoint=savepoints("s3://s", maxStateAge=1))
    ready.settle(5)
    sought_in_vain(ready)
    if given_up:
        ready.play(lambda: ready.status.failure.startswith("StateTooOld"))
    else:
        ready.settle(165)
    ready.annotate("START", origin="s3://typo")
    ready.settle(20)
    found_once_the_store_is_well_again(ready)


def test_a_start_that_fails_for_another_reason_does_not_look(ready):
    ready.edit(restart={"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60})
    known = ready.status.recovery_points[0].path
    stopped_and_lost(ready)
    ready.flink.disk[known] = 1.0
    ready.flink.checkpoint_every = 1e6
    ready.annotate("START", origin=known)
    for _ in range(2):
        ready.play(lambda: ready.flink.history[-1].alive and ready.is_in("Started"))
        ready.flink.history[-1].status = "FAILED"
    assert [run.restored for run in ready.flink.history] == ["", known, known]
    assert ready.flink.searches == 0


def test_a_start_without_state_does_not_look(ready):
    stopped_and_lost(ready)
    ready.annotate("START", without="true")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == ""
    assert not any(jar.endswith("finder.jar") for jar in ready.flink.carried)


def test_a_directory_that_cannot_be_listed_is_tried_for_as_long_as_a_start_may_take(ready):
    """Then the job comes back from what is known; the reason is told."""
    ready.flink.unlisted = True
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.savepoint_path and not ready.asked)
    ready.annotate("START")
    ready.play(lambda: ready.status.stop.trigger_id)
    ready.wait(1.0)
    ready.lose_jobmanager()
    ready.play(lambda: "AccessDenied: ListBucket" in ready.status.message)
    began = ready.clock.now
    ready.play(ready.is_ready)
    assert 150 < (ready.clock.now - began).total_seconds() < 205
    assert 30 < ready.flink.searches < 40  # pollingInterval is 5 s
    assert "RecoveryPointUnreadable" in ready.kube.events
    assert ready.flink.history[-1].restored == ready.status.savepoint_path == PATH


def sought_in_vain(stage: Any) -> None:
    stage.flink.unlisted = True
    stage.annotate("START")
    lost_with_its_savepoint(stage)
    stage.play(lambda: "ListBucket" in stage.status.message)


def found_once_the_store_is_well_again(stage: Any) -> None:
    stage.flink.unlisted = False
    stage.play(stage.is_ready)
    assert stage.flink.history[-1].restored == PATH


def test_a_store_that_is_well_again_is_looked_into(ready):
    sought_in_vain(ready)
    found_once_the_store_is_well_again(ready)


def test_another_jobmanager_has_all_the_time(ready):
    sought_in_vain(ready)
    ready.wait(170)
    ready.lose_jobmanager()
    ready.settle(20)
    found_once_the_store_is_well_again(ready)


def test_another_start_has_all_the_time(ready):
    sought_in_vain(ready)
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.wait(170)
    ready.annotate("START")
    ready.settle(20)
    found_once_the_store_is_well_again(ready)


def test_a_spec_that_was_wrong_meanwhile_takes_none_of_it(ready):
    sought_in_vain(ready)
    ready.edit(savepoint=savepoints("s3://s", cleanup="wrong"))
    ready.settle(600)
    ready.edit(savepoint=savepoints("s3://s"))
    ready.settle(20)
    found_once_the_store_is_well_again(ready)


def test_the_start_after_one_that_gave_it_up_and_failed_looks_again(ready):
    """As when the store was out of reach for longer: the older points cannot be read either."""
    ready.edit(restart={"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60})
    sought_in_vain(ready)
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.status.failure.startswith("RecoveryPointUnreadable")
    found_once_the_store_is_well_again(ready)


def test_no_search_for_checkpoints_takes_its_place(ready):
    """Of the run before, which are gone too."""
    ready.edit(restart={"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60})
    ready.flink.checkpoint_every = 1e6
    ready.lose_jobmanager()
    ready.play(lambda: len(ready.flink.history) == 2 and ready.is_in("Started"))
    ready.flink.disk.clear()
    sought_in_vain(ready)
    ready.play(lambda: ready.is_in("Stopped"))
    ready.flink.unlisted = False
    ready.play(lambda: len(ready.flink.history) == 3)
    assert ready.flink.history[-1].restored == PATH


@pytest.mark.parametrize("checkpoints", [0, 1])
def test_it_is_the_newest_state_until_the_run_from_an_older_one_has_written_its_own(ready, checkpoints):
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.savepoint_path and not ready.asked)
    ready.settle(15)
    older, newest = PATH, "s3://s/savepoint-2"
    sought_in_vain(ready)
    ready.flink.checkpoint_every = 10.0 if checkpoints else 1e6
    ready.play(lambda: ready.is_in("Started") and (ready.status.ready_at or not checkpoints))
    assert ready.flink.history[-1].restored == older
    ready.flink.unlisted = False
    ready.lose_jobmanager()
    ready.flink.checkpoint_every = 10.0
    ready.play(ready.is_ready)
    own = f"s3://ckp/{ready.flink.history[1].id}/chk-3"
    assert ready.flink.history[-1].restored == (own if checkpoints else newest)


def test_what_that_run_has_written_is_newer_also_while_the_api_server_takes_nothing(ready, monkeypatch, unknown):
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.savepoint_path and not ready.asked)
    ready.settle(15)
    sought_in_vain(ready)
    ready.play(lambda: ready.is_in("Started"))
    with monkeypatch.context() as patched:
        patched.setattr(ready.kube, "replace", lambda *_, **__: unknown("kube"))
        ready.settle(30)
    ready.flink.unlisted = False
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored.startswith(f"s3://ckp/{ready.flink.history[1].id}/")


def test_the_savepoint_of_an_update_that_was_never_ready_settles_that_it_works(ready):
    """As one whose path was told: nothing takes the update back behind it."""
    ready.flink.checkpoint_every = 1e6
    ready.edit(bootstrap={"image": "img:2", "className": "Main", "jarPath": "/app.jar"})
    ready.play(lambda: ready.is_in("Started") and len(ready.flink.history) == 2)
    ready.edit(jobParallelism=2)
    lost_with_its_savepoint(ready)
    ready.play(lambda: len(ready.flink.history) == 3)
    ready.flink.history[2].status = "FAILED"
    ready.play(lambda: ready.is_in("Stopped"))
    assert not ready.status.rejected.digest
    assert ready.status.recovery_points[0].path == ready.flink.history[2].restored == "s3://s/savepoint-2"


def test_so_it_does_of_an_update_of_the_cluster(ready):
    ready.flink.checkpoint_every = 1e6
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: ready.is_in("Starting"))
    ready.lose_jobmanager()
    ready.cluster(supervisorStatus="Started", revision="r2", onTrial=True)
    ready.play(lambda: ready.is_in("Started"))
    ready.annotate("START")
    lost_with_its_savepoint(ready)
    ready.play(lambda: ready.status.savepoint_path == "s3://s/savepoint-2")
    ready.lose_jobmanager()
    ready.cluster(revision="r1", onTrial=False)
    ready.play(lambda: ready.is_in("Started"))
    assert ready.flink.history[-1].restored == "s3://s/savepoint-2"


def restarted_without_checkpoints(stage: Any) -> Any:
    """Its savepoint is all there is, in a directory that cannot be listed."""
    made = stage()
    made.flink.checkpoint_every = 1e6
    made.play(lambda: made.is_in("Started"))
    made.flink.unlisted = True
    made.annotate("START")
    return made


def test_no_job_begins_empty_where_its_savepoint_cannot_be_looked_for(stage):
    made = restarted_without_checkpoints(stage)
    made.play(lambda: any(run.operations for run in made.flink.runs.values()))
    made.lose_jobmanager()
    made.play(lambda: made.conditions.get("Stalled") == "StateUnknown")
    assert len(made.flink.history) == 1


def test_a_start_by_a_person_looks_once_more(stage):
    made = restarted_without_checkpoints(stage)
    lost_with_its_savepoint(made)
    made.play(lambda: made.conditions.get("Stalled") == "StateUnknown")
    made.flink.checkpoint_every = 10.0
    made.annotate("START")
    made.settle(20)
    assert made.status.message.startswith("looking for the savepoint of the stop")
    found_once_the_store_is_well_again(made)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", ["killed", "unknown"])
@pytest.mark.parametrize("number", range(6))
def test_cut_at_any_call_of_the_search(ready, request, number, trouble, when):
    ready.annotate("START")
    lost_with_its_savepoint(ready)
    ready.play(lambda: ready.status.lost_state.job_id)
    knife = ready.knife
    knife.at, knife.when, knife.do = len(knife.seen) + number, when, request.getfixturevalue(trouble)
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", PATH]
