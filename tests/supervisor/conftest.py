"""The vocabulary of the supervisor's tests: named clusters and named jobs in Flink, and a world made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from clients.flink import Checkpoints, Operation, Snapshot
from core import job as jobs
from core import names, times
from core.job_status import CHECKPOINT, Delivery, JobStatus, RecoveryPoint, Stop
from core.states import Phase
from supervisor import steps
from supervisor.world import Bootstrap, ClusterView, FlinkJob, Sight, World

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UID = "6f1c"

UP = ClusterView(
    name="demo",
    uid="",
    phase=Phase.STARTED,
    revision="r1",
    incarnation=1,
    deleting=False,
    suspended=False,
    stopped=False,
    without_savepoint=False,
    answering=True,
    fenced=True,
    jobmanager_gone=False,
    slots_free=2,
    supervisor_image="ours:1",
    supervisor_pull_policy="IfNotPresent",
    polling_interval=5,
    task_timeout=300,
    forgets=0,
    on_trial=False,
)
CLUSTERS = {
    "up": UP,
    "starting": replace(UP, phase=Phase.STARTING, answering=False, slots_free=0),
    "answers": replace(UP, phase=Phase.STARTING),
    "unfenced": replace(UP, phase=Phase.STARTING, fenced=False),
    "full": replace(UP, slots_free=0),
    "mute": replace(UP, answering=False),
    "lost": replace(UP, answering=False, jobmanager_gone=True),
    "renewed": replace(UP, incarnation=2),
    "made again": replace(UP, uid="another"),
    "stopping": replace(UP, phase=Phase.STOPPING),
    "stopping, lost": replace(UP, phase=Phase.STOPPING, answering=False, jobmanager_gone=True),
    "suspending": replace(UP, phase=Phase.STOPPING, suspended=True),
    "being stopped": replace(UP, phase=Phase.STOPPING, stopped=True),
    "stopped": replace(UP, phase=Phase.STOPPED, stopped=True, answering=False, jobmanager_gone=True),
    "suspended": replace(UP, phase=Phase.STOPPED, suspended=True, answering=False, jobmanager_gone=True),
    "deleting": replace(UP, phase=Phase.STOPPING, deleting=True),
    "terminated": replace(UP, phase=Phase.TERMINATED, deleting=True, answering=False, jobmanager_gone=True),
}


def millis(seconds: float) -> int:
    """Flink's time so many seconds after NOW."""
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1000)


def snapshot(path: str | None, *, id: int = 7, savepoint: bool = False, at: float = -1) -> Snapshot:
    return Snapshot(id, path, savepoint, millis(at - 1), millis(at))


CHK = "s3://ckp/4f7a/chk-7"
ONE_CHECKPOINT = Checkpoints(completed=1, latest_completed=snapshot(CHK))
RUNS = FlinkJob(Sight.SEEN, "RUNNING", tasks_run=True, checkpoints=ONE_CHECKPOINT, checkpointing=10.0)
NEW = replace(RUNS, checkpoints=Checkpoints())  # no checkpoint yet
FLINK = {
    "not asked": FlinkJob(),
    "silent": FlinkJob(Sight.UNKNOWN),
    "missing": FlinkJob(Sight.MISSING),
    "runs": RUNS,
    "new": NEW,
    "waits": replace(NEW, tasks_run=False),  # RUNNING, says Flink; no task does
    "stateless": replace(RUNS, checkpoints=None, checkpointing=0.0),
    "finished": replace(RUNS, status="FINISHED", tasks_run=False),
    "canceled": replace(RUNS, status="CANCELED", tasks_run=False),
    "failed": replace(RUNS, status="FAILED", tasks_run=False, exception="IOException: disk full"),
    "restarting": replace(NEW, status="RESTARTING", tasks_run=False, exception="IOException: disk full"),
}

SPEC: dict[str, Any] = {
    "jobParallelism": 1,
    "bootstrap": {
        "image": "img:1",
        "className": "com.example.Main",
        "jarPath": "/app.jar",
        "arguments": ["--a", "b c"],
    },
    "savepoint": {"savepointMode": "Automatic", "savepointInterval": 0, "savepointTargetPath": "s3://s"},
    "restart": {"restartPolicy": "Never", "restartDelay": 60, "restartMaxDelay": 600, "restartTimeout": 180},
}
ANNOTATIONS = {
    "action": names.REQUESTED_ACTION,
    "at": names.ACTION_TIMESTAMP,
    "without": names.WITHOUT_SAVEPOINT,
    "drain": names.DRAIN,
}


def text(seconds: float) -> str:
    """The timestamp so many seconds after NOW."""
    return times.to_text(NOW + timedelta(seconds=seconds))


