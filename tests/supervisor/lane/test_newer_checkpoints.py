"""A JobManager that ends after checkpoints which nobody has seen: they were completed after the last look, and the one
that was seen may be gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clients.flink import TimedOut, Unknown
from clients.kube import resources

from . import fakes
from .fakes import copied
from .test_updates import rolled_back, update

SAVEPOINT = "s3://s/savepoint-1"


def unseen(stage: Any, seconds: int = 15) -> str:
    """Nobody looks for so long. Returns the newest checkpoint's path."""
    for _ in range(seconds):
        stage.wait(1)
    newest = stage.flink.history[-1].snapshots[-1].external_path
    assert newest not in [point.path for point in stage.status.recovery_points]
    return newest


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
    assert ready.status.failure.startswith("RecoveryPointUnreadable: no recovery point that is known can be read: ")
    assert ready.conditions["Stalled"] == "RecoveryPointUnreadable"
    assert ready.flink.searches == 3
    ready.flink.disk.update(kept)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_a_directory_that_all_jobs_write_to_is_not_looked_into(ready):
    """As with execution.checkpointing.create-subdir: false."""
    job = ready.job
    job["status"]["checkpointDirectory"] = ""
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


# ---- a run of which none was seen ----------------------------------------------------------------------------------


def never_seen(stage: Any) -> str:
    """The checkpoints of its run are completed after the last look. Returns the newest one's path."""
    stage.play(lambda: stage.status.job_id in stage.flink.runs)
    newest = unseen(stage, 25)
    stage.lose_jobmanager()
    return newest


def test_a_first_run_of_which_no_checkpoint_was_seen_is_not_begun_anew(stage):
    job = stage()
    newest = never_seen(job)
    job.play(job.is_ready)
    assert [run.restored for run in job.flink.history] == ["", newest]


def test_nor_does_a_later_one_fall_back_behind_its_own(ready):
    first = ready.status.job_id
    ready.annotate("START")
    ready.play(lambda: ready.status.job_id not in ("", first))
    newest = never_seen(ready)
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", SAVEPOINT, newest]


@pytest.mark.parametrize("where", ["job", "cluster"])
def test_it_is_looked_for_where_the_run_had_them(stage, where):
    """Whatever its successor is to have."""
    job, other = stage(), {"execution.checkpointing.dir": "s3://other"}
    newest = never_seen(job)
    if where == "job":
        job.edit(flinkConfiguration=other)
    else:
        job.flink.settings |= other
        job.cluster(revision="r2")
    job.play(job.is_ready)
    assert [run.restored for run in job.flink.history] == ["", newest]


def test_it_goes_before_what_an_older_run_may_have(stage):
    """Of that one it was not known, and a person has named another start."""
    job, named = stage(), "s3://known/savepoint-x"
    never_seen(job)
    job.flink.unlisted = True
    job.play(lambda: job.status.failure.startswith("StateUnknown"))
    job.flink.unlisted = False
    job.flink.disk[named] = 1000.0
    job.annotate("START", origin=named)
    job.play(lambda: len(job.flink.runs) == 1 and not job.asked)
    newest = never_seen(job)
    job.play(job.is_ready)
    assert [run.restored for run in job.flink.history] == ["", named, newest]


def test_it_goes_before_what_was_looked_for_in_vain(ready):
    """Beside a recovery point that could not be read."""
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 2 and ready.is_ready())
    for path in [path for path in ready.flink.disk if ready.status.job_id in path]:
        del ready.flink.disk[path]
    ready.lose_jobmanager()
    ready.play(lambda: len(ready.flink.history) == 3)
    assert ready.flink.history[-1].restored == SAVEPOINT
    newest = never_seen(ready)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_it_goes_before_the_savepoint_of_a_stop_that_a_person_passed_over(ready):
    named = "s3://known/savepoint-x"
    ready.flink.disk[named] = 1000.0
    ready.annotate("START", origin=named)
    ready.play(lambda: ready.status.supervisor_status == "Stopping")
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.attempt == 2 and len(ready.flink.runs) == 1)
    newest = never_seen(ready)
    ready.play(ready.is_ready)
    assert [run.restored for run in ready.flink.history] == ["", named, newest]


def test_an_update_that_is_edited_again_begins_with_what_it_has_written(ready):
    """It worked: a checkpoint was completed, whether or not anybody looked."""
    first = ready.status.job_id
    ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "image": "img:2"})
    ready.play(lambda: ready.status.job_id not in ("", first))
    newest = never_seen(ready)
    ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "image": "img:3"})
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_it_settles_that_an_update_works(ready):
    """As any checkpoint does, whether or not anybody looked: it is not taken back."""
    first = ready.status.job_id
    ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "image": "img:2"})
    ready.play(lambda: ready.status.job_id not in ("", first))
    newest = never_seen(ready)
    ready.play(lambda: ready.status.recovery_points[0].path == newest)
    ready.flink.refused.add(f"{ready.status.delivery.number}_app.jar")
    ready.play(lambda: ready.is_in("Stopped"))
    assert "RolledBack" not in ready.kube.events
    assert ready.status.recovery_points[0].path == newest


