"""How often a lane writes, and that nothing escapes from it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from clients.flink import Unknown


@pytest.mark.parametrize(("every", "writes"), [(60.0, 1), (30.0, 1), (10.0, 3), (2.0, 15)])
def test_a_job_that_runs_writes_only_its_recovery_points(stage, every, writes):
    """Once a minute, or as often as it takes for the newest stored one to be there still: supervisor and JobManager may
    be lost together, with their node."""
    made = stage()
    made.flink.checkpoint_every = every
    made.play(made.is_ready)
    made.settle(130)
    made.kube.writes.clear()
    start = made.clock.now
    while (made.clock.now - start).total_seconds() < 600:
        made.step()
        assert made.status.recovery_points[0].path in made.flink.disk
    assert set(made.kube.writes) == {"status"}
    assert len(made.kube.writes) <= 10 * writes + 2


def test_supervisor_and_jobmanager_are_lost_together(ready):
    """What was stored is older than what was seen last: the newest is in the directory."""
    ready.settle(95)
    newest = ready.flink.history[-1].snapshots[-1].external_path
    assert ready.status.recovery_points[0].path != newest
    ready.lose_jobmanager()
    ready.new_supervisor()
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == newest


@pytest.mark.parametrize("how", ["stopped", "silent", "waiting"])
def test_a_job_that_waits_writes_nothing(ready, how):
    if how == "stopped":
        ready.annotate("STOP")
        ready.play(lambda: ready.is_in("Stopped"))
    elif how == "silent":
        ready.flink.answers = False
    else:
        ready.edit(jobParallelism=20)
    ready.settle(70)
    ready.kube.writes.clear()
    ready.settle(50)
    assert len(ready.kube.writes) <= (3 if how == "waiting" else 0)  # there it runs on, and its checkpoints count


def test_checkpoints_that_are_not_written_yet_are_remembered(ready):
    ready.settle(65)
    ready.settle(25)
    ready.kube.writes.clear()
    ready.annotate("STOP", without="true")
    ready.play(lambda: ready.is_in("Stopped"))
    assert ready.flink.disk[ready.status.recovery_points[0].path] == max(ready.flink.disk.values())


def test_what_is_repeated_without_a_write_is_looked_up_first(stage):
    """The intent is written, and Flink never hears of it; a STOP that the watch has not brought yet comes between."""
    made, asked = stage(), []

    def unheard(jar_id, **more):
        asked.append(jar_id)
        raise Unknown("no answer in time")

    made.flink.run = unheard
    made.play(lambda: len(asked) > 2)
    stale, around = copy.deepcopy(made.job), made.around()
    made.kube.writes.clear()
    made.lane.step(stale, around)
    assert (len(asked), made.kube.writes) == (4, [])
    made.annotate("STOP")
    made.lane.step(stale, around)
    assert len(asked) == 4


@pytest.mark.defect(6)
def test_one_jobs_trouble_is_its_own(ready, caplog):
    """A step raises nothing, whatever goes wrong in it."""
    broken = copy.deepcopy(ready.job)
    broken["status"]["supervisorStatus"] = "Nonsense"
    broken["metadata"]["resourceVersion"] = "999999"
    assert ready.lane.step(broken, ready.around()) > 0
    assert "step failed" in caplog.text


def test_of_a_spec_that_is_wrong_in_one_part_the_others_hold(ready):
    """A deletion takes the savepoint that the spec asks for."""
    ready.edit(restart={"restartPolicy": "Sometimes"}, savepoint={**ready.job["spec"]["savepoint"], "historyLimit": 40})
    world = ready.lane._world(ready.job, ready.around())
    assert "spec.restart.restartPolicy" in world.problems[0]
    assert (world.job.savepoint.history_limit, world.job.bootstrap.jar_path) == (40, "/app.jar")


def test_a_job_that_is_gone_is_no_error(ready, caplog):
    del ready.kube.objects["flinkjobs", ready.NAME]
    job = {**copy.deepcopy(ready.lane._newest)}
    job["metadata"] = {**job["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z", "resourceVersion": "99999"}
    assert ready.lane.step(job, ready_surroundings(ready)) > 0
    assert "failed" not in caplog.text


def ready_surroundings(stage: Any) -> Any:
    stage.pods = lambda: ()
    return stage.around()
