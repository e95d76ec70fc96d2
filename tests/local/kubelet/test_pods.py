"""Pods become processes: the kubelet against a real store; containers are shell scripts."""

import os
import signal
import subprocess
import sys
import time

import pytest

from clients.kube import Conflict
from clients.kube import resources as r


def test_a_pod_that_ends_well_succeeds(world):
    """Phase, address, node, exit code and log are reported."""
    pod = world.until_phase(world.pod("echo hello"), "Succeeded")
    assert pod["spec"]["nodeName"] == "local"
    assert pod["status"]["podIP"].startswith("127.")
    ended = world.state(pod)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (0, "Completed")
    assert world.log(pod["metadata"]["name"]) == "hello\n"


def test_a_pod_that_runs_is_ready(world):
    """Without probes a running container is ready; all four conditions say so, with a time."""
    pod = world.until(world.pod("sleep 1000"), lambda pod: world.condition(pod, "Ready") == "True")
    kinds = {item["type"]: (item["status"], bool(item["lastTransitionTime"])) for item in pod["status"]["conditions"]}
    assert kinds == dict.fromkeys(("PodScheduled", "Initialized", "ContainersReady", "Ready"), ("True", True))
    state = world.state(pod)
    assert state["ready"] and state["started"] and state["state"]["running"]["startedAt"]


def bound_by_us(world):
    """A new pod's name, None when the kubelet was first."""
    name = world.pod("sleep 1000")
    target = {"apiVersion": "v1", "kind": "Node", "name": "local"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
    try:
        world.client.request("POST", r.PODS.path("default", name, "binding"), json=body)
    except Conflict:
        return None
    return name


def test_a_pod_whose_binding_was_done_although_no_answer_came(world):
    """It is bound already when the kubelet tries (again): that is no reason to wait."""
    world.trouble.lag = 3.0  # so that this binding is the first, unless a watch begins anew just now
    name = next(filter(None, (bound_by_us(world) for _ in range(5))))
    world.trouble.end()
    world.until_phase(name, "Running")


def test_two_pods_have_two_addresses(world):
    """Each can listen on the same port."""
    names = [world.pod("sleep 1000") for _ in range(2)]
    ips = {world.until_phase(name, "Running")["status"]["podIP"] for name in names}
    assert len(ips) == 2


def test_a_failure_is_final_with_policy_never(world):
    """Exit code and termination message are told, and nothing starts again."""
    script = "echo 'it broke' > /dev/termination-log; exit 3"
    pod = world.until_phase(world.pod(script), "Failed")
    ended = world.state(pod)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "it broke\n")
    assert world.state(pod)["restartCount"] == 0


def test_a_long_termination_message_is_cut(world):
    """At 4096 bytes, as on a node."""
    script = "head -c 5000 /dev/zero | tr '\\0' x > $(OUT)"
    pod = world.pod(script, container={"env": [{"name": "OUT", "value": "/dev/termination-log"}]})
    assert world.state(world.until_phase(pod, "Succeeded"))["state"]["terminated"]["message"] == "x" * 4096


def test_the_log_can_be_the_termination_message(world):
    """With FallbackToLogsOnError, for a failure without a message."""
    pod = world.pod("echo no such file; exit 1", container={"terminationMessagePolicy": "FallbackToLogsOnError"})
    ended = world.state(world.until_phase(pod, "Failed"))["state"]["terminated"]
    assert ended["message"] == "no such file\n"


def test_on_failure_runs_again_until_it_succeeds(world, tmp_path):
    """The last state tells of the failure; the restart is counted."""
    mark = tmp_path / "mark"
    pod = world.pod(f"test -e {mark} && exit 0; touch {mark}; exit 7", restartPolicy="OnFailure")
    state = world.state(world.until_phase(pod, "Succeeded"))
    assert state["restartCount"] == 1
    assert state["lastState"]["terminated"]["exitCode"] == 7


def test_a_crash_loop_backs_off(world):
    """A container that goes on failing waits, its pod counts as running."""
    reason = "CrashLoopBackOff"
    pod = world.until(
        world.pod("exit 1", restartPolicy="Always"),
        lambda pod: world.state(pod)["state"].get("waiting", {}).get("reason") == reason,
    )
    assert pod["status"]["phase"] == "Running"
    assert world.condition(pod, "Ready") == "False"


