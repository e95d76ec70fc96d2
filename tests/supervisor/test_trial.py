"""Does a cluster's revision work? Verdicts as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import cluster as clusters
from core import times
from core.cluster import RejectedRevision, Report, StablePods, Trial
from supervisor.trial import judged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = {"runtime": {"image": "flink:2"}, "taskManager": {"taskSlots": 1}, "updateTimeout": 600}
STABLE = StablePods("before", {"image": "flink:1"}, {}, {"taskSlots": 1})
JOB_SPEC = {"jobParallelism": 1, "bootstrap": {}, "restart": {"restartPolicy": "Never", "restartTimeout": 180}}


def ago(seconds: float) -> str:
    return times.to_text(NOW - timedelta(seconds=seconds))


def declared(**spec: Any) -> clusters.Cluster:
    return clusters.read({"metadata": {"name": "demo"}, "spec": {**SPEC, **spec}})


HERE = clusters.revision(declared())
LONG, SHORT = Trial(HERE, ago(601)), Trial(HERE, ago(599))
PODS = {"type": "Degraded", "status": "True", "message": "pod jm: ErrImagePull"}


def job(**status: Any) -> dict[str, Any]:
    spec = {**JOB_SPEC, **status.pop("spec", {})}
    return {"metadata": {"name": "demo-a"}, "spec": spec, "status": status}


def verdict(
    phase: str,
    *jobs: dict[str, Any],
    trial: Trial = LONG,
    answering: bool = True,
    looked: bool = True,
    spec: dict[str, Any] | None = None,
    report: Report | None = None,
    **status: Any,
) -> Report:
    known = {"supervisorStatus": phase, "revision": HERE, "onTrial": True, "stable": STABLE.to_json(), **status}
    before = replace(report or Report(stable="before"), trial=trial, answering=answering)
    return judged(declared(**(spec or {})), clusters.read_status({"status": known}), before, jobs, looked, NOW)


ON = {"revision": HERE, "attempt": 2, "trial": True}
FAILED = {"supervisorStatus": "Stopped", "stoppedBy": "Flink", "jobStatus": "FAILED"}
RUNS = {"supervisorStatus": "Started", "clusterRevision": HERE, "jobId": "b2", "jobStatus": "RUNNING", "runsOn": ON}
READY = job(**{**RUNS, "runsOn": {**ON, "ready": True}})
WAITS = job(supervisorStatus="Starting", message="waiting for slots: 0 free, 1 needed")
SUSPENDED = job(supervisorStatus="Stopped", stoppedBy="Spec", spec={"suspend": True})
COULD_NOT = job(**FAILED, runsOn=ON, failure="SubmissionFailed: no")
FAILED_BEFORE = job(**FAILED, runsOn={"revision": "before", "ready": True})
STARTS = job(supervisorStatus="Starting", clusterRevision=HERE, jobId="b2", startedAt=ago(179), runsOn=ON)
NO_CHECKPOINT = job(**RUNS, startedAt=ago(900), stability={"trouble": "NoCheckpoint: none"})
FIRST_CHECKPOINT = job(**RUNS, startedAt=ago(900), message="waiting for its first checkpoint")
RESTARTED = job(**RUNS, startedAt=ago(900), stability={"restarts": 1}, message="waiting for its first checkpoint")
NO_TASKS = job(**RUNS, startedAt=ago(900), message="TasksNotRunning: no slot")
TOO_OLD = job(supervisorStatus="Starting", failure="StateTooOld: start it")
DELIVERS = job(supervisorStatus="Starting", delivery={"number": 1, "digest": "d", "requestedAt": ago(1)})
HELD = job(supervisorStatus="Starting", message="InvalidSpec: spec.jobParallelism: -1 is less than 0")
WRONG = job(supervisorStatus="Starting", spec={"restart": {"restartPolicy": "Sometimes"}})

# what is seen, and what is told: stable, rejected or neither
VERDICTS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "a bare cluster": (("Started",), {}, "stable"),
    "without a job that is to run": (("Started", SUSPENDED), {}, "stable"),
    "its jobs failed before": (("Started", FAILED_BEFORE), {}, "stable"),
    "a job was Ready": (("Started", READY), {}, "stable"),
    "a job was Ready, another cannot run": (("Started", COULD_NOT, READY), {}, "stable"),
    "a job was Ready, and now the JobManager is gone": (("Starting", READY), {"answering": False}, "stable"),
    "a job was Ready when the next edit came": (("Stopping", READY), {}, "stable"),
    "no pods in time": (("Starting",), {"answering": False}, "rejected"),
    "no pods yet": (("Starting",), {"answering": False, "trial": SHORT}, ""),
    "no TaskManagers in time": (("Starting", WAITS), {}, "rejected"),
    "no slots in time": (("Started", WAITS), {}, "rejected"),
    "no job runs on it": (("Started", COULD_NOT), {}, "rejected"),
    "no job runs on it, but there is time": (("Started", COULD_NOT), {"trial": SHORT}, ""),
    "one cannot run, one is starting": (("Started", COULD_NOT, STARTS), {}, ""),
    "no checkpoint completes": (("Started", NO_CHECKPOINT), {}, "rejected"),
    "the first checkpoint is far off": (("Started", FIRST_CHECKPOINT), {}, ""),
    "its tasks do not run": (("Started", NO_TASKS), {}, "rejected"),
    "a JobManager that does not answer any more": (("Started", NO_TASKS), {"answering": False}, ""),
    "a job that nobody has looked at since": (("Started", NO_TASKS), {"looked": False}, ""),
    "a job whose JAR was just ordered": (("Started", DELIVERS), {}, ""),
    "a job whose JAR is for a JobManager that is not there": (("Starting", DELIVERS), {"answering": False}, "rejected"),
    "a job that waits for a person": (("Started", TOO_OLD), {}, ""),
    "a job whose spec is wrong": (("Started", WRONG), {}, ""),
    "a job that is held for its spec": (("Started", HELD), {}, ""),
    "it is being stopped": (("Stopping", WAITS), {}, ""),
    "nothing was stable before": (("Starting",), {"onTrial": False, "stable": {}}, ""),
    "rollback is off": (("Starting",), {"onTrial": False, "spec": {"rollback": False}}, ""),
    "the spec was edited again": (("Starting",), {"spec": {"runtime": {"image": "flink:3"}}}, ""),
    "the spec has more time": (("Starting",), {"spec": {"updateTimeout": 900}}, ""),
    "scaled": (("Starting",), {"spec": {"taskManagers": 7}}, "rejected"),
}


@pytest.mark.parametrize(("seen", "more", "told"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(seen, more, told):
    report = verdict(*seen, **more)
    assert report.stable == (HERE if told == "stable" else "before")
    assert report.rejected.revision == (HERE if told == "rejected" else "")


def test_a_status_that_nobody_can_read_says_nothing():
    """It may be a later version's; the other jobs of the cluster go on."""
    assert not verdict("Started", job(supervisorStatus="Paused")).rejected.revision


