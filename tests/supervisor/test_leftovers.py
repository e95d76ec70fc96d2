"""Runs whose FlinkJob was deleted before they had ended, and JARs that no job uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clients.flink import Jar, JobSummary, Overview, Unknown
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


class Recorder:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def record(self, resource: Any, events: Any) -> None:
        self.said += [(resource["kind"], event.message) for event in events]


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


@pytest.fixture
def found():
    recorder = Recorder()
    return Leftovers(recorder), recorder, JobManager()  # type: ignore[arg-type]


def test_a_run_whose_flinkjob_is_gone_is_told_of_and_cancelled(found):
    leftovers, recorder, jobmanager = found
    leftovers.notice(CLUSTER, [flink_job()])
    assert not leftovers.due
    leftovers.notice(CLUSTER, [])
    assert [kind for kind, _ in recorder.said] == ["FlinkCluster"]
    assert RUN in recorder.said[0][1]
    for seen in (Look(), look(), look()):  # the first does not answer, the second does not do it
        assert leftovers.due
        leftovers.remove(jobmanager, seen, NOW)
    assert jobmanager.cancelled == [RUN]


@pytest.mark.parametrize(
    "status", [{"clusterRevision": "", "supervisorStatus": "Terminated"}, {"jobId": ""}], ids=["let go", "no run"]
)
def test_a_job_that_let_go_leaves_nothing(found, status):
    leftovers, recorder, _ = found
    leftovers.notice(CLUSTER, [flink_job(**status)])
    leftovers.notice(CLUSTER, [])
    assert (recorder.said, leftovers.due) == ([], False)


@pytest.mark.parametrize(("incarnation", "seen"), [(1, "RUNNING"), (2, "CANCELED")])
def test_a_run_that_is_over_is_left_alone(found, incarnation, seen):
    """Or one that died with its JobManager."""
    leftovers, _, jobmanager = found
    leftovers.notice(CLUSTER, [flink_job(incarnation=incarnation)])
    leftovers.notice(CLUSTER, [])
    leftovers.remove(jobmanager, look(seen), NOW)
    leftovers.remove(jobmanager, look(seen), NOW)
    assert jobmanager.tries == 0


def test_jars_are_looked_at_now_and_then(found, monkeypatch):
    leftovers, _, jobmanager = found
    leftovers.notice(CLUSTER, [flink_job()])
    leftovers.remove(jobmanager, look(), NOW)
    assert not jobmanager.deleted
    later = module.time.monotonic() + module.LOOKS_AT_JARS
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert leftovers.due
    leftovers.remove(jobmanager, look(), NOW)
    assert jobmanager.deleted == ["2_b.jar"]
    assert not leftovers.due


JARS = [jar("1_a.jar"), jar("2_b.jar"), jar("3_c.jar", age=60.0), jar("4_theirs.jar", "theirs.jar")]


@pytest.mark.parametrize(
    ("jobs", "deleted"),
    [
        ([flink_job()], ["2_b.jar"]),
        ([], ["1_a.jar", "2_b.jar"]),
        ([flink_job(), flink_job("v", supervisorStatus="Stopped", jarId="2_b.jar")], []),
        ([flink_job(), flink_job("v", supervisorStatus="Starting", jarId="")], []),
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
