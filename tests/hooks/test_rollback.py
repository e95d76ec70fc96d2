"""Pods of an update that fails: those from before come back, whatever the spec goes on saying."""

from __future__ import annotations

from typing import Any

import pytest

from core.cluster import RejectedRevision, Trial

from .worlds import World, flink_cluster, flink_job, revision

SECRETS = {"s3.secret-key": "hunter22", "taskmanager.numberOfTaskSlots": 2}
GOOD, BAD = {"image": "flink:2.3.0"}, {"image": "flink:absent"}
# What is empty in it, or null, is what was written.
PODS = {"serviceMode": "ClusterIP", "volumes": [{"name": "x", "csi": {}}], "podTemplate": {"spec": {"a": None}}}


def started(**changes: Any) -> World:
    """A cluster without jobs whose pods are found to work."""
    world = World(flink_cluster(taskManagers=1, flinkConfiguration=SECRETS, **changes))
    world.settle()
    world.report(answering=True, task_managers=1, stable=world.status["revision"])
    world.settle()
    assert world.phase == "Started"
    return world


def updated(world: World, **changes: Any) -> str:
    """Its spec is edited, and the new pods are there. Returns their revision."""
    world.edit(**changes)
    before = world.status["revision"]
    world.settle()
    after = str(world.status["revision"])
    assert after not in ("", before)
    return after


def reject(world: World, what: str, **more: Any) -> None:
    stable = world.status["stable"]["revision"]
    world.report(
        stable=stable, rejected=RejectedRevision(what, "ErrImagePull: not found", "2026-01-01T12:00:00Z"), **more
    )


def images(world: World) -> set[str]:
    pods = [item for (kind, _), item in world.children.items() if kind == "Pod"]
    return {pod["spec"]["containers"][0]["image"] for pod in pods}


def condition(world: World, type: str) -> tuple[str, str]:
    (found,) = (item for item in world.status["conditions"] if item["type"] == type)
    return found["status"], found["reason"]


def ready(world: World) -> str:
    (found,) = (item for item in world.status["conditions"] if item["type"] == "Ready")
    return str(found["message"])


def test_an_update_says_until_when_it_has_to_work():
    world = started()
    revision = updated(world, runtime=BAD)
    world.report(trial=Trial(revision, "2026-01-01T12:00:00Z"))
    world.settle()
    told = "an update that does not work by 2026-01-01T12:10:00Z is taken back, unless it is mended"
    assert ready(world).endswith(f"; {told}")
    assert told not in world.status["message"], "what the verdict about it says"


@pytest.mark.parametrize("edit", [{"rollback": False}, {"runtime": {"image": "flink:other"}}, {"suspend": True}])
def test_what_is_not_taken_back_any_more_has_no_deadline(edit):
    """Whatever the report says that was written before the edit."""
    world = started()
    revision = updated(world, runtime=BAD)
    world.report(trial=Trial(revision, "2026-01-01T12:00:00Z"))
    world.jobs = [flink_job(status={"supervisorStatus": "Starting", "clusterRevision": revision})]
    world.settle()
    assert "is taken back" in ready(world)
    world.edit(**edit)
    world.settle()
    assert world.status["revision"] == revision
    assert "is taken back" not in ready(world)


def test_what_works_is_kept():
    world = started(jobManager=PODS)
    stable = world.status["stable"]
    assert stable["revision"] == world.status["revision"]
    assert stable["flinkConfiguration"] == {"s3.secret-key": "hunter22", "taskmanager.numberOfTaskSlots": "2"}
    assert stable["jobManager"] == {**PODS, "podTemplate": {"spec": {}}}
    assert "onTrial" not in world.status


def test_the_pods_from_before_come_back():
    world = started()
    good, bad = world.status["revision"], updated(world, runtime=BAD)
    assert world.status["onTrial"] is True
    assert images(world) == {"flink:absent"}

    reject(world, bad)
    world.sync()
    assert (world.phase, world.status["targetRevision"]) == ("Stopping", good)
    assert images(world) == {"flink:absent"}
    world.settle()
    assert images(world) == {"flink:2.3.0"}
    assert (world.status["revision"], world.status["incarnation"]) == (good, 3)
    assert world.parent["spec"]["runtime"]["image"] == "flink:absent"

    reject(world, bad, answering=True, task_managers=1)
    world.settle()
    assert world.phase == "Started"
    assert condition(world, "Ready") == ("False", "RolledBack")
    assert condition(world, "Stalled") == condition(world, "Degraded") == ("True", "RolledBack")
    assert condition(world, "Progressing")[0] == "False"
    assert world.status["rejected"]["failure"] == "ErrImagePull: not found"
    assert "onTrial" not in world.status


