"""flinkctl logs: which containers are read, and what is printed of them."""

from __future__ import annotations

from typing import Any

import pytest

from cli.podlogs import Source, sources
from clients.kube import KubeClient, NotFound, resources
from core import names

from .conftest import JOB_SPEC, Run, World

Object = dict[str, Any]


def pod(role: str, name: str, uid: str = "") -> Object:
    labels = {"clusterName": "demo", "owner": "flink-operator", "component": "flink", names.LABEL_ROLE: role}
    if uid:
        labels[names.LABEL_JOB_UID] = uid
    spec: Object = {"containers": [{"name": role, "image": "i"}, {"name": "sidecar", "image": "i"}]}
    if role == names.BOOTSTRAP:
        spec["initContainers"] = [{"name": "jar", "image": "i"}]
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


PODS = [pod("taskmanager", "tm"), pod("jobmanager", "jm"), pod("supervisor", "s"), pod("bootstrap", "b1", "u1")]


def test_flinks_own_unless_others_are_asked_for() -> None:
    assert sources(PODS, (), None) == [Source("jm", "jobmanager"), Source("tm", "taskmanager")]
    assert sources(PODS, ("supervisor", "taskmanager"), None) == [
        Source("s", "supervisor"),
        Source("tm", "taskmanager"),
    ]


def test_a_bootstrap_is_of_one_job_and_its_copy_comes_first() -> None:
    pods = [*PODS, pod("bootstrap", "b2", "u2")]
    job = {"metadata": {"uid": "u2"}}
    assert sources(pods, ("bootstrap",), job) == [Source("b2", "jar"), Source("b2", "bootstrap")]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """What the containers of the pods say; one has no log yet."""
    world.cluster()
    world.add(resources.FLINK_JOBS, "demo-one", JOB_SPEC)
    for item in PODS:
        world.client.create(resources.PODS, item, namespace="default")

    def logs(self: KubeClient, name: str, *, namespace: str, container: str, **how: Any) -> Any:
        if name == "tm":
            raise NotFound(400, "BadRequest", "container is waiting to start", {})
        return iter([f"{container} says {how['tail']}", "more"])

    monkeypatch.setattr(KubeClient, "logs", logs)


def test_a_pod_that_cannot_start_says_why_it_has_no_log(run: Run, world: World, told: None) -> None:
    ended = {"exitCode": 128, "reason": "StartError", "message": "memory: the total is less"}
    status = {"name": "taskmanager", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    body = {"status": {"phase": "Failed", "containerStatuses": [{**status, "state": {"terminated": ended}}]}}
    world.client.patch(resources.PODS, "tm", body, namespace="default", subresource="status")
    assert "; StartError, exit code 128: memory: the total is less" in run("logs", "fc/demo").stderr


def test_of_several_pods_each_line_says_which(run: Run, told: None) -> None:
    result = run("logs", "cluster/demo", "--tail", "5")
    assert result.stdout.splitlines() == ["[jm] jobmanager says 5", "[jm] more"]
    assert "tm: container is waiting to start" in result.stderr
    assert run("logs", "job/demo-one", "-c", "supervisor").stdout.splitlines() == ["supervisor says None", "more"]


def test_followed_logs_end_with_the_last_container(run: Run, told: None) -> None:
    result = run("logs", "fc", "demo", "-f", "-c", "jobmanager", "-c", "supervisor")
    assert sorted(result.stdout.splitlines()) == [
        "[jm] jobmanager says None",
        "[jm] more",
        "[s] more",
        "[s] supervisor says None",
    ]


def test_the_bootstrap_of_a_job_that_runs_is_gone(run: Run, world: World) -> None:
    world.cluster()
    world.job(clusterName="demo", jobId="00")
    told = "error: the bootstrap of demo-one has brought the JAR, and is removed with its log\n"
    assert run("logs", "job/demo-one", "-c", "bootstrap").stderr == told


def test_no_such_pod_is_one_line(run: Run, world: World) -> None:
    world.cluster()
    result = run("logs", "cluster/demo")
    assert result.exit_code == 1
    assert result.stderr == "error: no pod of demo is a jobmanager, taskmanager; flinkctl explain cluster/demo\n"
    assert run("logs", "fd/demo").exit_code == 2
