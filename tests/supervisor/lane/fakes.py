"""A Kubernetes and a Flink in memory, a clock, and a knife that cuts at any call.

Flink here does what was recorded of the real one: a job id is taken once, a trigger id is one operation, a result is
kept for five minutes, a stop with savepoint ends the job, and everything but the savepoints and retained checkpoints
dies with the JobManager. Its state is one number, `work`, which grows while the job runs.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.flink import (
    Checkpoints,
    Duplicate,
    Jar,
    JobSummary,
    NotFound,
    Operation,
    Overview,
    Rejected,
    Restored,
    Snapshot,
    Unknown,
)
from clients.kube import Conflict, resources
from clients.kube import NotFound as KubeNotFound

KEPT = timedelta(minutes=5)  # rest.async.store-duration
RETAINED = 5  # state.checkpoints.num-retained
TAKES = 0.5  # seconds that a savepoint takes
TERMINAL = ("FINISHED", "CANCELED", "FAILED")


def copied(item: Any) -> Any:
    """As what goes over a wire; several times as fast as deepcopy."""
    return json.loads(json.dumps(item))


class Killed(BaseException):
    """kill -9 of the supervisor."""


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def millis(self) -> int:
        return int(self.now.timestamp() * 1000)


@dataclass
class Knife:
    """Counts the calls with an effect; does something `before` or `after` the one that it is set to."""

    at: int = -1
    when: str = "after"
    do: Callable[[str], None] = lambda where: None
    only: str = ""  # kube or flink
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def at_call(self, name: str) -> Iterator[None]:
        if not name.startswith(self.only):
            yield
            return
        number = len(self.seen)
        self.seen.append(name)
        if number == self.at and self.when == "before":
            self.do(name)
        yield
        if number == self.at and self.when == "after":
            self.do(name)


@dataclass
class Run:
    """A job in Flink."""

    id: str
    parallelism: int
    restored: str
    work: float
    began: int = 0  # number of what it restored: Flink counts on from there
    status: str = "RUNNING"
    age: float = 0.0
    stuck: bool = False  # its tasks never run
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)  # by this JobManager
    own: Snapshot | None = None  # what its tasks began with again last, by Flink itself
    restores: int = 0

    @property
    def alive(self) -> bool:
        return self.status not in TERMINAL

    @property
    def newest(self) -> Snapshot | None:
        return self.snapshots[-1] if self.snapshots else self.own

    @property
    def next_number(self) -> int:
        return (self.newest.id if self.newest else self.began) + 1

    def restart(self) -> None:
        """Its tasks begin again with the newest checkpoint, by Flink itself."""
        self.age = 0.0
        if self.newest:
            self.own, self.restores = self.newest, self.restores + 1

    @property
    def tasks_run(self) -> bool:
        return self.status == "RUNNING" and self.age >= 0.4 and not self.stuck


class Flink:
    """A JobManager and the disk behind it. `lose()` is its death."""

    def __init__(self, clock: Clock, knife: Knife) -> None:
        self.clock, self.knife = clock, knife
        self.disk: dict[str, float] = {}  # path: work
        self.settings = {
            "execution.checkpointing.num-retained": str(RETAINED),
            "execution.checkpointing.dir": "s3://ckp",
        }
        self.readonly = False
        self.unlisted = False  # savepoints can be written and read, and not be listed
        self.searches = 0
        self.answers = True
        self.runs: dict[str, Run] = {}
        self.carried: set[str] = set()
        self.broken: set[str] = set()  # JARs whose main() throws
        self.refused: set[str] = set()  # JARs that can be planned, and not be submitted
        self.stuck: set[str] = set()  # JARs whose tasks never run
        self.disposals: dict[str, dict[str, Any]] = {}
        self.half_gone: set[str] = set()  # savepoints of which files are deleted; so it stays when the JobManager dies
        self.history: list[Run] = []  # every run there ever was
        self.savepoints = 0
        self.checkpoint_every = 10.0  # seconds
        self.most_at_once = 0

    def jars(self) -> tuple[Jar, ...]:
        return tuple(Jar(jar, jar, self.clock.millis()) for jar in sorted(self.carried))

    # what a test does to it

    def lose(self) -> None:
        self.runs, self.carried, self.disposals = {}, set(), {}

    def tick(self, seconds: float) -> None:
        for run in self.runs.values():
            if run.alive:
                before = run.age
                run.age += seconds
                run.work += seconds if run.tasks_run else 0.0
                if run.tasks_run and int(run.age // self.checkpoint_every) > int(before // self.checkpoint_every):
                    self._snapshot(run, f"s3://ckp/{run.id}/chk-{run.next_number}", savepoint=False)
            for operation in run.operations.values():
                if operation["state"] == "IN_PROGRESS" and self.clock.now >= operation["due"]:
                    self._finish(run, operation)
        for disposal in self.disposals.values():
            if disposal["state"] == "IN_PROGRESS" and self.clock.now >= disposal["due"]:
                self._finish_disposal(disposal)

    def _snapshot(self, run: Run, path: str, *, savepoint: bool) -> None:
        self.disk[path] = run.work
        now = self.clock.millis()
        run.snapshots.append(Snapshot(run.next_number, path, savepoint, now, now))
        self._discard([snapshot for snapshot in run.snapshots if not snapshot.is_savepoint][:-RETAINED])

    def _discard(self, snapshots: list[Snapshot]) -> None:
        for snapshot in snapshots:
            self.disk.pop(str(snapshot.external_path), None)

    def finish(self, run: Run) -> None:
        """Retained on cancellation: not when a job finishes."""
        run.status = "FINISHED"
        self._discard([snapshot for snapshot in run.snapshots if not snapshot.is_savepoint])

    def _finish_disposal(self, disposal: dict[str, Any]) -> None:
        path = disposal["path"]
        gone = "" if path in self.disk else f"FileNotFoundException: Cannot find checkpoint '{path}'"
        failure = "AccessDenied: read-only" if self.readonly else gone
        disposal.update(state="FAILED" if failure else "COMPLETED", failure=failure or None)
        if not failure:
            del self.disk[path]
            self.half_gone.discard(path)

    def _finish(self, run: Run, operation: dict[str, Any]) -> None:
        operation["until"] = self.clock.now + KEPT
        if not run.alive or self.readonly:
            operation.update(state="FAILED", failure="IOException: read-only" if run.alive else "job is over")
            return
        self.savepoints += 1
        path = f"s3://s/savepoint-{self.savepoints}"
        self._snapshot(run, path, savepoint=True)
        operation.update(state="COMPLETED", location=path)
        if operation["stop"]:
            self.finish(run)

    # FlinkClient

    def _look(self) -> None:
        if not self.answers:
            raise Unknown("no answer in time")

    def config(self) -> dict[str, Any]:
        self._look()
        return {"flink-version": "2.3.0"}

    def jobmanager_config(self) -> dict[str, str]:
        self._look()
        return self.settings

    def overview(self) -> Overview:
        self._look()
        used = sum(run.parallelism for run in self.runs.values() if run.alive)
        return Overview("2.3.0", 4, 4, 4 - used, len(self.runs), 0, 0, 0)

    def taskmanagers(self) -> tuple[Any, ...]:
        self._look()
        return ()

    def jobs(self) -> tuple[JobSummary, ...]:
        self._look()
        return tuple(
            JobSummary(run.id, "count", run.status, 0, int(run.tasks_run), int(not run.alive), 1, run.age)
            for run in self.runs.values()
        )

    def _run(self, job_id: str) -> Run:
        self._look()
        if job_id not in self.runs:
            raise NotFound(404, "no such job")
        return self.runs[job_id]

    def job(self, job_id: str) -> Run:
        return self._run(job_id)

    def checkpoints(self, job_id: str) -> Checkpoints:
        run = self._run(job_id)
        savepoints = [snapshot for snapshot in run.snapshots if snapshot.is_savepoint]
        begun = Restored(run.began, run.restored, True, 0) if run.restored else None
        own = run.own and Restored(run.own.id, run.own.external_path, run.own.is_savepoint, 0)
        return Checkpoints(
            completed=len(run.snapshots),
            latest_completed=run.snapshots[-1] if run.snapshots else None,
            latest_savepoint=savepoints[-1] if savepoints else None,
            restored=own or begun,
            restores=run.restores,
        )

    def checkpointing_config(self, job_id: str) -> int:
        self._run(job_id)
        return int(self.checkpoint_every * 1000)

    def metrics(self, path: str, names: list[str]) -> dict[str, str]:
        self._look()
        return {"numRestarts": "0"}

    def exceptions(self, job_id: str) -> str:
        self._run(job_id)
        return "IOException: disk full"

    def operation(self, job_id: str, trigger_id: str) -> Operation:
        operation = self._run(job_id).operations.get(trigger_id)
        if operation is None or self.clock.now > operation.get("until", self.clock.now):
            raise NotFound(404, "no such operation")
        return Operation(operation["state"], operation.get("location"), operation.get("failure"))

    def run(self, jar_id: str, *, parallelism: int, job_id: str, savepoint_path: str | None, **more: Any) -> str:
        self._look()
        with self.knife.at_call("flink run"):
            if jar_id not in self.carried:
                raise NotFound(500, f"RestHandlerException: Jar file /up/{jar_id} does not exist")
            if job_id in self.runs:
                raise Duplicate(400, "DuplicateJobSubmissionException: Job has already been submitted.")
            if jar_id in self.broken | self.refused:
                raise Rejected(500, "RuntimeException: main() throws")
            if savepoint_path and (savepoint_path not in self.disk or savepoint_path in self.half_gone):
                raise Rejected(400, f"FileNotFoundException: Cannot find checkpoint '{savepoint_path}'")
            run = Run(job_id, parallelism, savepoint_path or "", self.disk[savepoint_path] if savepoint_path else 0.0)
            run.stuck, run.restores = jar_id in self.stuck, int(bool(savepoint_path))
            taken = (each for other in self.history for each in other.snapshots if each.external_path == savepoint_path)
            run.began = next((each.id for each in taken), 0)
            self.runs[job_id] = run
            self.history.append(run)
            self.most_at_once = max(self.most_at_once, sum(each.alive for each in self.runs.values()))
        return job_id

    def upload(self, path: Any, name: str) -> str:
        self._look()
        with self.knife.at_call("flink upload"):
            self.carried.add(name)
        return name

    def plan(self, jar_id: str, **more: Any) -> str:
        self._look()
        with self.knife.at_call("flink plan"):
            if jar_id.endswith("finder.jar"):
                return self._found(*more["arguments"])
            if jar_id not in self.carried:
                raise NotFound(500, f"RestHandlerException: Jar file /up/{jar_id} does not exist")
            if jar_id in self.broken:
                raise Rejected(500, "RuntimeException: main() throws")
        return "count"

    def _found(self, directory: str, job_id: str, since: str, known: str = "") -> str:
        self.searches += 1
        if self.unlisted:
            raise Rejected(500, f"AccessDenied: ListBucket (request {self.searches})")
        saved = [each for run in self.history if run.id == job_id for each in run.snapshots]
        there = {path for path in self.disk if path.startswith(f"{directory}/")}
        least = max((each.id for each in saved if each.external_path == known), default=-1)
        kept = [each for each in saved if each.external_path in there and each.id > least]
        return "{0.id} {0.completed_timestamp} {0.external_path}".format(kept[-1]) if kept else "none"

    def _begin(self, job_id: str, trigger_id: str, *, stop: bool) -> None:
        run = self._run(job_id)
        known = run.operations.get(trigger_id)
        if known is None or self.clock.now > known.get("until", self.clock.now):
            due = self.clock.now + timedelta(seconds=TAKES)
            run.operations[trigger_id] = {"state": "IN_PROGRESS", "due": due, "stop": stop}

    def stop(self, job_id: str, *, trigger_id: str, **more: Any) -> None:
        self._look()
        with self.knife.at_call("flink stop"):
            self._begin(job_id, trigger_id, stop=True)

    def savepoint(self, job_id: str, *, trigger_id: str, **more: Any) -> None:
        self._look()
        with self.knife.at_call("flink savepoint"):
            self._begin(job_id, trigger_id, stop=False)

    def dispose(self, path: str) -> str:
        self._look()
        with self.knife.at_call("flink dispose"):
            request = f"disposal-{len(self.disposals)}"
            due = self.clock.now + timedelta(seconds=TAKES)
            self.disposals[request] = {"state": "IN_PROGRESS", "path": path, "due": due}
            if path in self.disk and not self.readonly:
                self.half_gone.add(path)
        return request

    def disposal(self, request_id: str) -> Operation:
        self._look()
        if request_id not in self.disposals:
            raise NotFound(404, "no such operation")
        disposal = self.disposals[request_id]
        return Operation(disposal["state"], failure=disposal.get("failure"))

    def cancel(self, job_id: str) -> None:
        self._look()
        with self.knife.at_call("flink cancel"):
            run = self.runs.get(job_id)
            if run and run.alive:
                run.status = "CANCELED"


class Kube:
    """Objects by resource and name; resourceVersions, their preconditions, and a status subresource."""

    def __init__(self, knife: Knife) -> None:
        self.knife = knife
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions = itertools.count(1)
        self.events: list[str] = []
        self.writes: list[str] = []

    def put(self, resource: resources.Resource, body: dict[str, Any]) -> dict[str, Any]:
        body = copied(body)
        body["metadata"]["resourceVersion"] = str(next(self.versions))
        self.objects[resource.plural, body["metadata"]["name"]] = body
        return copied(body)

    def get(self, resource: resources.Resource, name: str, *, namespace: str | None = None) -> dict[str, Any]:
        if (resource.plural, name) not in self.objects:
            raise KubeNotFound(404, "NotFound", f"{name} not found")
        return copied(self.objects[resource.plural, name])

    def list(self, resource: resources.Resource, *, namespace: str | None = None) -> dict[str, Any]:
        return {"items": [copied(body) for (plural, _), body in self.objects.items() if plural == resource.plural]}

    def _current(self, resource: resources.Resource, name: str, version: str | None) -> dict[str, Any]:
        current = self.get(resource, name)
        if version not in (None, current["metadata"]["resourceVersion"]):
            raise Conflict(409, "Conflict", f"{name} has been modified")
        return current

    def replace(
        self, resource: resources.Resource, body: Any, *, namespace: str | None = None, subresource: str
    ) -> Any:
        with self.knife.at_call("kube status"):
            metadata = body["metadata"]
            current = self._current(resource, metadata["name"], metadata["resourceVersion"])
            self.writes.append("status")
            return self.put(resource, {**current, "status": body["status"]})

    def patch(self, resource: resources.Resource, name: str, patch: Any, *, namespace: str | None = None) -> Any:
        with self.knife.at_call("kube patch"):
            current = self._current(resource, name, patch["metadata"].get("resourceVersion"))
            annotations = {**current["metadata"].get("annotations", {}), **patch["metadata"]["annotations"]}
            current["metadata"]["annotations"] = {key: value for key, value in annotations.items() if value is not None}
            self.writes.append("patch")
            return self.put(resource, current)

    def create(self, resource: resources.Resource, body: Any, *, namespace: str | None = None) -> Any:
        with self.knife.at_call("kube event"):
            self.events.append(body["reason"])
        return body
