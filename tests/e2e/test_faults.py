"""Something is killed without a warning. What ran runs again, once, and not behind its last recovery point."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from clients.kube import Resource
from clients.kube import resources as r
from core import names
from core.pods import is_ready

from .manifests import cluster, flink_deployment, job
from .world import Mark, Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, ONE, TWO = "fault", "fault-one", "fault-two"
NEEDED = "fault-needed"  # the ConfigMap without which no TaskManager starts
Marks = dict[str, Mark]
AT_ONCE = 0.005  # seconds between two looks for the moment of a kill


@pytest.fixture(scope="module")
def fault(world: World) -> Iterator[None]:
    # With five retained checkpoints a second apart, what the supervisor saw last is still there on a busy machine.
    spec = job(world.place, "--checkpoint-interval", "1000", policy="Never")
    shared = cluster(world.place, changes={"taskManager.environmentFrom": [{"configMapRef": {"name": NEEDED}}]})
    # For so long, by default 10 min, Flink waits for the metrics of a TaskManager that died, and asks none meanwhile.
    shared["flinkConfiguration"]["web.timeout"] = "15000"
    provide(world)
    world.apply(flink_deployment(CLUSTER, shared, {"one": spec, "two": spec}))
    yield
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER), (r.CONFIGMAPS, NEEDED))


def provide(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NEEDED}, "data": {"ANYTHING": "else"}}
    world.client.create(r.CONFIGMAPS, body, namespace=world.namespace)


@pytest.fixture
def marks(world: World, fault: None) -> Marks:
    return world.steady(CLUSTER, ONE, TWO)


def supervisor_back(world: World, before: set[str]) -> bool:
    """Another container than before, and ready."""
    return any(is_ready(pod) and container(pod) not in before for pod in world.pods(CLUSTER, names.SUPERVISOR))


def containers(world: World) -> set[str]:
    return {container(pod) for pod in world.pods(CLUSTER, names.SUPERVISOR)}


def container(pod: Object) -> str:
    statuses = pod["status"].get("containerStatuses") or [{}]
    return str(statuses[0].get("containerID", ""))


@pytest.mark.scenario("A13")
def test_the_jobmanager_is_killed(world: World, marks: Marks) -> None:
    """All pods are of the next incarnation, and both jobs are back from checkpoints, although their policy is Never."""
    before, incarnation = world.uids(CLUSTER), world.cluster(CLUSTER)["incarnation"]
    for name, mark in marks.items():
        world.passed(name, mark, 3)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, marks)
    assert all("/chk-" in world.job(name)["restoredPath"] for name in marks)
    assert world.cluster(CLUSTER)["incarnation"] == incarnation + 1
    assert not before & world.uids(CLUSTER)


@pytest.mark.slow
def test_jobmanager_and_supervisor_are_killed_together(world: World, marks: Marks) -> None:
    """A lost node takes both: what is stored about the checkpoints must do."""
    for name, mark in marks.items():
        world.passed(name, mark, 5)
    world.kill(world.pods(CLUSTER, names.JOBMANAGER, names.SUPERVISOR))
    world.resumed(CLUSTER, marks)


@pytest.mark.slow
def test_a_taskmanager_is_killed(world: World, marks: Marks) -> None:
    """Another one takes its place, the JobManager stays, and the same runs go on."""
    jobmanager, before = world.uids(CLUSTER, names.JOBMANAGER), world.uids(CLUSTER, names.TASKMANAGER)
    for name, mark in marks.items():
        world.passed(name, mark, 0)
    world.kill(world.pods(CLUSTER, names.TASKMANAGER)[:1])
    world.wait(
        "two TaskManagers, one of them new",
        lambda: len(found := world.uids(CLUSTER, names.TASKMANAGER)) == 2 and found != before,
    )
    # Flink itself may need some time to notice: until then it calls the job running.
    world.wait("Flink has restored a job", lambda: any(restored(world, name, mark) for name, mark in marks.items()))
    after = world.steady(CLUSTER, ONE, TWO)
    assert world.uids(CLUSTER, names.JOBMANAGER) == jobmanager
    for name, mark in marks.items():
        assert after[name].job_id == mark.job_id
        assert after[name].total > mark.total


def restored(world: World, job: str, mark: Mark) -> bool:
    """Within the same run, from a checkpoint after the mark."""
    gauges = world.gauges(job)
    return gauges is not None and gauges.restored >= mark.total


@pytest.mark.scenario("C5.4")
@pytest.mark.slow
def test_no_taskmanager_is_left_and_none_can_start(world: World, marks: Marks) -> None:
    """Flink calls the jobs running all the same; they are not ready. With TaskManagers again the same runs go on."""
    for name, mark in marks.items():
        world.passed(name, mark, 0)
    world.remove((r.CONFIGMAPS, NEEDED))
    world.kill(world.pods(CLUSTER, names.TASKMANAGER))
    world.wait("no TaskManager, RUNNING, and not ready", lambda: only_called_running(world, marks))
    world.wait("the cluster says why", lambda: NEEDED in not_ready(world, r.FLINK_CLUSTERS, CLUSTER).get("message", ""))
    provide(world)
    world.wait("Flink has restored both", lambda: all(restored(world, name, mark) for name, mark in marks.items()))
    after = world.steady(CLUSTER, ONE, TWO)
    for name, mark in marks.items():
        assert (after[name].job_id, after[name].attempt) == (mark.job_id, mark.attempt)


def only_called_running(world: World, marks: Marks) -> bool:
    states = [(world.flink(CLUSTER, f"/jobs/{mark.job_id}") or {}).get("state") for mark in marks.values()]
    shown = [not_ready(world, r.FLINK_JOBS, name).get("reason") for name in marks]
    nobody = world.flink(CLUSTER, "/taskmanagers") == {"taskmanagers": []}
    return nobody and states == ["RUNNING"] * 2 and shown == ["WaitingForTasks"] * 2


def not_ready(world: World, resource: Resource, name: str) -> Mapping[str, Any]:
    """The condition, empty while it is ready."""
    found = world.condition(resource, name, "Ready")
    return found if found["status"] == "False" else {}


@pytest.mark.scenario("C5.2")
def test_the_supervisor_is_killed_while_a_savepoint_is_taken(world: World, marks: Marks) -> None:
    """The next one finds the savepoint's path; it is one savepoint, and the job goes on."""
    before, had = world.savepoints(CLUSTER, marks[ONE].job_id), world.job(ONE).get("savepointPath")
    old = containers(world)
    world.request(r.FLINK_JOBS, ONE, "TRIGGER_SAVEPOINT")
    world.wait("the savepoint is written down", lambda: triggered(world, had), pace=AT_ONCE)
    world.kill(world.pods(CLUSTER, names.SUPERVISOR))
    path = world.wait("its path", lambda: (found := world.job(ONE)["savepointPath"]) != had and found)
    world.wait("another supervisor", lambda: supervisor_back(world, old))
    world.one_more_savepoint(CLUSTER, marks[ONE].job_id, before, path)
    assert world.steady(CLUSTER, ONE, TWO)[ONE].job_id == marks[ONE].job_id