def rolled_back(**changes: Any) -> World:
    world = started(**changes)
    reject(world, updated(world, runtime=BAD), answering=True, task_managers=1)
    world.settle()
    assert images(world) == {"flink:2.3.0"}
    return world


def test_an_edit_of_the_failed_spec_is_tried():
    world = rolled_back()
    updated(world, runtime={"image": "flink:2.4.0"})
    assert images(world) == {"flink:2.4.0"}
    assert world.status["onTrial"] is True
    assert condition(world, "Stalled")[0] == "False"


@pytest.mark.parametrize("changes", [{"taskManagers": 3}, {"supervisor": {"image": "flinkctl:2"}}, {"suspend": False}])
def test_what_makes_no_other_pods_is_no_edit_of_it(changes):
    world = rolled_back()
    pods = set(world.pods())
    world.edit(**changes)
    world.settle()
    assert pods <= set(world.pods())
    assert images(world) == {"flink:2.3.0"}
    assert len(world.pods()) == 1 + changes.get("taskManagers", 1)


def test_the_spec_from_before_by_hand_moves_no_pod():
    world = rolled_back()
    pods = world.pods()
    world.edit(runtime=GOOD)
    world.settle()
    assert world.pods() == pods
    assert "rejected" not in world.status


def test_a_restart_that_a_person_asks_for_tries_it_again():
    world = rolled_back()
    stable, rejected = world.status["stable"]["revision"], world.status["rejected"]
    world.report(stable=stable, rejected=RejectedRevision.from_json(rejected), restarts=1)
    world.settle()
    assert images(world) == {"flink:absent"}


def test_without_the_supervisors_report_it_stays_rejected():
    world = rolled_back()
    pods, rejected = world.pods(), world.status["rejected"]
    world.parent["metadata"]["annotations"] = {}
    world.settle()
    assert world.pods() == pods
    assert world.status["rejected"] == rejected


def test_suspended_and_back():
    world = rolled_back()
    world.edit(suspend=True)
    world.settle()
    assert world.pods() == []
    assert condition(world, "Stalled")[0] == "False"
    world.edit(suspend=False)
    world.settle()
    assert images(world) == {"flink:2.3.0"}


def test_a_job_that_holds_the_pods_is_waited_for():
    world = started()
    bad = updated(world, runtime=BAD)
    world.jobs = [flink_job(status={"supervisorStatus": "Starting", "clusterRevision": bad, "jobParallelism": 1})]
    reject(world, bad)
    world.settle()
    assert (world.phase, images(world)) == ("Stopping", {"flink:absent"})
    world.jobs = []
    # It is seen no more; for some seconds it may only have lost its label.
    world.parent["status"]["heldBy"] = {}
    world.settle()
    assert images(world) == {"flink:2.3.0"}


def test_a_restart_is_no_update():
    world = started()
    world.report(stable=world.status["revision"], restarts=1)
    world.settle()
    assert world.status["revision"] != world.status["stable"]["revision"]
    assert "onTrial" not in world.status


def test_a_cluster_that_never_worked_has_nothing_to_come_back_to():
    world = World(flink_cluster(runtime=BAD))
    world.settle()
    assert "stable" not in world.status and "onTrial" not in world.status
    world.report(rejected=RejectedRevision(world.status["revision"], "no"))
    world.settle()
    assert images(world) == {"flink:absent"}
    assert condition(world, "Stalled")[0] == "False"


def test_without_rollback_nothing_is_kept_nor_taken_back():
    world = rolled_back()
    world.edit(rollback=False)
    world.settle()
    assert "stable" not in world.status
    assert images(world) == {"flink:absent"}


def test_what_was_edited_as_it_was_found_to_work_leaves_no_way_back():
    """Nobody knows those pods any more, and jobs have gone on since the ones before."""
    world = started()
    works = updated(world, runtime={"image": "flink:2.4.0"})
    world.edit(runtime=BAD)
    world.report(stable=works)
    world.sync()
    assert world.status["revision"] == works
    assert "stable" not in world.status


def test_what_has_no_room_is_not_kept():
    world = started(jobManager={"serviceMode": "ClusterIP", "annotations": {"a": "x" * 300_000}})
    assert "stable" not in world.status


def test_another_spelling_of_the_defaults_is_no_update():
    """A version of ours may spell them out: what was kept is compared, not its hash of then."""
    world = started()
    world.parent["status"]["stable"]["runtime"].pop("pullPolicy")
    world.parent["status"]["stable"]["revision"] = "0badcafe"
    world.report(answering=True, task_managers=1, stable="0badcafe")
    world.sync()
    assert "onTrial" not in world.status
    assert world.status["revision"] == revision(world.parent)
