"""A cluster under the whole hook, answer after answer: what is published, what is made, what goes, and when."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import crds
from core import schema, times
from hooks.cluster import sync
from hooks.protocol import BadRequest

from .worlds import (
    NOW,
    World,
    applied,
    cluster_request,
    flink_cluster,
    flink_job,
    jobmanager,
    names_of,
    revision,
    taskmanager,
)

LONG_AGO = "2020-01-01T00:00:00Z"
ONE = {"supervisor": {"image": "flinkctl:1", "rescalePolicy": "None"}, "taskManagers": 1}


def started(jobs=(), **changes) -> World:
    world = World(flink_cluster(**{**ONE, **changes}), jobs)
    world.settle()
    world.report(answering=True, task_managers=1, flink_version="2.3.0")
    world.settle()
    assert world.phase == "Started"
    return world


def holding(world: World):
    status = {"supervisorStatus": "Started", "clusterRevision": world.status["revision"], "jobParallelism": 1}
    return flink_job(status=status)


def wrong(world: World) -> World:
    world.edit(taskManager={"taskSlots": "many"}, supervisor={})
    return world


def condition(status, type):
    return next(item for item in status["conditions"] if item["type"] == type)


def test_a_new_cluster_starts_all_its_pods_side_by_side():
    world = World(flink_cluster(**ONE))
    answer = world.sync()
    target = revision(world.parent)
    assert world.phase == "Starting"
    assert names_of(answer, "Pod") == [f"jobmanager-demo-{target}-1", f"taskmanager-demo-{target}-1-0"]
    assert names_of(answer, "Service") == ["jobmanager-demo"]
    assert names_of(answer, "Deployment") == names_of(answer, "RoleBinding") == ["supervisor-demo"]


def test_it_starts_and_settles():
    world = started()
    assert condition(world.status, "Ready")["status"] == "True"
    assert (world.status["clusterHealth"], world.status["resourceStatus"]) == ("HEALTHY", "Updated")
    assert (world.status["taskManagers"], world.status["taskManagerReplicas"], world.status["totalTaskSlots"]) == (
        1,
        1,
        2,
    )
    assert world.status["flinkVersion"] == "2.3.0"
    assert "resyncAfterSeconds" not in world.answer


def test_a_change_of_the_spec_step_by_step():
    """Published, waited for, and then all new pods at once, under a Service that leads to them only."""
    world = started()
    old, pods = world.status["revision"], world.pods()
    world.jobs = [holding(world)]
    world.edit(runtime={"image": "flink:2.4.0", "pullPolicy": "IfNotPresent"})
    answer = world.settle()
    assert (world.phase, world.status["revision"]) == ("Stopping", old)
    assert world.pods() == pods
    assert answer["resyncAfterSeconds"] > 0
    new = world.status["targetRevision"]
    assert new == revision(world.parent) != old
    world.jobs = [flink_job(status={"supervisorStatus": "Stopped"})]
    answer = world.sync()
    assert world.phase == "Starting"
    assert world.pods() == [f"jobmanager-demo-{new}-2", f"taskmanager-demo-{new}-2-0"]
    service = next(child for child in answer["children"] if child["kind"] == "Service")
    assert service["spec"]["selector"]["nextbreakpoint.com/incarnation"] == "2"


def test_pods_stay_in_the_answer_that_publishes_the_stop():
    """Though no job holds: the supervisor has not seen it, and may be about to submit one."""
    world = started()
    pods = world.pods()
    world.edit(suspend=True)
    world.sync()
    assert (world.phase, world.pods()) == ("Stopping", pods)
    world.sync()
    assert (world.phase, world.pods()) == ("Stopped", [])


def test_while_stopping_the_pods_are_the_old_ones_to_the_byte():
    world = started()
    before = {
        child["metadata"]["name"]: child for child in world.answer["children"] if child["kind"] in ("Pod", "Service")
    }
    world.jobs = [holding(world)]
    world.edit(runtime={"image": "other", "pullPolicy": "Always"})
    answer = world.settle()
    after = {child["metadata"]["name"]: child for child in answer["children"] if child["kind"] in ("Pod", "Service")}
    assert after == before


def test_a_stale_status_after_the_change_takes_no_pod_away():
    """The answer that started the new pods is not in the cache yet; the pods are."""
    world = started()
    world.edit(runtime={"image": "flink:2.4.0", "pullPolicy": "IfNotPresent"})
    world.sync()
    stale = world.parent
    world.sync()
    pods = world.pods()
    world.parent = stale
    world.sync()
    assert (world.phase, world.pods()) == ("Starting", pods)


def test_a_dead_jobmanager_takes_its_incarnation_with_it_in_one_answer():
    world = started()
    target = world.status["revision"]
    world.jobs = [holding(world)]
    world.fail(f"jobmanager-demo-{target}-1")
    world.sync()
    assert (world.phase, world.status["incarnation"]) == ("Starting", 2)
    assert world.pods() == [f"jobmanager-demo-{target}-2", f"taskmanager-demo-{target}-2-0"]
    assert condition(world.status, "Ready")["reason"] == "JobManagerLost"
    world.settle()
    assert world.status["incarnation"] == 2


def test_a_jobmanager_that_is_deleted_by_hand_is_one_incarnation():
    world = started()
    del world.children["Pod", f"jobmanager-demo-{world.status['revision']}-1"]
    world.sync()
    world.settle()
    assert world.status["incarnation"] == 2


def test_every_way_around_makes_the_incarnation_grow():
    world = started()
    seen = [world.status["incarnation"]]
    for number in range(3):
        world.edit(suspend=True)
        world.settle()
        seen.append(world.status["incarnation"])
        world.edit(suspend=False, runtime={"image": f"flink:{number}", "pullPolicy": "Always"})
        world.settle()
        seen.append(world.status["incarnation"])
    assert seen == sorted(seen)
    assert seen[-1] == 4


@pytest.mark.defect(15)
def test_a_dead_taskmanager_is_replaced_and_the_dead_one_goes():
    world = started()
    prefix = f"taskmanager-demo-{world.status['revision']}-1"
    world.fail(f"{prefix}-0")
    world.sync()
    assert [name for name in world.pods() if name.startswith("task")] == [f"{prefix}-1"]


@pytest.fixture
def stopping() -> World:
    """A job holds it, and the new spec has other slots, another image and more TaskManagers."""
    world = started()
    world.jobs = [holding(world)]
    world.edit(runtime={"image": "other", "pullPolicy": "Always"}, taskManager={"taskSlots": 5}, taskManagers=3)
    world.settle()
    assert world.phase == "Stopping"
    return world


def test_a_taskmanager_that_dies_while_stopping_is_replaced_by_its_copy(stopping):
    """Without it the job could take no last savepoint, and would hold the cluster for ever."""
    prefix = f"taskmanager-demo-{stopping.status['revision']}-1"
    before = stopping.children["Pod", f"{prefix}-0"]
    stopping.fail(f"{prefix}-0")
    answer = stopping.settle()
    assert names_of(answer, "Pod") == [f"jobmanager-demo-{stopping.status['revision']}-1", f"{prefix}-1"]
    copy = stopping.children["Pod", f"{prefix}-1"]
    assert (copy["spec"], copy["metadata"]["labels"]) == (before["spec"], before["metadata"]["labels"])


def test_while_stopping_there_are_as_many_taskmanagers_as_before(stopping):
    assert (stopping.status["taskManagers"], len(stopping.pods())) == (1, 2)


def test_a_taskmanager_that_is_gone_without_a_trace_is_made_from_the_spec_if_it_is_the_same():
    world = started()
    world.jobs = [holding(world)]
    world.edit(suspend=True)
    world.settle()
    pods = world.pods()
    del world.children["Pod", f"taskmanager-demo-{world.status['revision']}-1-0"]
    world.settle()
    assert world.pods() == pods


def test_one_of_another_spec_is_not_made(stopping):
    del stopping.children["Pod", f"taskmanager-demo-{stopping.status['revision']}-1-0"]
    stopping.settle()
    assert stopping.pods() == [f"jobmanager-demo-{stopping.status['revision']}-1"]


def test_with_the_jobmanager_dead_no_taskmanager_is_replaced_while_stopping(stopping):
    """The job is lost with it; nothing is left to save."""
    for name in stopping.pods():
        stopping.fail(name)
    stopping.sync()
    assert stopping.pods() == []


def test_a_taskmanager_that_ends_at_once_rests_and_its_reason_is_told():
    world = started()
    prefix = f"taskmanager-demo-{world.status['revision']}-1"
    at = {"startedAt": times.to_text(NOW - timedelta(seconds=4)), "finishedAt": times.to_text(NOW)}
    end = {"terminated": {"exitCode": 137, "reason": "OOMKilled", **at}}
    dead = {"phase": "Failed", "containerStatuses": [{"name": "taskmanager", "state": end}]}
    world.children["Pod", f"{prefix}-0"]["status"] = dead
    answer = sync.sync(world.request(), [], NOW + timedelta(seconds=5))
    assert (names_of(answer, "Pod")[-1], answer["resyncAfterSeconds"]) == (f"{prefix}-0", sync.RESYNC)
    degraded, ready = condition(answer["status"], "Degraded"), condition(answer["status"], "Ready")
    assert degraded["status"] == "True"
    assert ready["message"] == degraded["message"] == f"pod {prefix}-0: OOMKilled, exit code 137"
    for seconds in (15, -3600):  # later; or its node's clock is an hour ahead
        answer = sync.sync(world.request(), [], NOW + timedelta(seconds=seconds))
        assert names_of(answer, "Pod")[-1] == f"{prefix}-1"


def test_a_taskmanager_that_is_taken_away_is_no_trouble():
    """It ends as it shall; told as trouble for that moment, the next status takes it back again."""
    world = started()
    end = {"terminated": {"exitCode": 143, "reason": "Error"}}
    ended = {"phase": "Failed", "containerStatuses": [{"name": "taskmanager", "state": end}]}
    surplus = taskmanager(world.status["revision"], 1, 1, deleted=LONG_AGO, status=ended)
    world.children["Pod", surplus["metadata"]["name"]] = surplus
    before = world.status["conditions"]
    assert sync.sync(world.request(), [], NOW)["status"]["conditions"] == before


def test_suspended_it_keeps_its_supervisor_and_nothing_else():
    world = started(suspend=False)
    world.edit(suspend=True)
    answer = world.settle()
    assert {child["kind"] for child in answer["children"]} == {"ServiceAccount", "RoleBinding", "Deployment"}
    assert (world.status["taskManagers"], world.status["revision"]) == (0, "")
    assert condition(world.status, "Suspended")["status"] == "True"
    assert "resyncAfterSeconds" not in answer


@pytest.mark.parametrize("report", [{}, {"releasable": ("taskmanager-x",)}])
def test_a_stopped_clusters_status_does_not_change_with_each_write(report):
    """Its count of TaskManagers is 0, whatever the spec wants: that is no rescale."""
    world = World(flink_cluster(suspend=True, **{**ONE, "taskManagers": 3}))
    world.settle()
    before = world.status
    stamp = {"manager": "somebody", "time": "2026-02-02T00:00:00Z"}
    world.parent["metadata"]["managedFields"] = [stamp]
    world.report(**report)
    world.sync()
    assert world.status == before


def test_a_change_of_scale_is_dated():
    world = started()
    before = world.status["rescaleTimestamp"]
    world.edit(taskManagers=2)
    world.parent["metadata"]["managedFields"] = [{"manager": "kubectl", "time": "2026-03-03T00:00:00Z"}]
    world.settle()
    assert (before, world.status["rescaleTimestamp"]) == ("2026-01-01T00:00:00Z", "2026-03-03T00:00:00Z")


def test_the_status_moves_its_timestamp_only_when_it_says_something_new():
    world = started()
    before = world.status
    world.parent["metadata"]["managedFields"] = [{"manager": "x", "time": "2026-02-02T00:00:00Z"}]
    world.sync()
    assert world.status == before


def test_the_report_goes_into_the_status():
    world = started()
    world.report(answering=False, message="connection refused")
    world.sync()
    assert world.status["clusterHealth"] == "UNHEALTHY"
    degraded = condition(world.status, "Degraded")
    assert (degraded["status"], degraded["reason"], degraded["message"]) == (
        "True",
        "JobManagerSilent",
        "the JobManager does not answer",
    )


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '"x"', '{"restarts": "x"}', '{"releasable": 5, "taskManagers": {}}']
)
def test_a_report_that_cannot_be_read_counts_as_not_there(text):
    parent = flink_cluster(metadata={"annotations": {"supervisor.nextbreakpoint.com/report": text}})
    world = World(parent)
    world.settle()
    assert world.phase == "Starting"


# What Metacontroller asked for.


def test_customize_asks_for_the_jobs_and_the_supervisors_pods_by_label_in_the_own_namespace():
    def rule(api_version, resource, labels):
        selector = {"matchLabels": labels}
        return {"apiVersion": api_version, "resource": resource, "namespace": "team", "labelSelector": selector}

    assert sync.customize(flink_cluster()) == {
        "relatedResources": [
            rule("nextbreakpoint.com/v1", "flinkjobs", {"clusterName": "demo"}),
            rule("v1", "pods", {"clusterName": "demo", "role": "supervisor"}),
        ]
    }


def supervisor_pod(name, **status):
    labels = {"role": "supervisor", "clusterName": "demo"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "status": status}


NO_IMAGE = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
STUCK = supervisor_pod("supervisor-demo-b", containerStatuses=[{"name": "supervisor", "state": NO_IMAGE}])
READY = supervisor_pod("supervisor-demo-a", conditions=[{"type": "Ready", "status": "True"}])


def test_a_supervisor_that_cannot_run_is_told_in_the_kubelets_words():
    """Without it nobody says that the JobManager answers."""
    world = World(flink_cluster(**ONE), [STUCK])
    world.settle()
    ready, degraded = condition(world.status, "Ready"), condition(world.status, "Degraded")
    assert degraded["status"] == "True"
    assert ready["message"] == degraded["message"] == "pod supervisor-demo-b: ErrImagePull: no such image"


def test_a_supervisor_beside_one_that_runs_is_no_trouble():
    world = World(flink_cluster(**ONE), [STUCK, READY])
    world.settle()
    assert condition(world.status, "Degraded")["status"] == "False"


@pytest.mark.parametrize(("part", "kind"), [("children", "Pod"), ("related", "FlinkJob")])
def test_what_was_not_looked_for_is_not_taken_for_absent(part, kind):
    """Without the jobs a change would take the pods from under them."""
    request = cluster_request(flink_cluster(), [jobmanager("0badcafe", 1)])
    del getattr(request, part)[kind]
    with pytest.raises(BadRequest, match=kind):
        sync.sync(request, [], NOW)


# The status against its schema.


def worlds():
    yield World(flink_cluster())
    yield started()
    suspended = started()
    suspended.edit(suspend=True)
    suspended.sync()
    yield suspended
    held = started()
    held.jobs = [holding(held)]
    held.report(stopped=True, without_savepoint=True, answering=True, task_managers=1)
    held.edit(suspend=True)
    yield held
    lost = started()
    lost.fail(f"jobmanager-demo-{lost.status['revision']}-1")
    yield lost
    yield wrong(started())
    deleted = started()
    deleted.delete(LONG_AGO)
    yield deleted


@pytest.mark.parametrize("number", range(7))
def test_the_status_is_what_the_crd_says(number):
    """A field that the schema does not know would be dropped, and written again with each sync."""
    world = list(worlds())[number]
    whole = crds.schema("FlinkCluster")
    for path in ("/cluster/sync", "/cluster/finalize", "/cluster/finalize"):
        world.sync(path)
        stored = {**world.parent, "spec": flink_cluster()["spec"]}
        assert schema.unknown_fields(whole, stored) == []
        assert schema.errors(whole, stored) == []
        assert "null" not in json.dumps(world.status)


def test_pods_of_an_earlier_incarnation_are_dropped_whatever_else_happens():
    target = revision(flink_cluster(**ONE))
    world = started()
    stray = applied(taskmanager(target, 0, 7))
    world.children["Pod", stray["metadata"]["name"]] = stray
    world.sync()
    assert stray["metadata"]["name"] not in world.pods()


def test_no_taskmanager_goes_while_a_holder_has_lost_its_label() -> None:
    """The report that calls it idle may be from before the job began."""
    world = started()
    world.jobs = [flink_job(status={"clusterRevision": world.status["revision"], "jobParallelism": 1})]
    world.edit(taskManagers=0)
    world.settle()
    pods, world.jobs = world.pods(), []
    world.report(releasable=tuple(pod for pod in pods if pod.startswith("taskmanager")))
    for seconds, waits in ((0, True), (4, True), (6, False)):
        answer = sync.sync(world.request(), [], NOW + timedelta(seconds=seconds))
        world.parent = {**world.parent, "status": answer["status"]}
        assert ((names_of(answer, "Pod") == pods), "resyncAfterSeconds" in answer) == (waits, waits)


def test_a_holder_that_lost_its_label_holds_until_it_may_have_got_it_back() -> None:
    """Else its pods would be gone before its savepoint is taken."""
    world = started()
    world.jobs = [flink_job(status={"clusterRevision": world.status["revision"]})]
    world.settle()
    world.edit(runtime={"image": "flink:2.4.0"})
    world.sync()
    pods, world.jobs = world.pods(), []
    for seconds, waits in ((0, True), (4, True), (6, False)):
        answer = sync.sync(world.request(), [], NOW + timedelta(seconds=seconds))
        world.parent = {**world.parent, "status": answer["status"]}
        assert (names_of(answer, "Pod") == pods) == waits