def read_job(job: dict[str, Any]) -> jobs.Job:
    """`job` may say: parts of the spec by dotted path, deleting, action, at, without, drain."""
    spec: dict[str, Any] = {key: dict(part) if isinstance(part, dict) else part for key, part in SPEC.items()}
    for path, value in job.items():
        part, _, key = path.rpartition(".")
        if part in SPEC:
            spec[part][key] = value
        elif path not in ANNOTATIONS and path != "deleting":
            spec[path] = value
    metadata = {
        "name": "demo-count",
        "namespace": "test",
        "uid": UID,
        "generation": 3,
        "annotations": {name: job[word] for word, name in ANNOTATIONS.items() if word in job},
        **({"deletionTimestamp": text(-5)} if job.get("deleting") else {}),
    }
    return jobs.read({"metadata": metadata, "spec": spec})


def statuses() -> dict[str, JobStatus]:
    """One status of each kind, as a life of the job would leave it."""
    job = read_job({})
    digest = {"bootstrap": job.bootstrap_digest, "savepoint": job.savepoint_digest, "restart": job.restart_digest}
    fresh = JobStatus(supervisor_status=Phase.STARTING, cluster_name="demo", digest={**digest, "bootstrap": ""})
    delivery = Delivery(1, 1, job.bootstrap_digest, bootstrap=job.bootstrap_spec, requested_at=text(-10))
    ordered = fresh.but(delivery=delivery)
    carried = ordered.but(jar_id="1_app.jar")
    submitted = carried.but(
        attempt=1,
        job_id=jobs.flink_job_id(UID, 1),
        job_parallelism=1,
        cluster_revision="r1",
        incarnation=1,
        digest=digest,
        started_at=text(-5),
    )
    started = submitted.but(supervisor_status=Phase.STARTED, job_status="RUNNING")
    ready = started.but(ready_at=text(-300), started_at=text(-310), had_state=True, recovery_points=(point(CHK),))
    stop = Stop(trigger_id="ab" * 16, savepoint=True, requested_at=text(-3), reason="because")
    stopping = ready.but(supervisor_status=Phase.STOPPING, stop=stop, ready_at="")
    stopped = steps.released(ready).but(supervisor_status=Phase.STOPPED, job_id="", job_status="")
    return {
        "unknown": JobStatus(),
        "fresh": fresh,
        "ordered": ordered,
        "carried": carried,
        "submitted": submitted,
        "started": started,
        "ready": ready,
        "stopping": stopping,
        "stopped": stopped,
        "terminated": stopped.but(supervisor_status=Phase.TERMINATED),
    }


def point(path: str, *, type: str = CHECKPOINT, at: float = -1, id: int = 7) -> RecoveryPoint:
    return RecoveryPoint(path, type, text(at), jobs.flink_job_id(UID, 1), id if type == CHECKPOINT else 0)


class MakeWorld(Protocol):
    def __call__(
        self, status: str, /, *, cluster: Any = "up", flink: Any = "not asked", job: Any = None, **changes: Any
    ) -> World: ...


@pytest.fixture
def world() -> MakeWorld:
    """A world of words. `cluster` and `flink` are a word, or a word and changes; `changes` are the status's."""

    def make(
        status: str, /, *, cluster: Any = "up", flink: Any = "not asked", job: Any = None, **changes: Any
    ) -> World:
        bootstrap = changes.pop("bootstrap", Bootstrap())
        return World(
            now=NOW,
            job=read_job(job or {}),
            status=statuses()[status].but(**changes),
            cluster=_worded(CLUSTERS, cluster),
            flink=_worded(FLINK, flink),
            bootstrap=bootstrap,
        )

    return make


def _worded(known: dict[str, Any], word: Any) -> Any:
    name, changes = word if isinstance(word, tuple) else (word, {})
    changes = {key: Operation(*value) if key == "operation" else value for key, value in changes.items()}
    return replace(known[name], **changes)


@pytest.fixture
def moment() -> Any:
    """The timestamp so many seconds after the world's now."""
    return text


@pytest.fixture
def taken() -> Any:
    """A completed checkpoint or savepoint as Flink lists it."""
    return snapshot


@pytest.fixture
def known() -> Any:
    """A recovery point as the status lists it."""
    return point


@pytest.fixture
def documented() -> Any:
    """The rows of a page of docs/ whose first cell is code, by that word."""

    def rows(page: str) -> dict[str, list[str]]:
        text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
        lines = (line for line in text.splitlines() if line.startswith("| `"))
        cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        return {row[0].strip("`"): row[1:] for row in cells}

    return rows
