"""A stage for whole lives of one job, on the fakes beside this file."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from clients.flink import (
    Unknown,
)
from clients.kube import Conflict, Unreachable, resources
from core import names, times
from core.job_status import JobStatus, read_status
from supervisor import observe
from supervisor.claims import Claims
from supervisor.cycle import SHORTEST
from supervisor.events import Recorder
from supervisor.jobmanager import JobManager, Look
from supervisor.lane import Lane, Surroundings
from supervisor.planning import Planner

from .fakes import Clock, Flink, Killed, Knife, Kube, copied

SPEC: dict[str, Any] = {
    "clusterName": "demo",
    "jobParallelism": 1,
    "bootstrap": {"image": "img:1", "className": "Main", "jarPath": "/app.jar"},
    "savepoint": {"savepointMode": "Automatic", "savepointInterval": 0, "savepointTargetPath": "s3://s"},
    "restart": {"restartPolicy": "Never", "restartDelay": 60, "restartTimeout": 180},
}


class Stage:
    """One job on one cluster, played by hand: `play()` steps the lane and lets time pass until something is so."""

    NAME, UID = "demo-count", "c1"  # the uid is the cluster's

    def __init__(self) -> None:
        self.clock, self.knife = Clock(), Knife()
        self.kube, self.flink = Kube(self.knife), Flink(self.clock, self.knife)
        self.kills = 0
        self.claims, self.others = Claims(), set[str]()  # jobs beside it
        self._actions = itertools.count(1)
        self._read = ("", JobStatus())
        self.cluster(supervisorStatus="Started", revision="r1", incarnation=1)
        job = {"name": self.NAME, "namespace": "test", "uid": "6f1c", "generation": 1, "annotations": {}}
        job["labels"] = {names.LABEL_CLUSTER: "demo"}
        self.kube.put(
            resources.FLINK_JOBS, {"apiVersion": names.API_VERSION, "kind": "FlinkJob", "metadata": job, "spec": SPEC}
        )
        self.new_supervisor()

    def __deepcopy__(self, memo: dict[int, Any]) -> Stage:
        """Without its claims, which hold a lock."""
        made = object.__new__(Stage)
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy({**self.__dict__, "claims": None}, memo), claims=Claims())
        return made

    def new_supervisor(self) -> None:
        planner = Planner(lambda task: self.begin(task))
        self.lane = Lane(self.kube, Recorder(self.kube), clock=self.clock, planner=planner)  # type: ignore[arg-type]
        self._managers: dict[int, JobManager] = {}

    # the cluster hook, the kubelet and the user

    def cluster(self, **status: Any) -> None:
        name = (resources.FLINK_CLUSTERS.plural, "demo")
        before = self.kube.objects.get(name, {}).get("status", {})
        metadata = {"name": "demo", "namespace": "test", "uid": self.UID}
        body = {"metadata": metadata, "spec": {"supervisor": {"image": "ours:1"}}}
        self.kube.put(resources.FLINK_CLUSTERS, {**body, "status": {**before, **status}})

    def lose_jobmanager(self) -> None:
        """The pod dies; the hook answers with the next incarnation at once."""
        self.flink.lose()
        self.cluster(incarnation=self.incarnation + 1)

    @property
    def incarnation(self) -> int:
        return int(self.kube.objects["flinkclusters", "demo"]["status"]["incarnation"])

    @property
    def job(self) -> dict[str, Any]:
        return self.kube.objects["flinkjobs", self.NAME]

    @property
    def status(self) -> JobStatus:
        version = self.job["metadata"]["resourceVersion"]
        if version != self._read[0]:
            self._read = (version, read_status(self.job))
        return self._read[1]

    def annotate(self, action: str, **more: str) -> None:
        job = copied(self.job)
        job["metadata"]["annotations"] |= {
            names.REQUESTED_ACTION: action,
            names.ACTION_TIMESTAMP: str(next(self._actions)),
            **({names.WITHOUT_SAVEPOINT: "true"} if more.get("without") else {}),
            **({names.FROM_SAVEPOINT: origin} if (origin := more.get("origin")) else {}),
        }
        self.kube.put(resources.FLINK_JOBS, job)

    def edit(self, **spec: Any) -> None:
        job = copied(self.job)
        job["spec"] |= spec
        job["metadata"]["generation"] += 1
        self.kube.put(resources.FLINK_JOBS, job)

    def delete(self) -> None:
        job = copied(self.job)
        job["metadata"]["deletionTimestamp"] = times.to_text(self.clock.now)
        self.kube.put(resources.FLINK_JOBS, job)

    @property
    def asked(self) -> str:
        word = str(self.job["metadata"]["annotations"].get(names.REQUESTED_ACTION, "NONE"))
        return "" if word == "NONE" else word

    def pods(self) -> tuple[dict[str, Any], ...]:
        labels = names.pod_labels("demo", role="jobmanager", revision="r1", incarnation=self.incarnation)
        owner = {"controller": True, "uid": self.UID}
        jobmanager = {
            "metadata": {"name": "jm", "labels": labels, "ownerReferences": [owner]},
            "status": {"phase": "Running", "podIP": "127.0.0.1"},
        }
        delivery = self.status.ordered
        if delivery is None:
            return (jobmanager,)
        ended = self.carry(delivery.number)
        wanted = {
            "batch.kubernetes.io/job-name": names.bootstrap_job(self.NAME, delivery.number),
            names.LABEL_JOB_UID: self.job["metadata"]["uid"],
        }
        container = {"name": names.BOOTSTRAP, "state": {"terminated": ended}}
        status = {"phase": "Failed" if ended["exitCode"] else "Succeeded", "containerStatuses": [container]}
        return (jobmanager, {"metadata": {"name": "b", "labels": wanted}, "status": status})

    def carry(self, number: int) -> dict[str, Any]:
        """How the bootstrap's pod of a delivery ends."""
        jar = f"{number}_app.jar"
        self.flink.carried.add(jar)
        return {"exitCode": 0, "message": f'{{"jarId": "{jar}"}}'}

    def begin(self, plan: Callable[[], None]) -> None:
        """Here main() takes no time."""
        plan()

    # time

    def around(self) -> Surroundings:
        pods = self.pods()
        manager = self._managers.setdefault(self.incarnation, JobManager("127.0.0.1", 8081, self.incarnation))
        manager.client = self.flink  # type: ignore[assignment]
        self.claims.settle({"6f1c", *self.others}, self.clock.now)
        look = manager.look(1)
        view = observe.cluster_view(self.kube.objects["flinkclusters", "demo"], pods, look)
        return Surroundings(view, pods, manager, look if look.answering else Look(), self.claims)

    def step(self) -> float:
        """One step of the lane; a killed supervisor is followed by the next one."""
        try:
            around = self.around()
            self.lane.keep_slots(self.job, around)
            pause = self.lane.step(copied(self.job), around)
        except Killed:
            self.kills += 1
            self.new_supervisor()
            pause = 3.0
        self.wait(max(SHORTEST, min(pause, 5.0)))
        return pause

    def wait(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)
        self.flink.tick(seconds)

    def play(self, until: Callable[[], bool], *, steps: int = 400) -> None:
        for _ in range(steps):
            if until():
                return
            self.step()
        status = self.status
        raise AssertionError(f"still {status.supervisor_status}: {status.message}; {status.failure}; {self.asked}")

    def settle(self, seconds: float = 30.0) -> None:
        end = self.clock.now + timedelta(seconds=seconds)
        self.play(lambda: self.clock.now >= end, steps=round(seconds / SHORTEST) + 1)

    def is_ready(self, *, parallelism: int = 1) -> bool:
        status = self.status
        here = status.supervisor_status == "Started" and status.incarnation == self.incarnation
        return here and bool(status.ready_at) and status.job_parallelism == parallelism and not self.asked

    def is_in(self, phase: str) -> bool:
        return self.status.supervisor_status == phase and not self.asked

    @property
    def alive(self) -> list[str]:
        return [run.id for run in self.flink.runs.values() if run.alive]

    @property
    def conditions(self) -> dict[str, str]:
        """Those that are True, with their reason."""
        return {item["type"]: item["reason"] for item in self.status.conditions if item["status"] == "True"}


@pytest.fixture
def stage() -> Callable[[], Stage]:
    return Stage


@pytest.fixture
def ready() -> Stage:
    """... whose job runs, with a checkpoint."""
    made = Stage()
    made.play(made.is_ready)
    return made


@pytest.fixture
def killed() -> Callable[[str], None]:
    def do(where: str) -> None:
        raise Killed(where)

    return do


@pytest.fixture
def unknown() -> Callable[[str], None]:
    """No answer: from Flink or from the API server."""

    def do(where: str) -> None:
        raise Unknown(where) if where.startswith("flink") else Unreachable(where, sent=True)

    return do


@pytest.fixture
def conflict() -> Callable[[str], None]:
    def do(where: str) -> None:
        raise Conflict(409, "Conflict", where)

    return do