def test_a_kill_from_outside_is_noticed(world):
    """kill -9 of a container ends the pod with 137."""
    name = world.pod("exec sleep 1000")
    os.kill(world.pid(name), signal.SIGKILL)
    ended = world.state(world.until_phase(name, "Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["signal"]) == (137, 9)


def test_a_killed_container_takes_its_children_along(world):
    """As the end of a container's first process ends the container."""
    name = world.pod("sleep 1000 & echo $!; wait")
    pid = world.pid(name)
    world.until_logged(name, "\n")
    child = int(world.log(name))
    os.kill(pid, signal.SIGKILL)
    world.until_phase(name, "Failed")
    assert not world.alive(child)


def test_init_containers_run_in_order_before_the_others(world, tmp_path):
    """One after the other, each to its end."""
    trace = tmp_path / "trace"

    def step(name):
        return {"name": name, "image": "box:1", "command": ["sh", "-c", f"echo {name} >> {trace}"]}

    pod = world.pod(f"echo main >> {trace}", initContainers=[step("first"), step("second")])
    done = world.until_phase(pod, "Succeeded")
    assert trace.read_text().split() == ["first", "second", "main"]
    assert [item["state"]["terminated"]["exitCode"] for item in done["status"]["initContainerStatuses"]] == [0, 0]


def test_a_failed_init_container_fails_the_pod(world):
    """The containers never start."""
    init = [{"name": "init", "image": "box:1", "command": ["false"]}]
    pod = world.until_phase(world.pod("true", initContainers=init), "Failed")
    assert "waiting" in world.state(pod)["state"]
    assert world.condition(pod, "Initialized") == "False"


def test_a_deleted_pod_may_end_in_order(world, tmp_path):
    """SIGTERM comes first, and the pod is there until the process has ended."""
    mark = tmp_path / "bye"
    name = world.pod(f"trap 'echo bye > {mark}; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    world.until_logged(name, "up")
    pid = world.pid(name)
    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)
    assert mark.read_text() == "bye\n"
    assert not world.alive(pid)


def test_a_deleted_pod_that_will_not_end_is_killed(world):
    """After the grace period."""
    name = world.pod("trap '' TERM; echo up; while :; do sleep 0.05; done", terminationGracePeriodSeconds=1)
    world.until_logged(name, "up")
    pid = world.pid(name)
    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)
    assert not world.alive(pid)


def test_a_forced_deletion_kills_at_once(world):
    """With grace 0 the object is gone first, the process follows."""
    name = world.pod("trap '' TERM; echo up; while :; do sleep 0.05; done", terminationGracePeriodSeconds=600)
    world.until_logged(name, "up")
    pid = world.pid(name)
    world.client.delete(r.PODS, name, namespace="default", grace_seconds=0)
    world.until_gone(name)
    deadline = time.monotonic() + 20
    while world.alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_pod_that_has_ended_can_be_deleted(world):
    """Nothing is left to stop."""
    name = world.pod("true")
    world.until_phase(name, "Succeeded")
    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)


