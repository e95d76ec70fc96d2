"""Clusters and jobs that no FlinkDeployment made, and manifests that the API server refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clients.kube import Invalid
from clients.kube import resources as r
from core import names
from core.job_status import Delivery
from hooks.children.bootstrap import make_job

from .manifests import cluster, flink_cluster, flink_deployment, flink_job, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
CLUSTER, JOB = "alone", "alone-one"
BARE = "bare"


@pytest.mark.scenario("S12", "S13", "C5.12")
def test_a_job_finds_its_cluster_by_its_name(world: World) -> None:
    """Also a job that is there first; and one that is made again under its name starts empty."""
    manifest = flink_job(JOB, job(world.place))
    world.apply(manifest, flink_cluster(CLUSTER, cluster(world.place)))
    world.steady(CLUSTER, JOB)
    assert world.get(r.FLINK_JOBS, JOB)["metadata"]["labels"][names.LABEL_CLUSTER] == CLUSTER
    world.remove((r.FLINK_JOBS, JOB))
    world.wait("nothing runs", lambda: not world.running(CLUSTER))
    world.apply(manifest)
    world.steady(CLUSTER, JOB)
    assert world.wait("the job counts", lambda: world.gauges(JOB)).restored == -1


@pytest.mark.scenario("S13")
def test_the_cluster_goes_before_its_job(world: World) -> None:
    """The cluster's deletion saves the job and leaves it; a new cluster of that name runs it again."""
    mark = world.steady(CLUSTER, JOB)[JOB]
    world.remove((r.FLINK_CLUSTERS, CLUSTER))
    status = world.job(JOB)
    assert status["supervisorStatus"] == "Stopped" and status["savepointPath"]
    roles = (names.JOBMANAGER, names.TASKMANAGER, names.SUPERVISOR)
    world.wait("no pod is left", lambda: not world.pods(CLUSTER, *roles))
    world.apply(flink_cluster(CLUSTER, cluster(world.place)))
    world.resumed(CLUSTER, {JOB: mark})
    world.remove((r.FLINK_CLUSTERS, CLUSTER))
    world.remove((r.FLINK_JOBS, JOB))


@pytest.fixture(scope="module")
def bare(world: World) -> Iterator[None]:
    changes = {"supervisor.rescalePolicy": "None", "taskManagers": 1, "jobManager.serviceMode": "NodePort"}
    world.apply(flink_cluster(BARE, cluster(world.place, slots=2, changes=changes)))
    yield
    world.remove((r.FLINK_CLUSTERS, BARE))


def sized(world: World, task_managers: int, *, left: int | None = None) -> bool:
    """As many as wanted; or more are `left`, because they work."""
    status, there = world.cluster(BARE), task_managers if left is None else left
    figures = (status.get("taskManagers"), status.get("taskManagerReplicas"), status.get("totalTaskSlots"))
    settled = status.get("resourceStatus") == ("Updated" if left is None else "Updating")
    return settled and world.is_ready(r.FLINK_CLUSTERS, BARE) and figures == (task_managers, there, 2 * there)


@pytest.mark.scenario("S18", "S21", "S22")
def test_a_cluster_without_jobs_changes_its_size(world: World, bare: None) -> None:
    """An edit, `kubectl scale` down and to nothing; the JobManager is the same all the time."""
    world.wait("one TaskManager", lambda: sized(world, 1))
    assert world.cluster(BARE)["serviceMode"] == "NodePort"
    jobmanager = world.uids(BARE, names.JOBMANAGER)
    world.edit(r.FLINK_CLUSTERS, BARE, "taskManagers", 2)
    world.wait("two TaskManagers", lambda: sized(world, 2))
    world.scale(r.FLINK_CLUSTERS, BARE, 0)
    world.wait("no TaskManager", lambda: sized(world, 0) and not world.pods(BARE, names.TASKMANAGER))
    assert world.uids(BARE, names.JOBMANAGER) == jobmanager


