"""Decisions of a cluster's life as tables: every phase, every arrow of the handshake, every interruption."""

from __future__ import annotations

from typing import Any

import pytest

from core.cluster import Report
from core.states import Phase
from hooks.cluster import lifecycle, observed

from .worlds import (
    NOW,
    Post,
    cluster_body,
    cluster_request,
    flink_cluster,
    flink_job,
    jobmanager,
    revision,
    taskmanager,
)

OLD = flink_cluster()
NEW = flink_cluster(runtime={"image": "flink:2.4.0"})
A, B = revision(OLD), revision(NEW)
HOLDS = flink_job(status={"supervisorStatus": "Started", "clusterRevision": A, "jobParallelism": 1})
LET_GO = flink_job("demo-b", status={"supervisorStatus": "Stopped"})
RUNNING = [jobmanager(A, 1), taskmanager(A, 1, 0)]


def status(phase: str, current: str, target: str, incarnation: int, **more: Any) -> dict[str, Any]:
    return {
        "supervisorStatus": phase,
        "revision": current,
        "targetRevision": target,
        "incarnation": incarnation,
        **more,
    }


STARTED = status("Started", A, A, 1, jobManagerPod={"name": f"jobmanager-demo-{A}-1", "uid": "u"})
STOPPING = status("Stopping", A, B, 1)
GOING_DOWN = status("Stopping", A, "", 1, goingDown=True)
STOPPED = status("Stopped", "", "", 1)


def decide(cluster, was=None, pods=(), jobs=(), *, report="", deadline_passed=False, **metadata):
    annotations = {"supervisor.nextbreakpoint.com/report": report} if report else {}
    parent = {**cluster, "metadata": {**cluster["metadata"], "annotations": annotations, **metadata}}
    if was is not None:
        parent["status"] = was
    seen = observed.read(cluster_request(parent, pods, jobs), NOW)
    return lifecycle.decide(seen, task_managers=1, deadline_passed=deadline_passed)


def report(**values) -> str:
    return Report(**{"revision": A, "incarnation": 1, "answering": True, "task_managers": 1, **values}).text()


SUSPENDED = flink_cluster(suspend=True)
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}

