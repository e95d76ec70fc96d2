"""Jobs and Deployments: decisions by tables, and real ones."""

import os
import signal

import pytest

from clients.kube import resources as r
from local.kubelet.status import Backoff, timestamp
from local.kubelet.workloads import deployment_plan, job_plan, owned, pod_from, template_hash

NOW = 1_000_000.0
BACKOFF = Backoff(10, 300)
META = {"name": "w", "namespace": "default", "uid": "u-1", "generation": 3}


def job(status=None, **spec):
    return {"metadata": META, "spec": {"template": {"spec": {}}, **spec}, "status": status or {}}


EXIT_CODES = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [137]}}]}


def pod(phase="Running", name="p", ready=False, gone=False, template=None, ended=None, restarts=0, code=0):
    metadata = {"name": name, "labels": {"pod-template-hash": template or template_hash(deployment())}}
    state = {"terminated": {"finishedAt": timestamp(ended), "exitCode": code}} if ended is not None else {}
    return {
        "metadata": {**metadata, **({"deletionTimestamp": "x"} if gone else {})},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"restartCount": restarts, "state": state}],
        },
    }


def deployment(replicas=1, status=None):
    return {"metadata": META, "spec": {"replicas": replicas, "template": {"spec": {"x": 1}}}, "status": status or {}}


@pytest.mark.parametrize(
    ("one", "pods", "create", "delete", "conditions"),
    [
        (job(), [], 1, (), []),
        (job(), [pod("Pending")], 0, (), []),
        (job(), [pod(gone=True)], 0, (), []),
        (job(), [pod("Succeeded")], 0, (), ["SuccessCriteriaMet", "Complete"]),
        (job(), [pod("Failed", ended=NOW - 5)], 0, (), []),
        (job(), [pod("Failed", ended=NOW - 10)], 1, (), []),
        (job(), [pod("Failed", ended=NOW - 15), pod("Failed", ended=NOW - 15)], 0, (), []),
        (job(backoffLimit=0), [pod("Failed", ended=NOW)], 0, (), ["FailureTarget", "Failed"]),
        (job(backoffLimit=1), [pod("Failed", ended=NOW - 99), pod()], 0, (), []),
        (job(backoffLimit=2), [pod(restarts=3)], 0, ("p",), ["FailureTarget", "Failed"]),
        (job({"failed": 1}, backoffLimit=0), [], 0, (), ["FailureTarget", "Failed"]),
        (job(podFailurePolicy=EXIT_CODES), [pod("Failed", ended=NOW - 99, code=1)], 0, (), ["FailureTarget", "Failed"]),
        (job(podFailurePolicy=EXIT_CODES), [pod("Failed", ended=NOW - 99, code=137)], 1, (), []),
        (
            job({"startTime": timestamp(NOW - 9)}, activeDeadlineSeconds=9),
            [pod()],
            0,
            ("p",),
            ["FailureTarget", "Failed"],
        ),
        (job({"startTime": timestamp(NOW - 9)}, activeDeadlineSeconds=10), [pod()], 0, (), []),
    ],
)
def test_what_a_job_does_next(one, pods, create, delete, conditions):
    plan = job_plan(one, pods, NOW, BACKOFF)
    assert (plan.create, plan.delete) == (create, delete)
    assert [item["type"] for item in plan.status.get("conditions", [])] == conditions


def test_a_finished_job_stays_as_it_is():
    """Even when its pods are gone."""
    status = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
    assert job_plan(job(status), [], NOW, BACKOFF) == (status, 0, (), None)


def test_a_job_waits_for_its_back_off():
    assert job_plan(job(), [pod("Failed", ended=NOW - 4)], NOW, BACKOFF).delay == 6


@pytest.mark.parametrize(
    ("replicas", "pods", "create", "delete"),
    [
        (2, [], 2, ()),
        (1, [pod()], 0, ()),
        (1, [pod(gone=True)], 1, ()),
        (1, [pod("Failed", name="dead")], 1, ("dead",)),
        (1, [pod(name="old", template="other")], 0, ("old",)),
        (1, [pod(name="old", template="other", gone=True)], 0, ()),
        (1, [pod(name="a", ready=True), pod(name="b")], 0, ("b",)),
        (0, [pod()], 0, ("p",)),
    ],
)
def test_what_a_deployment_does_next(replicas, pods, create, delete):
    """Pods of an older template are gone before new ones start."""
    plan = deployment_plan(deployment(replicas), pods, NOW)
    assert (plan.create, plan.delete) == (create, delete)


def test_a_deployment_tells_how_many_are_ready():
    status = deployment_plan(deployment(2), [pod(ready=True), pod()], NOW).status
    conditions = {item["type"]: item["status"] for item in status.pop("conditions")}
    assert conditions == {"Available": "False", "Progressing": "True"}
    assert status == {
        "observedGeneration": 3,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "unavailableReplicas": 1,
    }


