"""The real kubectl against the store, where it is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import crds
from local.store import Store

from .conftest import CRDS, LAMPS, Http

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

LAMP = """
apiVersion: test.example.com/v1
kind: Lamp
metadata: {name: a}
spec: {colour: red}
"""
BUILT_IN = """
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec: {containers: [{name: c, image: "x:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: p}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec: {containers: [{name: c, image: x, env: [{name: A, value: b}]}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}
"""
Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(store: Store, http: Http, tmp_path: Path) -> Kubectl:
    """Runs kubectl; returns what it prints, both streams. Fails where kubectl does, unless fails=True."""
    config = store.kubeconfig(tmp_path / "kubeconfig")
    env = os.environ | {"KUBECONFIG": str(config), "HOME": str(tmp_path)}

    def run(*args: str, stdin: str = "", fails: bool = False) -> str:
        done = subprocess.run(["kubectl", *args], env=env, input=stdin, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_apply_twice(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f-", stdin=LAMP) == "lamp.test.example.com/a created\n"
    assert kubectl("apply", "-f-", stdin=LAMP) == "lamp.test.example.com/a unchanged\n"
    assert kubectl("apply", "-f-", stdin=LAMP.replace("red", "red, bulbs: 2")) == "lamp.test.example.com/a configured\n"
    kubectl("apply", "-f-", stdin=BUILT_IN)
    assert kubectl("apply", "-f-", stdin=BUILT_IN).count("unchanged") == 4
    changed = BUILT_IN.replace("value: b", "value: c")
    assert "deployment.apps/d configured" in kubectl("apply", "-f-", stdin=changed)
    assert kubectl("get", "deploy", "d", "-o", "jsonpath={..env}") == '[{"name":"A","value":"c"}]'


def test_server_side_apply_and_diff(kubectl: Kubectl) -> None:
    for _ in range(2):
        assert "lamp.test.example.com/a serverside-applied" in kubectl("apply", "--server-side", "-f-", stdin=LAMP)
        assert kubectl("apply", "--server-side", "-f-", stdin=BUILT_IN).count("serverside-applied") == 4
    assert kubectl("diff", "-f-", stdin=LAMP) == ""
    assert "bulbs: 7" in kubectl("diff", "-f-", stdin=LAMP.replace("red", "red, bulbs: 7"), fails=True)


def test_what_is_wrong_is_said_by_the_server(kubectl: Kubectl) -> None:
    unknown = kubectl("apply", "-f-", stdin=LAMP.replace("colour: red", "colour: red, nope: 1"), fails=True)
    assert 'strict decoding error: unknown field "spec.nope"' in unknown
    invalid = kubectl("apply", "-f-", stdin=LAMP.replace("red", "blue"), fails=True)
    assert (
        invalid == 'The Lamp "a" is invalid: spec.colour: Unsupported value: "blue": supported values: "red", "green"\n'
    )


def test_explain(kubectl: Kubectl, http: Http) -> None:
    for kind in crds.KINDS:
        http.ok("POST", CRDS, crds.load(kind))
    savepoint = kubectl("explain", "flinkjob.spec.savepoint")
    fields = crds.schema("FlinkJob")["properties"]["spec"]["properties"]["savepoint"]["properties"]
    assert [name for name in fields if f"\n  {name}\t<" not in savepoint] == []
    assert "FIELD: savepoint <Object>" in savepoint
    whole = kubectl("explain", "fc", "--recursive")
    assert [name for name in ("metadata", "taskManagers", "supervisorStatus") if f" {name}\t<" not in whole] == []
    assert 'field "nope" does not exist' in kubectl("explain", "flinkjob.spec.nope", fails=True)


def test_get(kubectl: Kubectl) -> None:
    kubectl("apply", "-f-", stdin=LAMP + "---" + BUILT_IN)
    assert kubectl("get", "lp").split()[:5] == ["NAME", "BULBS", "READY", "AGE", "a"]
    assert "COLOUR" in kubectl("get", "lamps", "-o", "wide")
    assert "colour: red" in kubectl("get", "lamp", "a", "-o", "yaml")
    everything = {"pod/p", "service/s", "deployment.apps/d", "job.batch/j", "lamp.test.example.com/a"}
    assert set(kubectl("get", "all", "-o", "name").split()) == everything
    assert kubectl("get", "pods", "-A", "--no-headers").split()[:4] == ["default", "p", "0/1", "Pending"]
    for kind in ("pod/p", "service/s", "deployment/d", "job/j", "lamp/a"):
        assert "Name:" in kubectl("describe", kind)
    assert 'lamps.test.example.com "none" not found' in kubectl("get", "lamp", "none", fails=True)


def test_patch_label_annotate_scale_and_set(kubectl: Kubectl, http: Http) -> None:
    kubectl("apply", "-f-", stdin=LAMP + "---" + BUILT_IN)
    kubectl("patch", "lamp", "a", "--type=merge", "-p", '{"spec":{"bulbs":4}}')
    kubectl("patch", "lamp", "a", "--type=json", "-p", '[{"op":"add","path":"/spec/shade","value":"abc"}]')
    kubectl("label", "lamp", "a", "l=1")
    kubectl("annotate", "lamp", "a", "n=2")
    kubectl("scale", "lamp", "a", "--replicas=5")
    got = http.ok("GET", f"{LAMPS}/a")
    assert got["spec"] == {"colour": "red", "bulbs": 5, "shade": "abc"}
    assert (got["metadata"]["labels"]["l"], got["metadata"]["annotations"]["n"]) == ("1", "2")
    kubectl("scale", "deployment", "d", "--replicas=3")
    kubectl("set", "image", "deployment/d", "c=y")
    assert kubectl("get", "deploy", "d", "-o", "jsonpath={.spec.replicas}{..image}") == "3y"
    assert kubectl("get", "lamps", "-l", "l in (1,2)", "-o", "name") == "lamp.test.example.com/a\n"


def test_delete_waits_for_finalizers(kubectl: Kubectl, http: Http) -> None:
    kubectl("apply", "-f-", stdin=LAMP)
    http.patch(f"{LAMPS}/a", {"metadata": {"finalizers": ["x/y"]}})
    assert "timed out waiting" in kubectl("delete", "lamp", "a", "--timeout=1s", fails=True)
    kubectl("patch", "lamp", "a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert kubectl("wait", "--for=delete", "lamp/a", "--timeout=20s") == ""
    kubectl("apply", "-f-", stdin=BUILT_IN)
    assert kubectl("delete", "-f-", stdin=BUILT_IN).count("deleted") == 4


def test_wait_for_a_condition(kubectl: Kubectl, http: Http) -> None:
    kubectl("apply", "-f-", stdin=LAMP)
    ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    assert "timed out" in kubectl("wait", "--for=condition=Ready", "lamp/a", "--timeout=1s", fails=True)
    kubectl("patch", "lamp", "a", "--subresource=status", "--type=merge", "-p", ready)
    assert kubectl("wait", "--for=condition=Ready", "lamp/a", "--timeout=20s").endswith("condition met\n")


def test_logs_namespaces_and_events(kubectl: Kubectl, tmp_path: Path) -> None:
    refused = kubectl("create", "namespace", "team", fails=True)
    assert "this store reads JSON and YAML: use kubectl apply" in refused, "this form of kubectl create sends protobuf"
    kubectl("apply", "-f-", stdin="apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n")
    kubectl("apply", "-n", "team", "-f-", stdin=BUILT_IN)
    folder = tmp_path / "logs" / "team" / "p"
    folder.mkdir(parents=True)
    (folder / "c.log").write_text("one\ntwo\n")
    assert kubectl("logs", "-n", "team", "p", "--tail=1") == "two\n"
    assert kubectl("get", "events", "-n", "team") == "No resources found in team namespace.\n"
    kubectl("delete", "namespace", "team", "--timeout=20s")
    assert "team" not in kubectl("get", "namespaces", "-o", "name")


def test_get_watches(kubectl: Kubectl, http: Http, store: Store, tmp_path: Path) -> None:
    kubectl("apply", "-f-", stdin=LAMP)
    command = ["kubectl", "--kubeconfig", str(tmp_path / "kubeconfig"), "get", "lamps", "-w", "--no-headers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[:2] == ["a", "1"]
        http.patch(f"{LAMPS}/a", {"spec": {"bulbs": 6}})
        assert watching.stdout.readline().split()[:2] == ["a", "6"]
        watching.kill()