# name: (parent, its status, pods, jobs, more) -> (phase, revision, target, incarnation, going down, reason)
ARROWS = {
    "a new cluster starts at once": ((OLD, None, [], [], {}), ("Starting", A, A, 1, False, "New")),
    "a new cluster that is suspended starts nothing": (
        (SUSPENDED, None, [], [], {}),
        ("Stopped", "", "", 0, False, "Suspended"),
    ),
    "a new cluster that is deleted starts nothing": (
        (OLD, None, [], [], DELETED),
        ("Terminated", "", "", 0, False, "Deleting"),
    ),
    "starting waits for the JobManager": (
        (OLD, status("Starting", A, A, 1), RUNNING, [], {}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "a report about another incarnation says nothing": (
        (OLD, status("Starting", A, A, 1), RUNNING, [], {"report": report(incarnation=0)}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "starting waits for the TaskManagers": (
        (OLD, status("Starting", A, A, 1), RUNNING, [], {"report": report(task_managers=0)}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "started when the JobManager answers and the slots are there": (
        (OLD, status("Starting", A, A, 1), RUNNING, [], {"report": report()}),
        ("Started", A, A, 1, False, "Started"),
    ),
    "started stays started": (
        (OLD, STARTED, RUNNING, [HOLDS], {"report": report()}),
        ("Started", A, A, 1, False, "Started"),
    ),
    "a silent JobManager stays started, and is not ready": (
        (OLD, STARTED, RUNNING, [], {"report": report(answering=False)}),
        ("Started", A, A, 1, False, "Waiting"),
    ),
    "an edit is published first, though no job holds": (
        (NEW, STARTED, RUNNING, [LET_GO], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "an edit while starting is published first too": (
        (NEW, status("Starting", A, A, 1), RUNNING, [], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "a request to restart is a change of revision": (
        (OLD, STARTED, RUNNING, [], {"report": report(restarts=1)}),
        ("Stopping", A, revision(OLD, 1), 1, False, "RevisionChanged"),
    ),
    "stopping waits for the jobs": (
        (NEW, STOPPING, RUNNING, [HOLDS, LET_GO], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "stopping ends when no job holds": (
        (NEW, STOPPING, RUNNING, [LET_GO], {}),
        ("Starting", B, B, 2, False, "RevisionChanged"),
    ),
    "another edit while stopping is published first": (
        (flink_cluster(runtime={"image": "flink:3"}), STOPPING, RUNNING, [], {}),
        ("Stopping", A, revision(flink_cluster(runtime={"image": "flink:3"})), 1, False, "RevisionChanged"),
    ),
    "an edit that is taken back keeps the pods": (
        (OLD, STOPPING, RUNNING, [LET_GO], {}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "an edit that is taken back, and all is there": (
        (OLD, STOPPING, RUNNING, [LET_GO], {"report": report()}),
        ("Started", A, A, 1, False, "Started"),
    ),
    "an edit that is taken back after the JobManager died": (
        (OLD, {**STOPPING, "jobManagerPod": {"uid": "u"}}, [], [LET_GO], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a suspension is published first": (
        (SUSPENDED, STARTED, RUNNING, [], {}),
        ("Stopping", A, "", 1, True, "Suspended"),
    ),
    "a change of revision becomes a suspension: published first": (
        (SUSPENDED, STOPPING, RUNNING, [], {}),
        ("Stopping", A, "", 1, True, "Suspended"),
    ),
    "a suspension waits for the jobs": (
        (SUSPENDED, GOING_DOWN, RUNNING, [HOLDS], {}),
        ("Stopping", A, "", 1, True, "Suspended"),
    ),
    "a suspension knows no deadline": (
        (SUSPENDED, GOING_DOWN, RUNNING, [HOLDS], {}),
        ("Stopping", A, "", 1, True, "Suspended"),
    ),
    "suspended when no job holds": (
        (SUSPENDED, GOING_DOWN, RUNNING, [LET_GO], {}),
        ("Stopped", "", "", 1, False, "Suspended"),
    ),
    "suspended stays suspended": ((SUSPENDED, STOPPED, [], [LET_GO], {}), ("Stopped", "", "", 1, False, "Suspended")),
    "a suspension that is taken back keeps the pods": (
        (OLD, GOING_DOWN, RUNNING, [HOLDS], {}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "a suspension that becomes a change of revision: published first": (
        (NEW, GOING_DOWN, RUNNING, [LET_GO], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "resumed with the next incarnation": ((OLD, STOPPED, [], [], {}), ("Starting", A, A, 2, False, "Resumed")),
    "resumed while the last pods are still terminating": (
        (OLD, STOPPED, [jobmanager(A, 1, deleted="2026-01-01T00:00:00Z")], [], {}),
        ("Starting", A, A, 2, False, "Resumed"),
    ),
    "a person's stop is published first": (
        (OLD, STARTED, RUNNING, [], {"report": report(stopped=True)}),
        ("Stopping", A, "", 1, True, "Stopped"),
    ),
    "a person's stop ends when no job holds": (
        (OLD, GOING_DOWN, RUNNING, [], {"report": report(stopped=True)}),
        ("Stopped", "", "", 1, False, "Stopped"),
    ),
    "a stopped cluster does not follow edits": (
        (NEW, STOPPED, [], [], {"report": report(stopped=True)}),
        ("Stopped", "", "", 1, False, "Stopped"),
    ),
    "a deletion is published first": ((OLD, STARTED, RUNNING, [], DELETED), ("Stopping", A, "", 1, True, "Deleting")),
    "a deletion is published first even after its deadline": (
        (OLD, STARTED, RUNNING, [HOLDS], {**DELETED, "deadline_passed": True}),
        ("Stopping", A, "", 1, True, "Deleting"),
    ),
    "a deletion waits for the jobs": (
        (OLD, GOING_DOWN, RUNNING, [HOLDS], DELETED),
        ("Stopping", A, "", 1, True, "Deleting"),
    ),
    "a deletion ends when no job holds": (
        (OLD, GOING_DOWN, RUNNING, [LET_GO], DELETED),
        ("Terminated", "", "", 1, False, "Deleting"),
    ),
    "a deletion ends at its deadline": (
        (OLD, GOING_DOWN, RUNNING, [HOLDS], {**DELETED, "deadline_passed": True}),
        ("Terminated", "", "", 1, False, "Deleting"),
    ),
    "a suspended cluster that is deleted has nothing to wait for": (
        (SUSPENDED, STOPPED, [], [], DELETED),
        ("Terminated", "", "", 1, False, "Deleting"),
    ),
    # The JobManager.
    "a JobManager pod that was never seen is only not there yet": (
        (OLD, status("Starting", A, A, 1), [], [], {}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "a failed JobManager is replaced, with its incarnation": (
        (OLD, STARTED, [jobmanager(A, 1, phase="Failed"), taskmanager(A, 1, 0)], [HOLDS], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a JobManager that ended well is replaced": (
        (OLD, STARTED, [jobmanager(A, 1, phase="Succeeded")], [], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a JobManager in phase Unknown is replaced": (
        (OLD, STARTED, [jobmanager(A, 1, phase="Unknown")], [], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a terminating JobManager is replaced": (
        (OLD, STARTED, [jobmanager(A, 1, deleted="2026-01-01T00:00:00Z")], [], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a JobManager that is gone is replaced": (
        (OLD, STARTED, [taskmanager(A, 1, 0)], [HOLDS], {}),
        ("Starting", A, A, 2, False, "JobManagerLost"),
    ),
    "a JobManager lost while starting is replaced": (
        (OLD, status("Starting", A, A, 4, jobManagerPod={"uid": "u"}), [], [], {}),
        ("Starting", A, A, 5, False, "JobManagerLost"),
    ),
    "an edit comes before a lost JobManager: it makes a new one anyway": (
        (NEW, STARTED, [taskmanager(A, 1, 0)], [HOLDS], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    # The status is behind the pods: it is of an earlier answer.
    "the status is not there yet, the pods are": (
        (OLD, None, RUNNING, [], {}),
        ("Starting", A, A, 1, False, "Waiting"),
    ),
    "the status is of the incarnation before": (
        (OLD, STARTED, [jobmanager(A, 2)], [], {}),
        ("Starting", A, A, 2, False, "Waiting"),
    ),
    "the status still says Stopping, the new pods are there": (
        (NEW, STOPPING, [jobmanager(B, 2)], [HOLDS], {}),
        ("Starting", B, B, 2, False, "Waiting"),
    ),
    "the status is lost, and the spec was edited: the pods stay": (
        (NEW, None, RUNNING, [HOLDS], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "a status without a revision is none of ours: the pods stay": (
        (NEW, {"supervisorStatus": "Started", "incarnation": 1}, RUNNING, [HOLDS], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "a status with a word that we do not know is none of ours: the pods stay": (
        (NEW, {**STARTED, "supervisorStatus": "Dancing"}, RUNNING, [HOLDS], {}),
        ("Stopping", A, B, 1, False, "RevisionChanged"),
    ),
    "a status of the Toolbox's, without pods": (
        (OLD, {"supervisorStatus": "Started", "resourceStatus": "Updated"}, [], [], {}),
        ("Stopping", "", A, 0, False, "RevisionChanged"),
    ),
    "a status of the Toolbox's, the next time": (
        (OLD, status("Stopping", "", A, 0), [], [], {}),
        ("Starting", A, A, 1, False, "RevisionChanged"),
    ),
    "an unknown phase counts on": (
        (OLD, {"supervisorStatus": "Unknown", "incarnation": 5}, [], [], {}),
        ("Starting", A, A, 6, False, "New"),
    ),
    "the status is lost in a deletion: the pods stay": (
        (OLD, None, RUNNING, [HOLDS], DELETED),
        ("Stopping", A, "", 1, True, "Deleting"),
    ),
}


@pytest.mark.parametrize(("world", "outcome"), ARROWS.values(), ids=ARROWS)
def test_arrow(world, outcome):
    cluster, was, pods, jobs, more = world
    life = decide(cluster, was, pods, jobs, **more)
    found = (life.phase, life.revision, life.target_revision, life.incarnation, life.going_down, life.reason)
    assert found == outcome
    assert life.message


@pytest.mark.parametrize(("world", "outcome"), ARROWS.values(), ids=ARROWS)
def test_incarnations_only_grow(world, outcome):
    cluster, was, pods, jobs, more = world
    newest = max([(was or {}).get("incarnation", 0), *(observed.pod(pod).incarnation for pod in pods)])
    assert decide(cluster, was, pods, jobs, **more).incarnation in (newest, newest + 1)


@pytest.mark.parametrize(("world", "outcome"), ARROWS.values(), ids=ARROWS)
def test_the_revision_changes_only_by_a_new_incarnation(world, outcome):
    """So that the pods of two revisions can never be taken for one incarnation."""
    cluster, was, pods, jobs, more = world
    life = decide(cluster, was, pods, jobs, **more)
    before = {observed.pod(pod).incarnation: observed.pod(pod).revision for pod in pods}
    if life.has_pods and life.incarnation in before:
        assert life.revision == before[life.incarnation]


def test_every_phase_is_in_the_table():
    assert {Phase(outcome[0]) for _, outcome in ARROWS.values()} == set(Phase) - {Phase.UNKNOWN}


def test_the_message_names_the_jobs_that_hold_the_cluster():
    assert decide(NEW, STOPPING, RUNNING, [HOLDS, LET_GO]).message == "waiting for the jobs to stop: demo-a"


def test_the_message_says_when_nobody_is_left_for_a_savepoint():
    pods = [pod for pod in RUNNING if not pod["metadata"]["name"].startswith("taskmanager")]
    assert "no TaskManager is left" in decide(NEW, STOPPING, pods, [HOLDS]).message


def test_a_job_of_another_cluster_holds_nothing():
    """By the label, which the supervisors go by too, whatever its spec says by now."""
    other = flink_job("other", status={"clusterRevision": A})
    other["metadata"]["labels"]["clusterName"] = "demo-two"
    assert decide(NEW, STOPPING, RUNNING, [other]).phase == "Starting"


def test_a_job_whose_status_cannot_be_read_still_holds():
    broken = flink_job(status={"supervisorStatus": "Dancing", "clusterRevision": A})
    assert decide(NEW, STOPPING, RUNNING, [broken]).phase == "Stopping"


def test_the_kubelets_and_schedulers_own_words_are_told():
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = jobmanager(A, 1, phase="Pending", status={"containerStatuses": [{"state": waiting}]})
    life = decide(OLD, {"supervisorStatus": "Starting", "revision": A, "incarnation": 1}, [pod])
    assert life.message == f"pod jobmanager-demo-{A}-1: ImagePullBackOff: no such image"


def test_a_pod_that_only_needs_time_is_no_trouble():
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}
    life = decide(
        OLD, {"supervisorStatus": "Starting", "revision": A, "incarnation": 1}, [jobmanager(A, 1, status=waiting)]
    )
    assert life.message == "waiting for the JobManager to answer"


def ended_jobmanager(incarnation: int, at: str) -> dict[str, Any]:
    """Its Flink container has ended, and a side container keeps the pod's phase Running."""
    pod = jobmanager(A, incarnation)
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": at}}
    containers = [{"name": "jobmanager", "state": ended}, {"name": "side", "state": {"running": {}}}]
    pod["status"] = {"phase": "Running", "containerStatuses": containers}
    return pod


@pytest.mark.parametrize(
    ("phase", "failures", "ended", "incarnation", "counted"),
    [
        ("Started", 0, "11:59:59", 2, 0),  # one that ran is replaced at once
        ("Starting", 0, "11:59:59", 2, 1),  # and so is the first that did not
        ("Starting", 1, "11:59:59", 1, 1),  # the second one is looked at for 10 s
        ("Starting", 1, "11:59:49", 2, 2),
        ("Starting", 3, "11:59:25", 1, 3),
        ("Starting", 3, "11:59:15", 2, 4),
        ("Starting", 30, "11:54:59", 2, 31),  # no longer than five minutes
    ],
)
def test_jobmanagers_that_end_again_and_again_are_made_ever_more_slowly(phase, failures, ended, incarnation, counted):
    was = {**STARTED, "supervisorStatus": phase, "failures": failures}
    life = decide(OLD, was, [ended_jobmanager(1, f"2026-01-01T{ended}Z")])
    assert (life.incarnation, life.failures) == (incarnation, counted)


@pytest.mark.parametrize(("phase", "counted"), [("Starting", 3), ("Started", 0)])
def test_a_status_that_is_behind_the_pods_forgets_no_jobmanager_that_ended(phase, counted):
    was = {**STARTED, "supervisorStatus": phase, "failures": 2}
    life = decide(OLD, was, [ended_jobmanager(2, "2026-01-01T11:59:59Z")])
    assert (life.incarnation, life.failures) == ((2, counted) if counted else (3, 1))


def test_why_the_jobmanager_ended_is_told_until_the_next_one_works():
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T11:59:59Z"}}
    pod = jobmanager(A, 1, status={"containerStatuses": [{"name": "jobmanager", "state": killed}]})
    why = f"pod jobmanager-demo-{A}-1: OOMKilled, exit code 137"

    def synced(was, pods, **report_values):
        annotations = {"supervisor.nextbreakpoint.com/report": report(**report_values)}
        parent = {**OLD, "metadata": {**OLD["metadata"], "annotations": annotations}, "status": was}
        return Post().ok("/cluster/sync", cluster_body(parent, pods))["status"]

    lost = synced(STARTED, [pod])
    assert lost["failure"] == why and f"incarnation 1 is gone; {why};" in lost["message"]
    starting = synced(lost, [jobmanager(A, 2)])
    assert starting["message"] == f"waiting for the JobManager to answer; the JobManager before ended: {why}"
    started = synced(starting, [jobmanager(A, 2)], incarnation=2)
    assert started["supervisorStatus"] == "Started"
    assert "failure" not in started and "OOMKilled" not in str(started)
