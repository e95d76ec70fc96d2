"""Jobs that cannot run, beside one that does and that notices nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.kube import resources as r

from . import metrics
from .manifests import cluster, flink_cluster, flink_job, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, WELL, ILL = "ill", "ill-well", "ill-one"
# Without it Flink itself restarts a job that fails, for ever.
NO_RESTART = {"flinkConfiguration": {"restart-strategy.type": "none"}}


@pytest.fixture(scope="module")
def well(world: World) -> Iterator[Mark]:
    world.apply(
        flink_cluster(CLUSTER, cluster(world.place, slots=2)),
        flink_job(WELL, job(world.place)),
    )
    yield world.steady(CLUSTER, WELL)[WELL]
    world.remove((r.FLINK_JOBS, WELL), (r.FLINK_CLUSTERS, CLUSTER))


@pytest.fixture(autouse=True)
def ill(world: World, well: Mark) -> Iterator[None]:
    """What the test has made goes again, and the healthy job has gone on all the time."""
    yield
    world.remove((r.FLINK_JOBS, ILL))
    world.wait("its series are gone", lambda: not metrics.of_job(metrics.scraped(world, CLUSTER), ILL))
    assert world.steady(CLUSTER, WELL)[WELL].job_id == well.job_id


def failed(world: World, *texts: str) -> Mapping[str, Any]:
    """The job is stopped, and its condition says why, in Flink's or the kubelet's own words."""

    def told() -> Mapping[str, Any] | None:
        degraded = world.condition(r.FLINK_JOBS, ILL, "Degraded")
        return (
            degraded if degraded.get("status") == "True" and world.job(ILL)["supervisorStatus"] == "Stopped" else None
        )

    found: Mapping[str, Any] = world.wait("the failure shows", told)
    for text in texts:
        assert text in found["message"]
    assert world.condition(r.FLINK_JOBS, ILL, "Ready")["status"] == "False"
    return found


WRONG = {
    "no such JAR": ("jarPath", "/opt/flinkctl/examples/absent.jar", "BootstrapFailed", "absent.jar"),
    "no such class": ("className", "com.example.Absent", "SubmissionFailed", "com.example.Absent"),
    "main() throws": ("arguments", ["--fail-in-main"], "SubmissionFailed", "main was asked to fail"),
}


@pytest.mark.scenario("S16", "S17", "C5.8")
@pytest.mark.parametrize("case", WRONG)
def test_a_program_that_cannot_start_and_is_corrected(world: World, case: str) -> None:
    """The reason in the condition, waiting for a person; the corrected spec starts by itself."""
    field, value, reason, text = WRONG[case]
    right = job(world.place, policy="Never")
    world.apply(flink_job(ILL, job(world.place, policy="Never", changes={f"bootstrap.{field}": value})))
    assert failed(world, text)["reason"] == reason
    assert world.condition(r.FLINK_JOBS, ILL, "Stalled")["status"] == "True"
    world.edit(r.FLINK_JOBS, ILL, f"bootstrap/{field}", right["bootstrap"][field])
    world.steady(CLUSTER, WELL, ILL)
    assert world.condition(r.FLINK_JOBS, ILL, "Stalled")["status"] == "False"


@pytest.mark.scenario("S16", "C5.8")
def test_an_image_that_cannot_be_pulled(world: World) -> None:
    """The kubelet's reason while it waits and when its time is over; the corrected spec starts by itself."""
    right = job(world.place, policy="Never")
    wrong = {"bootstrap.image": "flink-metacontroller/absent:1"}
    world.apply(flink_job(ILL, job(world.place, policy="Never", changes=wrong)))
    world.wait("the job waits for its image", lambda: "ImagePull" in world.job(ILL).get("message", ""))
    world.edit(r.FLINK_JOBS, ILL, "restart/restartTimeout", 5)
    assert failed(world, "flink-metacontroller/absent:1")["reason"] == "BootstrapFailed"
    world.edit(r.FLINK_JOBS, ILL, "restart/restartTimeout", right["restart"]["restartTimeout"])
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/image", right["bootstrap"]["image"])
    world.steady(CLUSTER, WELL, ILL)


