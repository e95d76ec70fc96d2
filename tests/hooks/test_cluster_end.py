"""A cluster whose spec is wrong, and a cluster that is deleted: what stays, what is told, what ends it."""

from __future__ import annotations

import json

from .test_cluster_sync import LONG_AGO, condition, holding, started, wrong
from .worlds import World, flink_cluster, jobmanager, names_of, resource

NOW_ISH = "2999-01-01T00:00:00Z"


# A spec that is wrong.


def test_with_a_wrong_spec_everything_stays_as_it_was_applied():
    world = started()
    before, last = sorted(world.children), world.answer["children"]
    answer = wrong(world).sync()
    assert (sorted(world.children), answer["children"]) == (before, last)


def test_a_wrong_spec_is_told_with_the_fields_path():
    world = wrong(started())
    was = world.status
    world.settle()
    ready, stalled = condition(world.status, "Ready"), condition(world.status, "Stalled")
    assert (ready["status"], ready["reason"], stalled["status"]) == ("False", "InvalidSpec", "True")
    assert "spec.taskManager.taskSlots: " in ready["message"]
    assert "spec.supervisor.image: Required value" in ready["message"]
    assert ready["observedGeneration"] == 2
    kept = ("supervisorStatus", "revision", "targetRevision", "incarnation", "taskManagers", "jobManagerPod")
    assert {key: world.status.get(key) for key in kept} == {key: was.get(key) for key in kept}


def test_a_wrong_spec_of_a_new_cluster_makes_nothing():
    parent = resource("FlinkCluster", "demo", {"runtime": {}})
    world = World(parent)
    answer = world.settle()
    assert answer["children"] == []
    assert condition(world.status, "Ready")["reason"] == "InvalidSpec"


def test_a_mended_spec_goes_on_where_it_was():
    world = started()
    good = json.loads(json.dumps(world.parent["spec"]))
    wrong(world).settle()
    world.edit(**good)
    world.settle()
    assert (world.phase, world.status["incarnation"]) == ("Started", 1)
    assert condition(world.status, "Stalled")["status"] == "False"


# Deletion.


def test_a_deletion_waits_for_the_jobs_and_keeps_pods_and_supervisor():
    world = started()
    world.jobs, pods = [holding(world)], world.pods()
    world.delete(NOW_ISH)
    answer = world.settle("/cluster/finalize")
    assert (answer["finalized"], world.phase, world.pods()) == (False, "Stopping", pods)
    assert names_of(answer, "Deployment") == ["supervisor-demo"]


def test_a_deletion_ends_when_the_jobs_have_let_go_and_nothing_is_left():
    world = started()
    world.jobs = [holding(world)]
    world.delete(NOW_ISH)
    world.settle("/cluster/finalize")
    world.jobs = []
    answer = world.sync("/cluster/finalize")
    assert (answer["finalized"], answer["children"]) == (False, [])
    answer = world.sync("/cluster/finalize")
    assert (answer["finalized"], answer["children"], world.phase) == (True, [], "Terminated")


def test_a_deletion_ends_at_its_deadline_whoever_holds():
    world = started(deletionDeadline=60)
    world.jobs = [holding(world)]
    world.delete(LONG_AGO)
    first = world.sync("/cluster/finalize")
    assert (first["finalized"], world.phase) == (False, "Stopping")
    assert world.sync("/cluster/finalize")["finalized"] is True


def test_a_pod_that_never_goes_holds_a_deletion_up_to_the_deadline_only():
    """Its node is lost: nobody will ever say that it has ended."""
    pod = jobmanager("0badcafe", 1, deleted=LONG_AGO)
    status = {"supervisorStatus": "Terminated", "revision": "", "targetRevision": "", "incarnation": 1}
    world = World(flink_cluster(status=status))
    world.delete(NOW_ISH)
    world.children = {("Pod", pod["metadata"]["name"]): pod}
    assert world.sync("/cluster/finalize")["finalized"] is False
    world.children = {("Pod", pod["metadata"]["name"]): pod}
    world.delete(LONG_AGO)
    assert world.sync("/cluster/finalize")["finalized"] is True


def test_a_wrong_spec_does_not_hold_a_deletion_up():
    world = started()
    wrong(world).settle()
    world.jobs = [holding(world)]
    children = sorted(world.children)
    world.delete(NOW_ISH)
    answer = world.settle("/cluster/finalize")
    assert (answer["finalized"], world.phase, sorted(world.children)) == (False, "Stopping", children)
    world.jobs = []
    world.sync("/cluster/finalize")
    assert world.sync("/cluster/finalize")["finalized"] is True


def test_a_deletion_before_the_first_sync():
    world = World(flink_cluster())
    world.delete(NOW_ISH)
    answer = world.sync("/cluster/finalize")
    assert (answer["finalized"], answer["children"]) == (True, [])


def test_a_sync_never_says_finalized():
    world = started()
    world.delete(LONG_AGO)
    for _ in range(4):
        assert "finalized" not in world.sync()