def test_pods_know_their_owner_and_are_found_by_it():
    one = pod_from(r.JOBS, job())
    assert one["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "w"
    assert owned(job(), [one, pod()]) == [one]
    other = pod_from(r.DEPLOYMENTS, deployment())
    assert other["metadata"]["name"].startswith(f"w-{template_hash(deployment())}-")


def template(script, policy="Never", labels=None):
    container = {"name": "main", "image": "box:1", "command": ["/bin/sh", "-c", script]}
    spec = {"restartPolicy": policy, "containers": [container], "terminationGracePeriodSeconds": 1}
    return {"metadata": {"labels": labels or {}}, "spec": spec}


def pods_of(world, name, resource):
    return owned(world.get(name, resource), world.client.list(r.PODS, namespace="default")["items"])


def test_a_job_runs_to_completion(world):
    world.create(r.JOBS, {"metadata": {"name": "once"}, "spec": {"template": template("true")}})
    done = world.until("once", lambda job: world.condition(job, "Complete") == "True", r.JOBS)
    assert done["status"]["succeeded"] == 1
    assert done["status"]["completionTime"]
    (pod,) = pods_of(world, "once", r.JOBS)
    assert pod["metadata"]["labels"]["job-name"] == "once"


def test_a_job_gives_up_after_its_limit(world):
    """With backoffLimit 1: two pods, both failed."""
    world.create(r.JOBS, {"metadata": {"name": "bad"}, "spec": {"backoffLimit": 1, "template": template("exit 1")}})
    done = world.until("bad", lambda job: world.condition(job, "Failed") == "True", r.JOBS)
    assert done["status"]["failed"] == 2
    assert len(pods_of(world, "bad", r.JOBS)) == 2


def test_a_deleted_job_takes_its_pods_along(world):
    world.create(r.JOBS, {"metadata": {"name": "long"}, "spec": {"template": template("exec sleep 1000")}})
    world.until("long", lambda job: job["status"].get("ready") == 1, r.JOBS)
    (pod,) = pods_of(world, "long", r.JOBS)
    pid = world.pid(pod["metadata"]["name"])
    world.client.delete(r.JOBS, "long", namespace="default")
    world.until_gone(pod["metadata"]["name"])
    assert not world.alive(pid)


def make_deployment(world, name, script):
    labels = {"app": name}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template(script, "Always", labels)}
    world.create(r.DEPLOYMENTS, {"metadata": {"name": name}, "spec": spec})


def available(world):
    return lambda item: (
        item["status"].get("availableReplicas") == item["spec"]["replicas"]
        and item["status"].get("observedGeneration") == item["metadata"]["generation"]
        and world.condition(item, "Available") == "True"
    )


def test_a_deployment_keeps_its_pods_running(world):
    """A killed container starts again in its pod, a deleted pod is replaced, an edit replaces it too."""
    make_deployment(world, "keep", "exec sleep 1000")
    world.until("keep", available(world), r.DEPLOYMENTS)
    (first,) = pods_of(world, "keep", r.DEPLOYMENTS)
    name = first["metadata"]["name"]
    os.kill(world.pid(name), signal.SIGKILL)
    world.until(name, lambda pod: world.state(pod)["restartCount"] == 1)

    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)
    world.until("keep", available(world), r.DEPLOYMENTS)
    (second,) = pods_of(world, "keep", r.DEPLOYMENTS)
    assert second["metadata"]["labels"] == first["metadata"]["labels"]

    patch = {"spec": {"template": {"metadata": {"annotations": {"edited": "yes"}}}}}
    world.client.patch(r.DEPLOYMENTS, "keep", patch, namespace="default")
    world.until_gone(second["metadata"]["name"])
    world.until("keep", available(world), r.DEPLOYMENTS)
    (third,) = pods_of(world, "keep", r.DEPLOYMENTS)
    assert third["metadata"]["labels"]["pod-template-hash"] != first["metadata"]["labels"]["pod-template-hash"]


def test_a_deployment_scales(world):
    make_deployment(world, "wide", "exec sleep 1000")
    for replicas in (3, 1):
        world.client.patch(r.DEPLOYMENTS, "wide", {"spec": {"replicas": replicas}}, namespace="default")
        world.until(
            "wide", lambda one, n=replicas: one["status"].get("replicas") == n and available(world)(one), r.DEPLOYMENTS
        )
        assert (
            len([p for p in pods_of(world, "wide", r.DEPLOYMENTS) if "deletionTimestamp" not in p["metadata"]])
            == replicas
        )