def test_a_job_that_fails_later_comes_back_from_a_checkpoint(world: World) -> None:
    """Policy OnlyIfFailed: another run, from what Flink had checkpointed."""
    world.apply(flink_job(ILL, job(world.place, "--fail-after", "500", policy="OnlyIfFailed", changes=NO_RESTART)))
    status = world.wait(
        "the second run has started",
        lambda: (found := world.job(ILL)).get("attempt", 0) > 1 and found.get("restoredPath") and found,
    )
    assert "/chk-" in status["restoredPath"]
    assert world.wait("it counts", lambda: world.gauges(ILL)).restored > 0


@pytest.mark.scenario("L2")
def test_a_job_that_fails_later_stays_stopped_with_policy_never(world: World) -> None:
    """FAILED, with Flink's exception in the condition, waiting for a person; mended, it is back from a checkpoint."""
    spec = job(world.place, "--fail-after", "300", policy="Never", changes=NO_RESTART)
    world.apply(flink_job(ILL, spec))
    assert failed(world, "failed as asked, after 300 records")["reason"] == "JobFailed"
    assert world.job(ILL)["jobStatus"] == "FAILED"
    assert world.condition(r.FLINK_JOBS, ILL, "Stalled")["status"] == "True"
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/arguments", spec["bootstrap"]["arguments"][:-2])
    world.steady(CLUSTER, WELL, ILL)
    assert "/chk-" in world.job(ILL)["restoredPath"]
    assert world.wait("it counts", lambda: world.gauges(ILL)).restored > 0


@pytest.mark.scenario("L5")
@pytest.mark.slow
def test_without_any_state_to_come_back_from_a_person_decides(world: World) -> None:
    """What a job is to start from is not there: it does not start empty until it is told to."""
    absent = f"file://{world.place.state}/absent/savepoint-1"
    world.apply(flink_job(ILL, job(world.place, policy="Never", changes={"savepoint.savepointPath": absent})))
    failed(world, absent)
    world.request(r.FLINK_JOBS, ILL, "START", without_savepoint=True)
    world.steady(CLUSTER, WELL, ILL)
    assert world.wait("it counts", lambda: world.gauges(ILL)).restored == -1


def rejected(world: World, reason: str) -> str:
    """Waits until the spec from before runs, and the other one is rejected; what the condition says."""
    stalled = world.wait(
        f"{reason}, and the spec from before runs",
        lambda: (
            world.job(ILL).get("readyAt")
            and (found := world.condition(r.FLINK_JOBS, ILL, "Stalled")).get("reason") == reason
            and found
        ),
    )
    assert not world.is_ready(r.FLINK_JOBS, ILL)
    return str(stalled["message"])


@pytest.mark.scenario("S17", "L1")
def test_an_update_whose_main_throws_stops_nothing(world: World) -> None:
    right = job(world.place)
    world.apply(flink_job(ILL, right))
    run = world.steady(CLUSTER, WELL, ILL)[ILL].job_id
    arguments = right["bootstrap"]["arguments"]
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/arguments", [*arguments, "--fail-in-main"])
    assert "main was asked to fail" in rejected(world, "UpdateRefused")
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/jarPath", "/nowhere.jar")
    world.wait("the JAR does not come", lambda: "/nowhere.jar" in world.job(ILL).get("failure", ""))
    assert world.job(ILL)["jobId"] == run
    assert not world.job(ILL).get("savepointPath")
    world.edit(r.FLINK_JOBS, ILL, "bootstrap", right["bootstrap"])
    assert world.steady(CLUSTER, WELL, ILL)[ILL].job_id == run


@pytest.mark.scenario("L1", "L4")
def test_an_update_that_fails_is_taken_back(world: World) -> None:
    """The spec from before runs again, from the savepoint taken for the update; the corrected one then replaces it."""
    right = job(world.place, changes=NO_RESTART)
    world.apply(flink_job(ILL, right))
    mark = world.steady(CLUSTER, WELL, ILL)[ILL]
    arguments = right["bootstrap"]["arguments"]
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/arguments", [*arguments, "--fail-after", "1"])
    assert "failed as asked, after 1 records" in rejected(world, "RolledBack")
    world.check_resumed(ILL, mark)
    told_to_prometheus(world)
    world.edit(r.FLINK_JOBS, ILL, "bootstrap/arguments", [*arguments[:-1], "600"])
    world.steady(CLUSTER, WELL, ILL)
    world.check_resumed(ILL, mark)