def triggered(world: World, had: str | None) -> bool:
    status = world.job(ONE)
    return bool(status.get("savepointTriggerId")) or status.get("savepointPath") != had


@pytest.mark.scenario("C5.1", "C5.2")
@pytest.mark.slow
def test_the_supervisor_is_killed_while_a_job_stops_and_while_it_starts(world: World, marks: Marks) -> None:
    """One savepoint, whose path is found again; then one run, submitted by whoever was there."""
    mark, before = marks[ONE], world.savepoints(CLUSTER, marks[ONE].job_id)
    old = containers(world)
    world.request(r.FLINK_JOBS, ONE, "STOP")
    world.wait("the stop is written down", lambda: world.job(ONE)["supervisorStatus"] != "Started", pace=AT_ONCE)
    world.kill(world.pods(CLUSTER, names.SUPERVISOR))
    world.wait("the job is stopped", lambda: world.job(ONE)["supervisorStatus"] == "Stopped")
    path = world.job(ONE)["savepointPath"]
    world.one_more_savepoint(CLUSTER, mark.job_id, before, path)
    world.wait("another supervisor", lambda: supervisor_back(world, old))
    world.request(r.FLINK_JOBS, ONE, "START")
    world.wait("the attempt is written down", lambda: world.job(ONE).get("attempt", 0) > mark.attempt, pace=AT_ONCE)
    world.kill(world.pods(CLUSTER, names.SUPERVISOR))
    world.wait("it runs", lambda: world.is_ready(r.FLINK_JOBS, ONE))
    after = world.steady(CLUSTER, ONE, TWO)
    assert after[TWO].job_id == marks[TWO].job_id
    world.check_resumed(ONE, mark)
    assert world.job(ONE)["attempt"] == mark.attempt + 1


@pytest.mark.only_local
def test_the_jobmanager_goes_with_the_answer_to_a_stop(world: World, marks: Marks) -> None:
    """The job is FINISHED, its checkpoints are gone, and nobody was told where its savepoint is: it is found."""
    for name, mark in marks.items():
        world.passed(name, mark, 3)
    mark, found = marks[ONE], "SavepointCompleted"
    world.request(r.FLINK_JOBS, ONE, "START")
    world.wait("the stop is written down", lambda: world.job(ONE)["supervisorStatus"] != "Started", pace=AT_ONCE)
    (supervisor,) = world.pods(CLUSTER, names.SUPERVISOR)
    with frozen(supervisor) as go_on:
        while not comes_to(world, mark.job_id, "FINISHED"):
            go_on(0.01)  # until Flink is asked
        world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, marks)
    told = [item["message"] for item in world.events(ONE) if item["reason"] == found]
    assert f"found the savepoint of the stop: {world.job(ONE)['restoredPath']}" in told