@pytest.mark.scenario("S19")
def test_another_service_mode(world: World, bare: None) -> None:
    """The Service and the status follow the spec; as after any edit of jobManager, its pod is another one."""
    world.wait("the cluster is ready", lambda: served_by(world, "NodePort"))
    jobmanager = world.uids(BARE, names.JOBMANAGER)
    world.edit(r.FLINK_CLUSTERS, BARE, "jobManager/serviceMode", "ClusterIP")
    world.wait("it is ready with the other mode", lambda: served_by(world, "ClusterIP"))
    assert world.flink(BARE, "/overview")
    assert not world.uids(BARE, names.JOBMANAGER) & jobmanager


def served_by(world: World, mode: str) -> bool:
    service = world.get(r.SERVICES, names.jobmanager_service(BARE))
    shown = (service.get("spec", {}).get("type"), world.cluster(BARE).get("serviceMode"))
    return shown == (mode, mode) and world.is_ready(r.FLINK_CLUSTERS, BARE)


def submitted_by_hand(world: World) -> str:
    """The id of a job that a person uploads and runs, past everything of ours."""
    spec = job(world.place)["bootstrap"]
    delivery = Delivery(number=1, image=world.place.own_image, bootstrap=spec)
    world.client.create(
        r.JOBS, make_job(name="hand", namespace=world.namespace, uid="", cluster=BARE, delivery=delivery)
    )
    jars = world.wait("the JAR is there", lambda: (world.flink(BARE, "/jars") or {}).get("files"))
    request = {"entryClass": spec["className"], "programArgsList": spec["arguments"]}
    service = r.SERVICES.path(world.namespace, f"{names.jobmanager_service(BARE)}:8081", "proxy")
    answer = world.client.request("POST", f"{service}/jars/{jars[0]['id']}/run", json=request, timeout=(3.05, 60.0))
    world.client.delete(r.JOBS, names.bootstrap_job("hand", 1), namespace=world.namespace)
    return str(answer.json()["jobid"])


@pytest.mark.defect(13)
def test_a_job_that_a_person_submitted_is_left_alone(world: World, bare: None) -> None:
    """By the supervisor, by its successor, and by a scale-down; only an edit of the pods would take it along."""
    world.scale(r.FLINK_CLUSTERS, BARE, 2)
    world.wait("two TaskManagers", lambda: sized(world, 2))
    run = submitted_by_hand(world)
    world.wait("it runs", lambda: tasks(world, run) == {"RUNNING"})
    world.scale(r.FLINK_CLUSTERS, BARE, 0)
    world.wait("the busy TaskManager is left", lambda: sized(world, 0, left=1))
    world.kill(world.pods(BARE, names.SUPERVISOR))
    world.scale(r.FLINK_CLUSTERS, BARE, 2)
    world.wait("two TaskManagers", lambda: sized(world, 2))
    assert tasks(world, run) == {"RUNNING"}
    assert world.flink(BARE, f"/jobs/{run}/exceptions")["exceptionHistory"]["entries"] == []


def tasks(world: World, run: str) -> set[str]:
    found = world.flink(BARE, f"/jobs/{run}") or {"vertices": []}
    return {item["status"] for item in found["vertices"]}


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "spec.jobs[0].spec.restart.restartPolicy": ({"restart.restartPolicy": "Sometimes"}, {}),
    "spec.jobs[0].spec.jobParallelism": ({"jobParallelism": -1}, {}),
    "spec.cluster.taskManager.taskSlots": ({}, {"taskManager.taskSlots": "many"}),
    "spec.cluster.jobManager.serviceMode": ({}, {"jobManager.serviceMode": "Anything"}),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_manifest_is_refused_with_the_path_of_the_field(world: World, path: str) -> None:
    """Before anything is stored."""
    of_job, of_cluster = WRONG[path]
    jobs = {"one": job(world.place, changes=of_job)}
    with pytest.raises(Invalid) as refused:
        world.apply(flink_deployment("wrong", cluster(world.place, changes=of_cluster), jobs))
    assert path in str(refused.value)
    assert not world.get(r.FLINK_DEPLOYMENTS, "wrong")
