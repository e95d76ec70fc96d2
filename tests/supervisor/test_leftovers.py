"""Runs whose FlinkJob was deleted before they had ended, and JARs that no job uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clients.flink import Jar, JobSummary, Overview, Unknown
from clients.kube import Unreachable
from core import job as jobs
from supervisor import leftovers as module
from supervisor.jobmanager import Look
from supervisor.leftovers import Leftovers, unused

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CLUSTER: dict[str, Any] = {"kind": "FlinkCluster", "metadata": {"name": "demo", "namespace": "test", "uid": "c"}}
RUN = jobs.flink_job_id("u", 3)
THEIRS = "ab" * 16
HASH = "0123456789abcdef"


def flink_job(uid: str = "u", **status: Any) -> dict[str, Any]:
    held = {"supervisorStatus": "Stopping", "clusterName": "demo", "attempt": 3, "jarId": "1_a.jar"}
    return {"metadata": {"name": f"demo-{uid}", "namespace": "test", "uid": uid}, "status": {**held, **status}}


class Kube:
    """The API server; `live` are the FlinkJobs that it has."""

    def __init__(self) -> None:
        self.live: list[dict[str, Any]] = []
        self.answers = True
        self.said: list[tuple[str, str]] = []

    def list(self, resource: Any, *, namespace: str) -> dict[str, Any]:
        if not self.answers:
            raise Unreachable("no", sent=True)
        return {"items": self.live}

    def create(self, resource: Any, body: dict[str, Any], *, namespace: str) -> None:
        self.said.append((body["involvedObject"]["kind"], body["message"]))


class JobManager:
    """Cancels at the second try."""

    def __init__(self) -> None:
        self.client, self.cancelled, self.deleted, self.tries = self, [], [], 0

    def newest_checkpoint(self, run: str) -> str:
        return f"s3://ckp/{run}/chk-9"

    def cancel(self, run: str) -> None:
        self.tries += 1
        if self.tries == 1:
            raise Unknown("no answer in time")
        self.cancelled.append(run)

    def jars(self) -> tuple[Jar, ...]:
        return (jar("1_a.jar"), jar("2_b.jar"))

    def delete_jar(self, name: str) -> None:
        self.deleted.append(name)


def look(status: str = "RUNNING") -> Look:
    overview = Overview("2.3.0", 1, 1, 0, 1, 0, 0, 0)
    found = {RUN: JobSummary(RUN, "x", status, 0, 1, 0, 1), THEIRS: JobSummary(THEIRS, "x", "RUNNING", 0, 1, 0, 1)}
    return Look(overview, found)


def jar(id: str, name: str = f"{HASH}-app.jar", *, age: float = 3600.0) -> Jar:
    return Jar(id, name, int((NOW.timestamp() - age) * 1000))


class Stage:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kube, self.jobmanager, self.time = Kube(), JobManager(), 1000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.time)
        self.leftovers = Leftovers(self.kube, "test", "demo")  # type: ignore[arg-type]

    def tick(self, seen: Look, *watched: dict[str, Any]) -> None:
        self.time += module.LOOKS_AT_RUNS
        self.leftovers.notice(watched, seen)
        if self.leftovers.due:
            self.leftovers.remove(CLUSTER, self.jobmanager, NOW)  # type: ignore[arg-type]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_a_run_whose_flinkjob_is_gone_is_told_of_and_cancelled(stage: Stage) -> None:
    """Whoever was there when it went. What people have submitted is left alone."""
    stage.tick(look())
    stage.tick(look())
    assert stage.jobmanager.cancelled == [RUN]
    (said,) = stage.kube.said
    assert said[0] == "FlinkCluster"
    assert f"s3://ckp/{RUN}/chk-9" in said[1]
    stage.tick(look("CANCELED"))
    assert not stage.leftovers.due


OTHERS = {
    "another FlinkJob of its name": flink_job("another"),
    "one that runs elsewhere by now": flink_job(clusterName="other", attempt=4),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_run_that_is_nobodys_here(stage: Stage, other: dict[str, Any]) -> None:
    stage.kube.live = [other]
    stage.tick(look(), other)
    stage.tick(look(), other)
    assert stage.jobmanager.cancelled == [RUN]


OWNERS = {
    "the watch knows it": ([flink_job()], []),
    "it only lost its label": ([], [flink_job()]),
    "it was submitted a moment ago": ([flink_job(attempt=2)], [flink_job()]),
    "an earlier attempt that the lane cancels": ([flink_job(attempt=5)], []),
    "a status of another version": ([flink_job(supervisorStatus="Paused")], []),
    "without the cluster's name": ([flink_job(clusterName="")], []),
    "an id of another kind": ([flink_job("v", jobId=RUN)], []),
}


@pytest.mark.parametrize(("watched", "live"), OWNERS.values(), ids=OWNERS)
def test_a_run_of_a_flinkjob_is_left_alone(stage: Stage, watched: list[Any], live: list[Any]) -> None:
    stage.kube.live = live
    stage.tick(look(), *watched)
    assert (stage.jobmanager.tries, stage.kube.said) == (0, [])


def test_as_long_as_nobody_says_that_it_is_gone_it_is_not(stage: Stage) -> None:
    stage.kube.answers = False
    stage.tick(look())
    assert stage.jobmanager.tries == 0
    stage.kube.answers = True
    stage.tick(look())
    assert stage.jobmanager.tries == 1


def test_jars_are_looked_at_now_and_then(stage: Stage) -> None:
    stage.tick(look(), flink_job())
    assert not stage.jobmanager.deleted
    stage.time += module.LOOKS_AT_JARS
    stage.tick(look(), flink_job())
    assert stage.jobmanager.deleted == ["2_b.jar"]
    assert not stage.leftovers.due


ORDERED = {"number": 2, "bootstrap": {"image": "x"}}
JARS = [jar("1_a.jar"), jar("2_b.jar"), jar("3_c.jar", age=60.0), jar("4_theirs.jar", "theirs.jar")]


@pytest.mark.defect(9)
@pytest.mark.parametrize(
    ("jobs", "deleted"),
    [
        ([flink_job()], ["2_b.jar"]),
        ([], ["1_a.jar", "2_b.jar"]),
        ([flink_job(), flink_job("v", supervisorStatus="Stopped", jarId="2_b.jar")], []),
        ([flink_job(), flink_job("v", supervisorStatus="Starting", jarId="", delivery=ORDERED)], []),
        ([flink_job(supervisorStatus="Started", update={"delivery": ORDERED})], []),
        ([flink_job(supervisorStatus="Started", update={"delivery": ORDERED, "jarId": "2_b.jar"})], []),
        ([flink_job(), flink_job("v", supervisorStatus="", jarId="")], []),
        ([flink_job(), flink_job("v", supervisorStatus="Stopped", jarId="")], ["2_b.jar"]),
    ],
)
def test_a_jar_goes_when_no_job_uses_it_and_no_delivery_may_find_it(jobs, deleted):
    """Neither one that was just carried, nor one that people have uploaded."""
    for item in jobs:
        if not item["status"]["supervisorStatus"]:
            del item["status"]["supervisorStatus"]
    assert unused(JARS, jobs, NOW) == deleted


def test_what_is_seen_while_the_list_is_on_its_way_is_looked_at_later(stage: Stage) -> None:
    """The run was written and submitted after the API server read the list."""
    begun = jobs.flink_job_id("v", 1)

    def list_slowly(resource: Any, *, namespace: str) -> dict[str, Any]:
        found = look()
        summary = JobSummary(begun, "x", "RUNNING", 0, 1, 0, 1)
        stage.leftovers.notice([], Look(found.overview, {**found.jobs, begun: summary}))
        return {"items": [flink_job()]}

    stage.kube.list = list_slowly  # type: ignore[method-assign]
    stage.tick(look())
    assert (stage.jobmanager.tries, stage.leftovers.due) == (0, False)


def test_no_run_is_cancelled_without_a_word(stage: Stage) -> None:
    newest, stage.jobmanager.tries = stage.jobmanager.newest_checkpoint, 1
    answers = iter([Unknown("no answer in time"), ""])

    def asked(run: str) -> str:
        if isinstance(answer := next(answers), Unknown):
            raise answer
        return newest(run)

    stage.jobmanager.newest_checkpoint = asked  # type: ignore[method-assign]
    stage.tick(look())
    assert stage.jobmanager.cancelled == []
    stage.tick(look())
    assert (stage.jobmanager.cancelled, len(stage.kube.said)) == ([RUN], 1)