def test_the_time_counts_from_the_first_sight():
    assert verdict("Starting", trial=Trial()).trial == Trial(HERE, times.to_text(NOW))
    assert verdict("Starting", trial=Trial("another", ago(9999))).trial == Trial(HERE, times.to_text(NOW))
    assert verdict("Stopping", WAITS).trial == Trial()


def test_what_got_on_has_time_to_get_well_again():
    """Its first checkpoint is far off, and a TaskManager goes before it."""
    waits = verdict("Started", FIRST_CHECKPOINT)
    assert waits.trial == Trial(HERE, times.to_text(NOW))
    assert not verdict("Started", NO_TASKS, trial=waits.trial).rejected.revision
    assert verdict("Started", FIRST_CHECKPOINT, looked=False).trial == LONG


@pytest.mark.parametrize(
    ("jobs", "more"),
    [
        ([STARTS], {}),
        ([DELIVERS], {}),
        ([HELD], {}),
        ([FIRST_CHECKPOINT], {"answering": False}),
        ([RESTARTED], {}),
    ],
    ids=["it starts", "its JAR is on its way", "it is held", "its JobManager is silent", "its tasks were restarted"],
)
def test_what_may_only_get_on_has_no_more_time(jobs, more):
    assert verdict("Started", *jobs, **more).trial == LONG


@pytest.mark.parametrize(
    ("phase", "said"), [("Starting", "pod jm: ErrImagePull"), ("Started", "FlinkJob demo-a: SubmissionFailed: no")]
)
def test_what_went_wrong(phase, said):
    assert verdict(phase, COULD_NOT, conditions=[PODS]).rejected == RejectedRevision(HERE, said, times.to_text(NOW))


def test_the_failure_holds_no_secret():
    spec = {"flinkConfiguration": {"s3.secret-key": "hunter22"}}
    of = clusters.revision(declared(**spec))
    pods = {**PODS, "message": "Access denied for hunter22"}
    report = verdict("Starting", trial=Trial(of, ago(601)), spec=spec, revision=of, conditions=[pods])
    assert report.rejected.failure == "Access denied for ***"


REJECTED = Report(stable="before", rejected=RejectedRevision(HERE, "no"))


@pytest.mark.parametrize(
    ("spec", "still"), [({}, True), ({"rollback": False}, False), ({"runtime": {"image": "flink:3"}}, False)]
)
def test_a_rejection_ends_with_the_edit(spec, still):
    report = verdict("Starting", report=REJECTED, spec=spec, revision="before", onTrial=False)
    assert bool(report.rejected.revision) == still


def test_a_rejection_is_withdrawn_when_a_job_turns_out_to_be_ready():
    report = verdict("Stopping", READY, report=REJECTED)
    assert (report.stable, report.rejected) == (HERE, RejectedRevision())


def test_what_works_is_not_looked_at_again():
    assert verdict("Starting", report=Report(stable=HERE)).rejected == RejectedRevision()
