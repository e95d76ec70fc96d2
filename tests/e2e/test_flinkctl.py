"""flinkctl and the REST interface where they need a real Flink: what it tells, and waits for what is really done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli import session
from cli.main import root
from cli.rest.app import create_app
from clients.kube import resources as r

from . import accounts
from .manifests import cluster, flink_cluster, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, JOB = "walk", "walk-one"
TITLE = f"flinkjob.nextbreakpoint.com/{JOB}"
Run = Callable[..., str]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    """flinkctl in the world's namespace; its stdout, once it has ended well."""
    monkeypatch.setattr(session, "connect", lambda *given: world.client.connection)

    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(root, [*arguments, "-n", world.namespace])
        assert result.exit_code == code, result.output
        return result.stdout if not code else result.stderr

    return call


@pytest.fixture(scope="module", autouse=True)
def walked(world: World) -> Iterator[None]:
    world.apply(flink_cluster(CLUSTER, cluster(world.place, slots=2)))
    yield
    world.remove((r.FLINK_JOBS, JOB), (r.FLINK_CLUSTERS, CLUSTER))


@pytest.mark.scenario("S7")
def test_the_toolboxs_commands_on_a_real_flink(world: World, run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "job.yaml"
    spec.write_text(yaml.safe_dump(job(world.place)))
    named = ("--cluster-name", CLUSTER, "--job-name", "one")
    created = run("job", "create", *named, "--job-spec", str(spec), "--timeout", "4m")
    assert created == f"{TITLE} created\n{TITLE} ready\n"

    assert json.loads(run("job", "details", *named))["state"] == "RUNNING"

    def completed() -> Any:
        """Flink collects metrics now and then: they may not know yet of the checkpoint that made the job ready."""
        metrics = json.loads(run("job", "metrics", *named, "-o", "json"))
        return metrics if metrics["numberOfCompletedCheckpoints"] else None

    metrics = world.wait("the metrics tell of a checkpoint", completed)
    assert metrics["lastCheckpointExternalPath"].startswith("file:")
    slots = json.loads(run("jobmanager", "metrics", CLUSTER, "-o", "json"))
    assert slots["taskSlotsTotal"] == 2 and slots["jvmMemoryHeapUsed"] > 0 and slots["jvmThreadsCount"] > 0
    (id,) = run("taskmanagers", "list", CLUSTER, "-o", "name").split()
    assert json.loads(run("taskmanager", "details", CLUSTER, id))["id"] == id
    assert json.loads(run("taskmanager", "metrics", CLUSTER, "-o", "json"))["jvmMemoryHeapUsed"] > 0

    def top() -> bool:
        """Flink's answers may be 3 s old."""
        shown = {line.split()[0]: line.split()[1:] for line in run("top", "--once").splitlines() if line}
        runs = shown[JOB][:3] == [CLUSTER, "Started", "1"] and int(shown[JOB][4].replace("-", "0")) > 0
        return runs and shown[CLUSTER] == ["Started", "healthy", "1/1", "1/2", "1"]

    world.wait("top shows it", top)

    mark = world.mark(JOB)
    assert run("job", "restart", *named, "--timeout", "4m") == f"{TITLE} restart requested\n{TITLE} started\n"
    world.resumed(CLUSTER, {JOB: mark})
    assert f"{TITLE} scaled\n" in run("job", "scale", *named, "--parallelism", "2", "--timeout", "4m")
    assert world.job(JOB)["jobParallelism"] == 2


def test_a_savepoint_is_disposed_of_when_no_job_needs_it(world: World, run: Run) -> None:
    path = run("savepoint", "trigger", JOB).strip()
    folder = Path(path.removeprefix("file:"))
    refused = run("savepoint", "dispose", JOB, "--path", path, code=1)
    assert f"{path} is what {TITLE} may have to come back from" in refused
    run("savepoint", "forget", JOB, "--wait")
    world.wait("its own state is known again", lambda: world.job(JOB).get("recoveryPoints"))
    assert path not in [point["path"] for point in world.job(JOB)["recoveryPoints"]]
    assert run("savepoint", "dispose", JOB, "--path", path) == f"{path} disposed of\n"
    assert not world.place.local or not folder.exists()


@pytest.fixture
def token(world: World) -> str:
    return "local" if world.place.local else accounts.token(world, "rest-caller", role="edit")  # here nobody has rights


@pytest.mark.scenario("S7")
def test_the_rest_interface_tells_and_does_the_same(world: World, token: str) -> None:
    client = create_app(world.client.connection).test_client()

    def ask(method: str, path: str, body: Any = None) -> Any:
        url = f"/api/v1/clusters/{CLUSTER}{path}?namespace={world.namespace}"
        answer = client.open(url, method=method, json=body, headers={"Authorization": f"Bearer {token}"})
        told = json.loads(answer.data)
        assert told["status"] == "OK", told
        return json.loads(told["output"]) if "output" in told else None

    assert ask("GET", "/jobs") == ["one"]
    assert ask("GET", "/jobs/one/details")["state"] == "RUNNING"
    assert ask("GET", "/jobmanager/metrics")["numRunningJobs"] == 1
    (one,) = ask("GET", "/taskmanagers")
    assert ask("GET", f"/taskmanagers/{one['id']}/details")["id"] == one["id"]
    ask("PUT", "/jobs/one/stop", {"withoutSavepoint": False})
    world.wait("it is stopped", lambda: ask("GET", "/jobs/one/status")["supervisorStatus"] == "Stopped")
    assert world.job(JOB)["savepointPath"]