def test_an_unknown_image_is_reported_until_it_is_known(world):
    """ImagePullBackOff with a message that helps; a mapping given later lets the pod start."""
    name = world.pod("echo up", container={"image": "registry.example/jobs:7"})
    pod = world.until(
        name, lambda pod: world.state(pod)["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"
    )
    message = world.state(pod)["state"]["waiting"]["message"]
    assert message.startswith('Back-off pulling image "registry.example/jobs:7": ErrImagePull: ')
    assert "registry.example/jobs:7=FOLDER" in message
    assert pod["status"]["phase"] == "Pending"
    world.images["registry.example/jobs:7"] = world.root
    world.until_phase(name, "Succeeded")


def test_a_missing_config_map_is_reported_until_it_is_there(world):
    """CreateContainerConfigError, then the value."""
    name = world.pod("echo $A", container={"envFrom": [{"configMapRef": {"name": "later"}}]})
    reason = "CreateContainerConfigError"
    pod = world.until(name, lambda pod: world.state(pod)["state"].get("waiting", {}).get("reason") == reason)
    assert 'configmap "later" not found' in world.state(pod)["state"]["waiting"]["message"]
    world.create(r.CONFIGMAPS, {"metadata": {"name": "later"}, "data": {"A": "value"}})
    world.until_phase(name, "Succeeded")
    assert world.log(name) == "value\n"


def test_a_command_that_does_not_exist_is_a_start_error(world):
    """Exit code 128 and the reason why."""
    pod = world.until_phase(world.pod("", container={"command": ["/no/such/program"]}), "Failed")
    ended = world.state(pod)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "/no/such/program" in ended["message"]


def test_containers_share_an_empty_dir_and_files_of_the_image(world):
    """An init container copies a file of its image to a volume, the container reads it, as a bootstrap's JAR."""
    (world.root / "jars").mkdir()
    (world.root / "jars" / "job.jar").write_text("classes")
    mounts = [{"name": "jar", "mountPath": "/jar"}]
    init = {
        "name": "copy",
        "image": "box:1",
        "command": ["cp", "/jars/job.jar", "/jar/job.jar"],
        "volumeMounts": mounts,
    }
    name = world.pod(
        "cat /jar/job.jar",
        container={"volumeMounts": mounts},
        initContainers=[init],
        volumes=[{"name": "jar", "emptyDir": {}}],
    )
    world.until_phase(name, "Succeeded")
    assert world.log(name) == "classes"


def test_an_image_can_be_a_volume(world):
    """Its files are below the mount; nothing of it runs. One that is not known is waited for, like a container's."""
    (world.root / "job.jar").write_text("classes")
    name = world.pod(
        "cat /jar/job.jar; test -s /ours/opt/flinkctl/examples/wordcount.jar",
        container={
            "volumeMounts": [{"name": "jar", "mountPath": "/jar"}, {"name": "ours", "mountPath": "/ours"}],
        },
        volumes=[
            {"name": "jar", "image": {"reference": "jobs:7", "pullPolicy": "IfNotPresent"}},
            {"name": "ours", "image": {"reference": "flinkctl:1"}},
        ],
    )
    pod = world.until(
        name, lambda pod: world.state(pod)["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"
    )
    assert "jobs:7=FOLDER" in world.state(pod)["state"]["waiting"]["message"]
    world.images["jobs:7"] = world.root
    world.until_phase(name, "Succeeded")
    assert world.log(name) == "classes"


def test_a_claim_leads_to_the_folder_of_its_volume(world, tmp_path):
    """A pod writes where the PersistentVolume says."""
    folder = tmp_path / "volume"
    world.create(
        r.PERSISTENT_VOLUMES,
        {
            "metadata": {"name": "disk"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany"],
                "hostPath": {"path": str(folder)},
            },
        },
    )
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    world.create(r.PERSISTENT_VOLUME_CLAIMS, {"metadata": {"name": "data"}, "spec": claim})
    name = world.pod(
        "echo kept > /data/file",
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    )
    world.until_phase(name, "Succeeded")
    assert (folder / "file").read_text() == "kept\n"


def test_failing_liveness_restarts_the_container(world, tmp_path):
    """As soon as the probe fails often enough."""
    flag = tmp_path / "well"
    flag.touch()
    probe = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1, "failureThreshold": 1}
    name = world.pod("exec sleep 1000", container={"livenessProbe": probe}, restartPolicy="Always")
    first = world.pid(name)
    flag.unlink()
    pod = world.until(name, lambda pod: world.state(pod)["restartCount"] > 0)
    assert world.state(pod)["lastState"]["terminated"]["exitCode"] == 143
    assert not world.alive(first)


def test_readiness_follows_its_probe(world, tmp_path):
    """Not ready at first, ready when the probe passes, not ready when it fails again; the container stays."""
    flag = tmp_path / "ready"
    probe = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1, "failureThreshold": 1}
    name = world.pod("exec sleep 1000", container={"readinessProbe": probe})
    pid = world.pid(name)
    assert world.condition(world.get(name), "Ready") == "False"
    flag.touch()
    world.until(name, lambda pod: world.condition(pod, "Ready") == "True")
    flag.unlink()
    world.until(name, lambda pod: world.condition(pod, "Ready") == "False")
    assert world.pid(name) == pid


def test_a_namesake_of_a_deleted_pod_is_a_new_pod(world):
    """The old one's processes and status are not taken for the new one's."""
    name = world.pod("exec sleep 1000")
    first = world.pid(name)
    world.client.delete(r.PODS, name, namespace="default", grace_seconds=0)
    main = {"name": "main", "image": "box:1", "command": ["sleep", "1000"]}
    world.create(r.PODS, {"metadata": {"name": name}, "spec": {"containers": [main]}})
    second = world.pid(name)
    assert second != first
    assert world.state(world.get(name))["restartCount"] == 0


_RUNTIME = """
import sys, threading
from pathlib import Path
from clients.kube import KubeClient, connect
from local.kubelet import Kubelet
kubeconfig, directory, root = map(Path, sys.argv[1:])
Kubelet(KubeClient(connect(str(kubeconfig))), directory, {"other:1": root}, kubeconfig).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_a_killed_runtime(world, tmp_path, number):
    """Not even a container's child, when the runtime is killed without a chance to clean up."""
    from local.store import serve

    with serve(logs=tmp_path / "other" / "logs") as store:
        kubeconfig = store.kubeconfig(tmp_path / "other-kubeconfig")
        from clients.kube import KubeClient, connect

        other = world._replace(client=KubeClient(connect(str(kubeconfig))), directory=tmp_path / "other")
        arguments = [str(kubeconfig), str(tmp_path / "other"), str(world.root)]
        runtime = subprocess.Popen([sys.executable, "-c", _RUNTIME, *arguments])
        try:
            name = other.pod("sleep 1000 & echo $!; wait", container={"image": "other:1"})
            pids = [other.pid(name)]
            other.until_logged(name, "\n")
            pids.append(int(other.log(name)))
        finally:
            runtime.send_signal(number)
            runtime.wait()
        deadline = time.monotonic() + 20
        while any(map(other.alive, pids)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