@pytest.mark.only_local
@pytest.mark.slow
def test_the_jobmanager_goes_with_the_answer_to_a_savepoint(world: World, marks: Marks) -> None:
    for name, mark in marks.items():
        world.passed(name, mark, 3)
    mark, had = marks[ONE], world.job(ONE).get("savepointPath")
    before = world.savepoints(CLUSTER, mark.job_id)
    world.request(r.FLINK_JOBS, ONE, "TRIGGER_SAVEPOINT")
    world.wait("the savepoint is written down", lambda: triggered(world, had), pace=AT_ONCE)
    (supervisor,) = world.pods(CLUSTER, names.SUPERVISOR)
    with frozen(supervisor) as go_on:
        while not (new := taken(world, mark.job_id, before)):
            go_on(0.01)  # until Flink is asked
        assert world.job(ONE).get("savepointPath") == had
        world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, marks)
    told = [item["message"] for item in world.events(ONE) if item["reason"] == "SavepointCompleted"]
    assert f"found a savepoint that was on its way: {world.job(ONE)['savepointPath']}" in told
    assert new == {world.job(ONE)["savepointPath"]}


@pytest.mark.only_local
def test_the_jobmanager_goes_after_checkpoints_that_nobody_has_seen(world: World, marks: Marks) -> None:
    """Of those that were seen Flink has kept none: the jobs come back from the newest, and no other one is tried."""
    (supervisor,) = world.pods(CLUSTER, names.SUPERVISOR)
    with frozen(supervisor):
        for name, mark in marks.items():
            world.passed(name, mark, 8)
        world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, {name: mark._replace(checkpoint=mark.checkpoint + 8) for name, mark in marks.items()})
    assert not any("RecoveryPointUnreadable" in world.reasons(name) for name in marks)


@pytest.mark.only_local
def test_the_jobmanager_goes_before_anybody_has_seen_a_checkpoint_of_the_run(world: World, marks: Marks) -> None:
    """Where it has them is known from the configuration alone."""
    world.request(r.FLINK_JOBS, ONE, "START")
    world.wait(
        "the attempt is written down", lambda: world.job(ONE).get("attempt", 0) > marks[ONE].attempt, pace=AT_ONCE
    )
    (supervisor,) = world.pods(CLUSTER, names.SUPERVISOR)
    with frozen(supervisor) as go_on:
        run = world.job(ONE)["jobId"]
        while not comes_to(world, run, "RUNNING"):
            go_on(0.01)
        world.passed(ONE, mark := world.mark(ONE), 1)
        assert run not in {point.get("jobId") for point in world.job(ONE)["recoveryPoints"]}
        world.kill(world.pods(CLUSTER, names.JOBMANAGER))
    world.resumed(CLUSTER, {ONE: mark}, TWO)


@contextmanager
def frozen(pod: Object) -> Iterator[Callable[[float], None]]:
    """The local process neither works nor ends, but for so many seconds when it is told to go on."""
    group = int(container(pod).removeprefix("process://"))

    def go_on(seconds: float) -> None:
        os.killpg(group, signal.SIGCONT)
        time.sleep(seconds)
        os.killpg(group, signal.SIGSTOP)

    os.killpg(group, signal.SIGSTOP)
    try:
        yield go_on
    finally:
        os.killpg(group, signal.SIGCONT)


def taken(world: World, run: str, before: set[str]) -> set[str]:
    """The savepoints that come within a second."""
    end, new = time.monotonic() + 1, set[str]()
    while not new and time.monotonic() < end:
        new = world.savepoints(CLUSTER, run) - before
        time.sleep(AT_ONCE)
    return new


def comes_to(world: World, run: str, state: str) -> bool:
    """Within a second?"""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        if (world.flink(CLUSTER, f"/jobs/{run}") or {}).get("state") == state:
            return True
        time.sleep(AT_ONCE)
    return False


@pytest.mark.scenario("C5.11")
def test_the_hooks_are_killed(world: World, marks: Marks) -> None:
    """Nothing restarts, nothing is deleted, and the next edit is carried out."""
    before, hooks = world.uids(CLUSTER), {container(pod) for pod in world.hooks()}
    world.kill(world.hooks())
    world.wait(
        "other hooks are ready",
        lambda: any(is_ready(pod) and container(pod) not in hooks for pod in world.hooks()),
    )
    limit = world.get(r.FLINK_JOBS, ONE)["spec"]["savepoint"].get("historyLimit", 10) + 1
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "jobs/0/spec/savepoint/historyLimit", limit)
    world.wait(
        "the edit arrives", lambda: world.get(r.FLINK_JOBS, ONE)["spec"]["savepoint"].get("historyLimit") == limit
    )
    after = world.steady(CLUSTER, ONE, TWO)
    assert world.uids(CLUSTER) == before
    assert {mark.attempt for mark in after.values()} == {mark.attempt for mark in marks.values()}
    assert [mark.job_id for mark in after.values()] == [mark.job_id for mark in marks.values()]