def test_it_settles_an_update_of_the_cluster_too(ready):
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Started", revision="r2", incarnation=2, onTrial=True)
    ready.play(lambda: ready.status.attempt == 2)
    newest = never_seen(ready)
    ready.play(lambda: ready.status.recovery_points[0].path == newest)
    assert ready.status.runs_on.ready


def test_where_it_may_have_some_and_nobody_can_look_it_waits_for_a_person(stage):
    job = stage()
    newest = never_seen(job)
    job.flink.unlisted = True
    job.play(lambda: "StateUnknown" in job.status.failure)
    assert len(job.flink.history) == 1
    assert job.status.failure.startswith("StateUnknown: the job may have state")
    assert f"in vain in s3://ckp/{job.flink.history[0].id}; start it to look once more" in job.status.failure
    job.flink.unlisted = False
    job.annotate("START")
    job.play(job.is_ready)
    assert job.flink.history[-1].restored == newest


def test_a_store_that_refuses_once_is_asked_again_where_nothing_else_is_known(stage):
    job = stage()
    newest = never_seen(job)
    job.flink.unlisted = True
    job.play(lambda: job.flink.searches == 1)
    job.flink.unlisted = False
    job.play(job.is_ready)
    assert job.flink.history[-1].restored == newest


def test_a_job_that_makes_none_needs_no_place_that_can_be_listed(stage, monkeypatch):
    job = stage()
    job.flink.checkpoint_every = 1e6
    monkeypatch.setattr(job.flink, "checkpointing_config", lambda job_id: 0)
    job.play(job.is_ready)
    job.flink.unlisted = True
    job.lose_jobmanager()
    job.play(lambda: len(job.flink.history) == 2 and job.is_ready())
    assert (job.flink.history[-1].restored, job.flink.searches) == ("", 0)


@pytest.mark.parametrize(
    ("settings", "searches"),
    [
        ({"state.checkpoints.dir": "s3://ckp/"}, 1),
        ({"execution.checkpointing.dir": "s3://ckp", "execution.checkpointing.create-subdir": "False"}, 0),
        ({}, 0),
    ],
)
def test_it_is_looked_for_where_the_configuration_says(stage, settings, searches):
    job = stage()
    job.flink.settings = settings
    newest = never_seen(job)
    job.play(job.is_ready)
    assert (job.flink.history[-1].restored, job.flink.searches) == (newest if searches else "", searches)


# ---- where else a run may be lost ----------------------------------------------------------------------------------


def test_a_stop_that_left_no_savepoint_comes_back_from_the_newest_one(ready, monkeypatch):
    monkeypatch.setattr(fakes, "TAKES", 60.0)
    ready.annotate("START")
    ready.play(lambda: any(run.operations for run in ready.flink.runs.values()))
    newest = unseen(ready)
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_a_job_that_was_lost_while_it_was_cancelled_starts_from_the_newest_one(ready):
    ready.annotate("STOP", without="true")
    ready.play(lambda: ready.status.stop.trigger_id)
    newest = unseen(ready)
    ready.lose_jobmanager()
    ready.play(lambda: ready.is_in("Stopped"))
    ready.annotate("START")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


@pytest.mark.parametrize("readable", [True, False])
def test_a_path_that_a_person_chose_goes_before_it_where_it_can_be_read(ready, readable):
    ready.settle(10)
    newest, seen = unseen(ready), ready.status.recovery_points[0].path
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.lost_state.newer)
    ready.annotate("START", origin=seen if readable else "s3://typo")
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == (seen if readable else newest)


# ---- beside a savepoint --------------------------------------------------------------------------------------------


def test_an_older_one_does_not_go_before_a_savepoint(ready, monkeypatch):
    """Whose number is told by Flink's list alone, which is older than its answer to who asked for the savepoint."""
    ready.flink.checkpoint_every = 1.0
    ready.settle(10)
    stale = ready.flink.checkpoints(ready.status.job_id)
    monkeypatch.setattr(ready.flink, "checkpoints", lambda job_id: stale)
    unseen(ready, 3)
    ready.flink.checkpoint_every = 1e6
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.status.savepoint_path)
    ready.lose_jobmanager()
    monkeypatch.undo()
    ready.flink.checkpoint_every = 1.0
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == ready.status.savepoint_path


