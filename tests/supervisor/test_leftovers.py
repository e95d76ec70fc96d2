"""Runs whose FlinkJob was deleted before they had ended, and JARs that no job uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clients.flink import Jar, JobSummary, Overview, Unknown
from clients.kube import NotFound, Unreachable
from supervisor import leftovers as module
from supervisor.jobmanager import Look
from supervisor.leftovers import Leftovers, unused

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CLUSTER: dict[str, Any] = {"kind": "FlinkCluster", "metadata": {"name": "demo", "namespace": "test", "uid": "c"}}
RUN = "ab" * 16
HASH = "0123456789abcdef"


def flink_job(uid: str = "u", **status: Any) -> dict[str, Any]:
    held = {"supervisorStatus": "Stopping", "jobId": RUN, "clusterRevision": "r1", "incarnation": 2, "jarId": "1_a.jar"}
    return {"metadata": {"name": f"demo-{uid}", "namespace": "test", "uid": uid}, "status": {**held, **status}}


class Kube:
    """The API server; `live` is the FlinkJob that it has."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None
        self.answers = True
        self.said: list[tuple[str, str]] = []

    def get(self, resource: Any, name: str, *, namespace: str) -> dict[str, Any]:
        if not self.answers:
            raise Unreachable("no", sent=True)
        if self.live is None:
            raise NotFound(404, "NotFound", name)
        return self.live

    def create(self, resource: Any, body: dict[str, Any], *, namespace: str) -> None:
        self.said.append((body["involvedObject"]["kind"], body["message"]))


class JobManager:
    """Of incarnation 2; cancels at the second try."""

    incarnation = 2

    def __init__(self) -> None:
        self.client, self.cancelled, self.deleted, self.tries = self, [], [], 0

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
    return Look(overview, {RUN: JobSummary(RUN, "x", status, 0, 1, 0, 1)})


def jar(id: str, name: str = f"{HASH}-app.jar", *, age: float = 3600.0) -> Jar:
    return Jar(id, name, int((NOW.timestamp() - age) * 1000))


class Stage:
    def __init__(self) -> None:
        self.kube, self.jobmanager = Kube(), JobManager()
        self.leftovers = Leftovers(self.kube, "test")  # type: ignore[arg-type]

    def vanishes(self, **status: Any) -> None:
        self.leftovers.notice([flink_job(**status)])
        assert not self.leftovers.due
        self.leftovers.notice([])

    def remove(self, seen: Look) -> None:
        self.leftovers.remove(CLUSTER, self.jobmanager, seen, NOW)  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_run_whose_flinkjob_is_gone_is_told_of_and_cancelled(stage: Stage) -> None:
    stage.vanishes()
    for seen in (Look(), look(), look()):  # the first does not answer, the second does not do it
        assert stage.leftovers.due
        stage.remove(seen)
    assert stage.jobmanager.cancelled == [RUN]
    (said,) = stage.kube.said
    assert said[0] == "FlinkCluster"
    assert RUN in said[1]
    stage.remove(look("CANCELED"))
    assert not stage.leftovers.due


def test_another_flinkjob_of_its_name_does_not_own_the_run(stage: Stage) -> None:
    stage.vanishes()
    stage.kube.live = flink_job("another")
    stage.remove(look())
    stage.remove(look())
    assert stage.jobmanager.cancelled == [RUN]


def test_a_flinkjob_that_only_lost_its_label_keeps_its_run(stage: Stage) -> None:
    """A watch with a selector says DELETED of it."""
    stage.vanishes()
    stage.kube.live = flink_job()
    stage.remove(look())
    assert (stage.jobmanager.tries, stage.kube.said, stage.leftovers.due) == (0, [], False)


def test_as_long_as_nobody_says_that_it_is_gone_it_is_not(stage: Stage) -> None:
    stage.vanishes()
    stage.kube.answers = False
    stage.remove(look())
    assert (stage.jobmanager.tries, stage.leftovers.due) == (0, True)


@pytest.mark.parametrize(
    "status", [{"clusterRevision": "", "supervisorStatus": "Terminated"}, {"jobId": ""}], ids=["let go", "no run"]
)
def test_a_job_that_let_go_leaves_nothing(stage: Stage, status: dict[str, str]) -> None:
    stage.vanishes(**status)
    assert not stage.leftovers.due


@pytest.mark.parametrize(("incarnation", "seen"), [(1, "RUNNING"), (2, "CANCELED")])
def test_a_run_that_is_over_is_left_alone(stage: Stage, incarnation: int, seen: str) -> None:
    """Or one that died with its JobManager."""
    stage.vanishes(incarnation=incarnation)
    stage.remove(look(seen))
    assert (stage.jobmanager.tries, stage.leftovers.due) == (0, False)


def test_jars_are_looked_at_now_and_then(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.leftovers.notice([flink_job()])
    stage.remove(look())
    assert not stage.jobmanager.deleted
    later = module.time.monotonic() + module.LOOKS_AT_JARS
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert stage.leftovers.due
    stage.remove(look())
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
