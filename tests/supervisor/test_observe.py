"""From API objects to records."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import JobSummary, Overview
from core import job as jobs
from core import names
from core.job_status import Delivery, JobStatus
from core.states import Phase
from supervisor import observe
from supervisor.jobmanager import Look
from supervisor.world import Bootstrap

CLUSTER: dict[str, Any] = {
    "metadata": {"name": "demo", "uid": "c1", "annotations": {}},
    "spec": {"supervisor": {"image": "ours:1", "pollingInterval": 0}},
    "status": {"supervisorStatus": "Started", "revision": "r1", "incarnation": 2},
}
LOOK = Look(Overview("2.3.0", 1, 4, 3, 1, 0, 0, 0))


def pod(role: str = "jobmanager", incarnation: int = 2, phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    labels = names.pod_labels("demo", role=role, revision="r1", incarnation=incarnation)
    owners = [{"controller": True, "uid": "c1"}]
    metadata = {"name": role, "labels": labels, "ownerReferences": owners, **metadata}
    return {"metadata": metadata, "status": {"phase": phase}}


def test_the_cluster_as_its_jobs_see_it():
    view = observe.cluster_view(CLUSTER, [pod(), pod("taskmanager")], LOOK)
    assert (view.phase, view.revision, view.incarnation) == (Phase.STARTED, "r1", 2)
    assert (view.answering, view.fenced, view.jobmanager_gone) == (True, True, False)
    assert view.slots_free == 3
    assert view.polling_interval == 1
    assert view.can_run


def test_the_secrets_of_the_cluster_are_known_and_not_printed():
    spec = {**CLUSTER["spec"], "flinkConfiguration": {"s3.secret-key": "hunter2-and-more"}}
    view = observe.cluster_view({**CLUSTER, "spec": spec}, [pod()], LOOK)
    assert view.secrets == {"hunter2-and-more"}
    assert "hunter2" not in str(view)


PODS = {
    "well": ([pod(), pod("taskmanager")], True, False),
    "none": ([], True, True),
    "failed": ([pod(phase="Failed")], True, True),
    "ended": ([pod(phase="Succeeded")], True, True),
    "being deleted": ([pod(deletionTimestamp="2026-03-01T12:00:00Z")], True, True),
    "of another incarnation": ([pod(incarnation=1)], False, True),
    "an old task manager is left": ([pod(), pod("taskmanager", 1)], False, False),
    "even a dead one": ([pod(), pod("taskmanager", 1, "Failed")], False, False),
    "of a cluster of that name that is gone": ([pod(ownerReferences=[{"controller": True, "uid": "c0"}])], False, True),
    "a bootstrap is none of them": ([pod(), pod("bootstrap", 0)], True, False),
}


@pytest.mark.parametrize(("pods", "fenced", "gone"), PODS.values(), ids=PODS)
def test_fence_and_loss(pods, fenced, gone):
    view = observe.cluster_view(CLUSTER, pods, LOOK)
    assert (view.fenced, view.jobmanager_gone) == (fenced, gone)
    assert view.can_run == fenced


def test_the_rest_port_is_the_pods():
    ports = [{"name": "rpc", "containerPort": 6123}, {"name": "ui", "containerPort": 9081}]
    spec = {"containers": [{"name": "side"}, {"name": "jobmanager", "ports": ports}]}
    assert observe.rest_port({**pod(), "spec": spec}) == 9081
    assert observe.rest_port(pod()) == 8081


# ---- the bootstrap pod ---------------------------------------------------------------------------------------------


def container(name: str = names.BOOTSTRAP, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def ended(code: int, message: str = "") -> dict[str, Any]:
    return {"exitCode": code, "message": message, "reason": "Error" if code else "Completed"}


STATES: dict[str, tuple[dict[str, Any], Bootstrap]] = {
    "runs": ({"containerStatuses": [container(running={})]}, Bootstrap()),
    "being made": ({"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}, Bootstrap()),
    "no image": (
        {"initContainerStatuses": [container("jar", waiting={"reason": "ErrImagePull", "message": "no such image"})]},
        Bootstrap(waiting="ErrImagePull: no such image"),
    ),
    "no room": (
        {"conditions": [{"reason": "Unschedulable", "message": "0/3 nodes"}]},
        Bootstrap(waiting="Unschedulable: 0/3 nodes"),
    ),
    "done": ({"containerStatuses": [container(terminated=ended(0, '{"jarId": "x.jar"}'))]}, Bootstrap(jar_id="x.jar")),
    "done, says nothing": ({"containerStatuses": [container(terminated=ended(0))]}, Bootstrap()),
    "done, says nonsense": ({"containerStatuses": [container(terminated=ended(0, "[1]"))]}, Bootstrap()),
    "cannot upload": (
        {"containerStatuses": [container(terminated=ended(1, '{"error": "refused"}'))]},
        Bootstrap(failure="refused"),
    ),
    "no such jar": (
        {"initContainerStatuses": [container("jar", terminated=ended(1, "cp: no such file\n"))]},
        Bootstrap(failure="cp: no such file"),
    ),
    "killed": (
        {"containerStatuses": [container(terminated=ended(137))]},
        Bootstrap(failure="container bootstrap ended with 137 (Error)"),
    ),
    "evicted": ({"phase": "Failed", "reason": "Evicted", "message": "disk"}, Bootstrap(failure="Evicted: disk")),
    "the first is done, the second waits": (
        {
            "initContainerStatuses": [container("jar", terminated=ended(0))],
            "containerStatuses": [container(waiting={"reason": "PodInitializing"})],
        },
        Bootstrap(),
    ),
}


def ordered(number):
    delivery = Delivery(number, bootstrap={"image": "x"})
    return JobStatus(supervisor_status=Phase.STARTING, delivery=delivery)


@pytest.mark.parametrize(("status", "seen"), STATES.values(), ids=STATES)
def test_the_bootstrap_tells_by_its_pod(status, seen):
    job = {"metadata": {"name": "count", "uid": "u-1"}}
    labels = {"batch.kubernetes.io/job-name": "bootstrap-count-3", "nextbreakpoint.com/job-uid": "u-1"}
    pods = [{"metadata": {"name": "p", "labels": labels}, "status": status}]
    assert observe.bootstrap(pods, job, ordered(3)) == seen
    assert observe.bootstrap(pods, job, ordered(4)) == Bootstrap()


def test_the_newest_pod_of_the_bootstrap_tells_and_none_that_is_deleted_or_evicted():
    """Evicted, say: that is no failure of the delivery."""
    job = {"metadata": {"name": "count", "uid": "u-1"}}
    labels = {"batch.kubernetes.io/job-name": "bootstrap-count-3", "nextbreakpoint.com/job-uid": "u-1"}
    killed = {
        "phase": "Failed",
        "containerStatuses": [{"name": "bootstrap", "state": {"terminated": {"exitCode": 143}}}],
    }
    old = {"name": "z", "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
    new = {"name": "a", "labels": labels, "creationTimestamp": "2026-01-01T00:00:10Z"}
    before = {"metadata": {**old, "deletionTimestamp": "2026-01-01T00:00:05Z"}, "status": killed}
    assert observe.bootstrap([before], job, ordered(3)) == Bootstrap()
    ended = {"exitCode": 0, "message": '{"jarId": "7_app.jar"}'}
    carried = {"phase": "Succeeded", "containerStatuses": [{"name": "bootstrap", "state": {"terminated": ended}}]}
    assert observe.bootstrap([{**before, "status": carried}], job, ordered(3)) == Bootstrap(jar_id="7_app.jar")
    disruption = {"type": "DisruptionTarget", "status": "True"}
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "disk", "conditions": [disruption]}
    assert observe.bootstrap([{"metadata": old, "status": evicted}], job, ordered(3)) == Bootstrap()
    after = {"metadata": new, "status": {"phase": "Failed", "reason": "Evicted", "message": "disk"}}
    assert observe.bootstrap([before, after], job, ordered(3)) == Bootstrap(failure="Evicted: disk")
    assert observe.bootstrap([after, before], job, ordered(3)) == Bootstrap(failure="Evicted: disk")
    instead = {"metadata": {**new, "creationTimestamp": old["creationTimestamp"]}, "status": carried}
    assert observe.bootstrap([before, instead], job, ordered(3)) == Bootstrap(jar_id="7_app.jar")


# ---- strays --------------------------------------------------------------------------------------------------------


def look_with(*runs: tuple[str, str]) -> Look:
    return Look(LOOK.overview, {id: JobSummary(id, "n", status, 0, 1, 0, 1) for id, status in runs})


def test_strays_are_earlier_attempts_that_live():
    ids = [jobs.flink_job_id("uid", attempt) for attempt in range(5)]
    look = look_with((ids[1], "RUNNING"), (ids[2], "FAILED"), (ids[3], "INITIALIZING"), ("other", "RUNNING"))
    assert observe.strays("uid", JobStatus(attempt=3, job_id=ids[3]), look) == (ids[1],)
    assert observe.strays("uid", JobStatus(attempt=3, job_id=""), look) == (ids[1], ids[3])
    assert observe.strays("another", JobStatus(attempt=3), look) == ()
    assert observe.strays("uid", JobStatus(), look) == ()