def test_a_savepoint_is_known_together_with_what_is_older(ready, monkeypatch):
    monkeypatch.setattr(fakes, "TAKES", 35.0)
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: any(run.operations for run in ready.flink.runs.values()))
    saved = unseen(ready, 36)
    ready.step()
    assert ready.status.recovery_points[0].path == saved
    ready.lose_jobmanager()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == saved


# ---- what it costs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [TimedOut("no answer in time"), Unknown("HTTP 500: OutOfMemoryError: Metaspace")])
def test_no_answer_holds_a_start_for_a_moment_only(ready, error):
    """The job does not depend on it."""
    ready.edit(restart={"restartPolicy": "Never", "restartDelay": 60, "restartTimeout": 1800})
    ready.settle(20)
    plan = ready.flink.plan

    def answer(jar_id: str, *, timeout_seconds: float, **more: Any) -> str:
        if not jar_id.endswith("finder.jar"):
            return plan(jar_id, timeout_seconds=timeout_seconds, **more)
        ready.wait(timeout_seconds if isinstance(error, TimedOut) else 0.1)
        raise error

    ready.flink.plan = answer
    ready.lose_jobmanager()
    began = ready.clock.now
    ready.play(lambda: len(ready.flink.history) == 2, steps=3000)
    assert ready.clock.now - began < timedelta(seconds=50)
    assert "RecoveryPointUnreadable" in ready.kube.events


def test_a_supervisor_that_is_killed_looks_again_at_once(ready, killed):
    ready.settle(20)
    ready.lose_jobmanager()
    cluster = copied(ready.kube.objects["flinkclusters", "demo"])
    cluster["spec"]["supervisor"]["pollingInterval"] = 600
    ready.kube.put(resources.FLINK_CLUSTERS, cluster)
    knife = ready.knife
    knife.only, knife.at, knife.when, knife.do = "flink plan", 0, "before", killed
    knife.seen.clear()
    began = ready.clock.now
    ready.play(lambda: len(ready.flink.history) == 2, steps=3000)
    assert (ready.kills, ready.flink.searches) == (1, 1)
    assert ready.clock.now - began < timedelta(seconds=30)


def test_it_is_looked_for_again_while_the_jar_is_on_its_way(ready):
    ready.settle(10)
    newest = unseen(ready)
    pods, due = ready.pods, ready.clock.now + timedelta(seconds=20)
    ready.pods = lambda: tuple(pod for pod in pods() if pod["metadata"]["name"] != "b" or ready.clock.now >= due)
    ready.lose_jobmanager()
    ready.flink.unlisted = True
    ready.play(lambda: ready.flink.searches == 1)
    ready.flink.unlisted = False
    assert ready.clock.now < due
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


# ---- what is told of it --------------------------------------------------------------------------------------------


def test_its_age_is_its_own(ready):
    """The supervisor was away for longer than maxStateAge."""
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "maxStateAge": 30})
    ready.settle(20)
    newest = unseen(ready, 70)
    ready.lose_jobmanager()
    ready.new_supervisor()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


def test_the_loss_is_told_with_what_comes_first(ready):
    ready.settle(10)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.lost_state.newer)
    assert "a newer checkpoint is looked for first" in ready.status.message


@pytest.mark.parametrize("how", ["STOP", "suspend"])
@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_was_lost_before_anybody_saw_it_run_and_is_stopped_then(stage, how, first):
    job = stage()
    if not first:
        job.play(job.is_ready)
        job.annotate("START")
    job.play(lambda: len(job.flink.history) == (1 if first else 2))
    newest = unseen(job, 25)  # the supervisor is away
    job.lose_jobmanager()
    job.annotate("STOP") if how == "STOP" else job.edit(suspend=True)
    job.play(lambda: job.is_in("Stopped"))
    job.annotate("START") if how == "STOP" else job.edit(suspend=False)
    job.play(job.is_ready)
    assert job.flink.history[-1].restored == newest


def test_what_an_update_wrote_unseen_is_not_taken_back_with_the_edit_after_it(ready):
    update(ready, "img:2")
    ready.play(lambda: len(ready.flink.history) == 2)
    newest = unseen(ready, 25)
    ready.lose_jobmanager()
    ready.step()
    ready.flink.answers = False
    ready.annotate("STOP")
    ready.play(lambda: ready.is_in("Stopped"))
    ready.flink.answers = True
    ready.flink.stuck |= {"3_app.jar", "4_app.jar"}
    update(ready, "img:3")
    ready.annotate("START")
    ready.play(lambda: len(ready.flink.history) == 3)
    assert ready.flink.history[-1].restored == newest
    ready.flink.stuck.clear()
    ready.play(lambda: rolled_back(ready), steps=3000)
    assert ready.flink.history[-1].restored == newest, [run.restored for run in ready.flink.history]
