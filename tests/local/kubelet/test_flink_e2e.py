"""Real Flink in pods: JobManager, TaskManager and the Service between them."""

import pytest
import requests

from clients.kube import KubeError
from clients.kube import resources as r

PORTS = {"ui": 8081, "rpc": 6123, "blob": 6124}


def flink(world, version, role, arguments, **environment):
    """Create a pod as the hooks make them; returns its name."""
    container = {
        "name": role,
        "image": f"flink:{version}",
        "args": [role, *arguments],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"name": name, "containerPort": port} for name, port in PORTS.items()],
    }
    metadata = {"name": f"{role}-words", "labels": {"role": role}}
    world.create(r.PODS, {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": [container]}})
    return metadata["name"]


@pytest.mark.slow
@pytest.mark.e2e
def test_a_cluster_of_two_pods_runs_a_job(world):
    """The TaskManager finds the JobManager by the Service's name; a JAR gets there and its job runs."""
    common = {
        "JOB_MANAGER_RPC_ADDRESS": "jobmanager-words",
        "FLINK_PROPERTIES": "cluster.registration.error-delay: 500\n",
    }
    task_manager = flink(
        world,
        "2.3.0",
        "taskmanager",
        ["-Dtaskmanager.resource-id=one"],
        TASK_MANAGER_NUMBER_OF_TASK_SLOTS="3",
        **common,
    )
    job_manager = flink(world, "2.3.0", "jobmanager", [], **common)
    ports = [{"name": name, "port": port, "targetPort": name} for name, port in PORTS.items()]
    spec = {"selector": {"role": "jobmanager"}, "publishNotReadyAddresses": True, "ports": ports}
    world.create(r.SERVICES, {"metadata": {"name": "jobmanager-words"}, "spec": spec})

    def slots(_pod):
        try:
            return rest(world, "/overview")["slots-total"] == 3
        except KubeError:
            return False

    world.until(task_manager, slots)
    managers = rest(world, "/taskmanagers")["taskmanagers"]
    assert [manager["id"] for manager in managers] == ["one"]

    # Our own image carries the example to it, by the Service's name and through its address.
    arguments = ["--flink-url=http://jobmanager-words:8081", "--jar-path=/opt/flinkctl/examples/wordcount.jar"]
    carrier = {"command": [], "image": "flink-metacontroller/flinkctl:0.1.0", "args": ["bootstrap", "run", *arguments]}
    done = world.until_phase(world.pod("", container=carrier, automountServiceAccountToken=False), "Succeeded")
    message = world.state(done)["state"]["terminated"]["message"]
    (jar,) = rest(world, "/jars")["files"]
    assert jar["id"] in message

    address = world.get("jobmanager-words", r.SERVICES)["spec"]["clusterIP"]
    run = requests.post(f"http://{address}:8081/jars/{jar['id']}/run", json={"parallelism": 2}, timeout=60)
    vertices = f"/jobs/{run.json()['jobid']}"
    world.until(task_manager, lambda _: {one["status"] for one in rest(world, vertices)["vertices"]} == {"RUNNING"})
    for name in (job_manager, task_manager):
        world.client.delete(r.PODS, name, namespace="default")
        world.until_gone(name)


def rest(world, path):
    """Flink's REST API through the store's service proxy."""
    return world.client.service_proxy("default", "jobmanager-words", 8081, path)