def told_to_prometheus(world: World) -> None:
    """All that is documented and nothing else; of this job that it runs, how often it was tried, and what happened."""
    found = metrics.scraped(world, CLUSTER)
    assert metrics.named(found) == metrics.documented()
    ill, status = metrics.of_job(found, ILL), world.job(ILL)
    assert ill["flink_job_state"] == 2
    for gauge, condition in (("flink_job_ready", "Ready"), ("flink_job_degraded", "Degraded")):
        assert ill[gauge] == (world.condition(r.FLINK_JOBS, ILL, condition)["status"] == "True")
    assert ill["flink_job_attempts_total"] == status["attempt"] >= 2
    assert (ill["RolledBack"], ill["JobLost"], ill["flink_job_failures"]) == (1, 0, status.get("failures", 0))
    assert ill["flink_job_last_checkpoint_timestamp_seconds"] >= ill["flink_job_last_savepoint_timestamp_seconds"] > 0
    assert metrics.of_job(found, WELL)["flink_job_ready"] == 1


@pytest.mark.slow
@pytest.mark.only_local
def test_a_job_whose_checkpoints_do_not_complete(world: World) -> None:
    """Where its checkpoints should go is a file: the condition says so, and no more once the folder is there again."""
    tolerant = {"execution.checkpointing.tolerable-failed-checkpoints": "100000"}
    changes = {"flinkConfiguration": tolerant, "restart.unhealthyWindow": 60}
    world.apply(flink_job(ILL, job(world.place, changes=changes)))
    mark = world.steady(CLUSTER, WELL, ILL)[ILL]
    folder = Path(world.place.state, "checkpoints", mark.job_id)
    aside = folder.rename(folder.with_suffix(".aside"))
    folder.touch()
    degraded = world.wait(
        "no checkpoint completes",
        lambda: (found := world.condition(r.FLINK_JOBS, ILL, "Degraded")).get("reason") == "NoCheckpoint" and found,
    )
    assert re.search(r"none was completed for \S+.*; \d+ failed", degraded["message"])
    assert "NoCheckpoint" in world.reasons(ILL)
    folder.unlink()
    aside.rename(folder)
    world.wait("it is well", lambda: world.condition(r.FLINK_JOBS, ILL, "Degraded")["status"] == "False")
    assert world.steady(CLUSTER, WELL, ILL)[ILL].job_id == mark.job_id


@pytest.mark.slow
def test_a_job_that_flink_restarts_over_and_over(world: World) -> None:
    """Flink would go on for ever; the condition says so, and if it is wanted a new run begins from a checkpoint."""
    for_ever = {"type": "fixed-delay", "fixed-delay.attempts": "1000000", "fixed-delay.delay": "100 ms"}
    changes = {
        "flinkConfiguration": {f"restart-strategy.{key}": value for key, value in for_ever.items()},
        "restart.unhealthyRestarts": 2,
    }
    world.apply(flink_job(ILL, job(world.place, "--fail-after", "300", changes=changes)))
    degraded = world.wait(
        "it is found to restart over and over",
        lambda: (found := world.condition(r.FLINK_JOBS, ILL, "Degraded")).get("reason") == "RestartLoop" and found,
    )
    assert "failed as asked, after 300 records" in degraded["message"]
    assert "RestartLoop" in world.reasons(ILL) and world.job(ILL)["attempt"] == 1
    world.edit(r.FLINK_JOBS, ILL, "restart/unhealthyPolicy", "Restart")
    status = world.wait(
        "the second run has started",
        lambda: (found := world.job(ILL)).get("attempt", 0) > 1 and found.get("restoredPath") and found,
    )
    assert "/chk-" in status["restoredPath"]


@pytest.mark.scenario("C5.13", "L3")
@pytest.mark.parametrize("action", ["TRIGGER_SAVEPOINT", "STOP"])
def test_a_savepoint_directory_that_cannot_be_written(world: World, action: str) -> None:
    """The run goes on, also when it was to be stopped, and the condition names the cause."""
    folder = {"savepoint.savepointTargetPath": "file:///proc/savepoints"}
    world.apply(flink_job(ILL, job(world.place, changes=folder)))
    run = world.steady(CLUSTER, WELL, ILL)[ILL].job_id
    world.request(r.FLINK_JOBS, ILL, action)
    degraded = world.wait(
        "the failure shows",
        lambda: (found := world.condition(r.FLINK_JOBS, ILL, "Degraded")).get("status") == "True" and found,
    )
    assert degraded["reason"] == "SavepointFailed"
    assert "/proc/savepoints" in degraded["message"]
    assert world.steady(CLUSTER, WELL, ILL)[ILL].job_id == run
