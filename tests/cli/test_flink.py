"""What is asked of Flink goes through the API server's service proxy; here something behind it plays Flink."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import flink
from clients.kube import Unreachable, resources

from .conftest import Run, World
from .servers import Asked, served

RUN = "ab" * 16
RECORDED = json.loads((Path(__file__).parents[1] / "data" / "flink" / "2.3.0.json").read_text())
TASKMANAGERS = next(each["body"] for each in RECORDED if each["path"] == "/taskmanagers")
ID = TASKMANAGERS["taskmanagers"][0]["id"]
METRICS = {
    "Status.JVM.Memory.Heap.Used": "52428800",
    "Status.JVM.CPU.Load": "0.25",
    "Status.JVM.GarbageCollector.MarkSweepCompact.Time": "12",
    "taskSlotsTotal": "4",
    "Status.Flink.Memory.Managed.Used": "0",
    "numberOfCompletedCheckpoints": "7",
    "lastCheckpointExternalPath": "file:/data/chk-7",
    "lastCheckpointRestoreTimestamp": "NaN",
}


class Flink:
    def __init__(self) -> None:
        self.disposed: list[str] = []
        self.failure: dict[str, Any] | None = None

    def __call__(self, asked: Asked) -> tuple[int, Any]:
        if asked.method == "POST":
            self.disposed.append(asked.body["savepoint-path"])
            return 200, {"request-id": "cd" * 16}
        found = self._told(asked.path, asked.params.get("get"))
        told = {"errors": [f"org.apache.flink.runtime.rest.NotFoundException: nothing at {asked.path}"]}
        return (200, found) if found is not None else (404, told)

    def _told(self, path: str, wanted: str | None) -> Any:
        match path.split("/")[1:]:
            case ["taskmanagers"]:
                return TASKMANAGERS
            case ["taskmanagers", id] if id == ID:
                return TASKMANAGERS["taskmanagers"][0]
            case [*_, "metrics"] if wanted is None:
                return [{"id": id} for id in METRICS]
            case [*_, "metrics"]:
                return [{"id": id, "value": METRICS[id]} for id in wanted.split(",") if id in METRICS]
            case ["jobs", run] if run == RUN:
                return {"jid": RUN, "state": "RUNNING"}
            case ["savepoint-disposal", _]:
                done = {"failure-cause": self.failure} if self.failure else {}
                return {"status": {"id": "COMPLETED"}, "operation": done}
        return None


@pytest.fixture
def playing(world: World) -> Iterator[Flink]:
    """Flink behind the Service of the cluster `demo`, which has a running job `demo-one`."""
    flink = Flink()
    with served(flink) as number:
        labels = {"clusterName": "demo", "role": "jobmanager"}
        port = {"name": "ui", "port": 8081, "targetPort": number}
        service = {"metadata": {"name": "jobmanager-demo"}, "spec": {"selector": labels, "ports": [port]}}
        pod = {"metadata": {"name": "jm", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        world.client.create(resources.SERVICES, service, namespace="default")
        world.client.create(resources.PODS, pod, namespace="default")
        status = {"status": {"phase": "Running", "podIP": "127.0.0.1"}}
        world.client.patch(resources.PODS, "jm", status, namespace="default", subresource="status")
        world.cluster()
        world.job(jobId=RUN)
        yield flink


def test_details_are_flinks_own_document(run: Run, playing: Flink) -> None:
    assert json.loads(run("job", "details", "demo-one").stdout) == {"jid": RUN, "state": "RUNNING"}
    assert "state: RUNNING" in run("job", "details", "--cluster-name", "demo", "--job-name", "one", "-o", "yaml").stdout


@pytest.mark.defect(26)
def test_metrics_have_the_toolboxs_names(run: Run, playing: Flink) -> None:
    found = json.loads(run("job", "metrics", "demo-one", "-o", "json").stdout)
    assert found == {
        "numberOfCompletedCheckpoints": 7,
        "lastCheckpointExternalPath": "file:/data/chk-7",
        "lastCheckpointRestoreTimestamp": "NaN",
    }
    found = json.loads(run("jobmanager", "metrics", "--cluster-name", "demo", "-o", "json").stdout)
    assert found == {
        "jvmMemoryHeapUsed": 52428800,
        "jvmCPULoad": 0.25,
        "jvmGarbageCollectorMarkSweepCompactTime": 12,
        "taskSlotsTotal": 4,
    }
    table = run("taskmanager", "metrics", "demo").stdout.splitlines()
    assert table[0].split() == ["METRIC", "VALUE"]
    assert ["jvmMemoryHeapUsed", "52428800"] in [line.split() for line in table]


def test_taskmanagers_are_listed_and_told_one_by_one(run: Run, playing: Flink) -> None:
    head, row = run("taskmanagers", "list", "--cluster-name", "demo").stdout.splitlines()
    assert (head.split(), row.split()) == (["ID", "SLOTS", "FREE"], [ID, "4", "4"])
    assert run("taskmanager", "list", "demo", "-o", "name").stdout == f"{ID}\n"
    for words in (
        ["demo"],
        ["demo", ID],
        ["--cluster-name", "demo", "--taskmanager-id", ID],
        ["demo", "--taskmanager-id", ID],
    ):
        assert json.loads(run("taskmanager", "details", *words).stdout)["id"] == ID
    assert run("taskmanager", "details").exit_code == 2


def test_flinks_no_is_told_in_its_words(run: Run, playing: Flink) -> None:
    result = run("taskmanager", "details", "demo", "other")
    told = (
        "error: flinkcluster.nextbreakpoint.com/demo: Flink says: NotFoundException: nothing at /taskmanagers/other\n"
    )
    assert (result.exit_code, result.stderr) == (1, told)
    assert run("taskmanager", "details", "demo", "../jobs").exit_code == 1


def test_without_a_jobmanager_the_clusters_state_is_told(run: Run, world: World) -> None:
    world.cluster(phase="Stopped")
    result = run("jobmanager", "metrics", "demo")
    told = "error: flinkcluster.nextbreakpoint.com/demo is Stopped, and its JobManager does not answer\n"
    assert (result.exit_code, result.stderr) == (1, told)


@pytest.mark.defect(27)
def test_without_a_run_there_is_nothing_to_ask(run: Run, world: World) -> None:
    world.cluster()
    world.job(phase="Stopped")
    result = run("job", "details", "demo-one")
    told = "error: flinkjob.nextbreakpoint.com/demo-one is Stopped: Flink has no run of it\n"
    assert (result.exit_code, result.stderr) == (1, told)


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-1", -1), ("0.5", 0.5), ("NaN", "NaN"), ("Infinity", "Infinity"), ("x", "x")]
)
def test_values_are_numbers_where_json_has_them(text: str, value: object) -> None:
    assert flink.metric_value(text) == value


# ---- dispose -------------------------------------------------------------------------------------------------------


def test_dispose_has_flink_delete_it(run: Run, playing: Flink) -> None:
    result = run("savepoint", "dispose", "demo-one", "--path", "file:/data/old")
    assert (result.exit_code, result.stdout) == (0, "file:/data/old disposed of\n")
    assert playing.disposed == ["file:/data/old"]


def test_dispose_fails_with_flinks_reason(run: Run, playing: Flink) -> None:
    playing.failure = {"class": "java.io.IOException", "stack-trace": "java.io.IOException: disk full\n\tat x.Y.z(Y:1)"}
    result = run("savepoint", "dispose", "demo-one", "--path", "file:/data/old")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: file:/data/old was not disposed of: IOException: disk full\n",
    )


def test_dispose_waits_while_the_api_server_is_away(run: Run, playing: Flink, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, answers = flink.JobManager.get, iter([Unreachable("nobody is there", sent=True)] * 2)

    def get(jobmanager: flink.JobManager, *given: Any) -> Any:
        if trouble := next(answers, None):
            raise trouble
        return ask(jobmanager, *given)

    monkeypatch.setattr(flink.JobManager, "get", get)
    result = run("savepoint", "dispose", "demo-one", "--path", "file:/data/old")
    assert (result.exit_code, result.stdout) == (0, "file:/data/old disposed of\n")
    lost = "no answer from the API server, trying again: nobody is there\n"
    assert result.stderr == f"{lost}the API server answers again\n"


def test_dispose_says_what_goes_on_after_ctrl_c(run: Run, playing: Flink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink.JobManager, "get", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    result = run("savepoint", "dispose", "demo-one", "--path", "file:/data/old")
    told = "interrupted; Flink goes on deleting the files of file:/data/old\n"
    assert (result.exit_code, result.stderr) == (130, told)


@pytest.mark.parametrize(
    "status",
    [
        {
            "recoveryPoints": [
                {"type": "SAVEPOINT", "path": "file:/data/a"},
                {"type": "SAVEPOINT", "path": "file:/data/old"},
            ]
        },
        {"savepointPath": "file:///data/old"},
        {"restorePath": "file:/data/old/"},
        {"restoredPath": "file:/data/old"},
    ],
)
def test_what_a_job_may_come_back_from_is_not_disposed_of(run: Run, world: World, playing: Flink, status: Any) -> None:
    world.job("demo-two")
    world.become("demo-two", "Started", **status)
    result = run("savepoint", "dispose", "demo-one", "--path", "file:/data/old", "--yes")
    assert result.exit_code == 1
    assert "is what flinkjob.nextbreakpoint.com/demo-two may have to come back from" in result.stderr
    assert not playing.disposed
