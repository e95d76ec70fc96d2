"""One tick of the cycle, with its threads' work done by hand: the report, and which lanes step."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from clients.flink import Unknown
from clients.kube import Changed, Conflict, Listed, Unreachable
from core import cluster as clusters
from core import names
from supervisor import cycle as module
from supervisor.cache import Scope, Watches
from supervisor.cycle import ClusterCycle
from supervisor.steps import pace

from .fakes import Run


class AtOnce:
    """An executor that does it now, or keeps it when `busy`."""

    def __init__(self) -> None:
        self.busy, self.kept, self.done = False, [], 0

    def submit(self, work: Any, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.busy:
            self.kept.append(future)
        else:
            future.set_result(work(*args))
            self.done += 1
        return future


class Cycle(ClusterCycle):
    """... whose watches have brought what is on the stage."""

    def __init__(self, stage: Any) -> None:
        watches = Watches(stage.kube, Scope("test"), lambda _: None, threading.Event())
        super().__init__(stage.kube, watches, ("test", "demo"))
        self._pool.shutdown()
        self.stage, self.pool = stage, AtOnce()
        self._pool = self.pool  # type: ignore[assignment]

    def refresh(self) -> None:
        stage = self.stage
        for cache, objects in (
            (self._watches.clusters, [stage.kube.objects["flinkclusters", "demo"]]),
            (self._watches.jobs, [stage.job]),
            (self._watches.pods, list(map(seen, stage.pods()))),
        ):
            cache._take(Listed(tuple(copy.deepcopy(objects))))

    def tick(self) -> float:
        self.refresh()
        return self._tick()

    @property
    def report(self) -> Any:
        annotations = self.stage.kube.objects["flinkclusters", "demo"]["metadata"].get("annotations") or {}
        return clusters.Report.parse(annotations.get(names.REPORT))


def seen(pod: dict[str, Any]) -> dict[str, Any]:
    metadata = {**pod["metadata"], "namespace": "test", "resourceVersion": "1"}
    metadata["labels"] = {names.LABEL_CLUSTER: "demo", **metadata["labels"]}
    return {**pod, "metadata": metadata}


@pytest.fixture
def cycle(stage, monkeypatch) -> Any:
    made = stage()
    monkeypatch.setattr(module, "Lane", lambda kube, recorder: made.lane)

    def init(self: Any, address: str, port: int, incarnation: int) -> None:
        self.address, self.incarnation, self.client = address, incarnation, made.flink
        self.capabilities, self.settings, self._checkpointing, self._restarts = None, {}, {}, {}

    monkeypatch.setattr(module.JobManager, "__init__", init)
    return Cycle(made)


def test_the_report_is_written_when_it_changes_and_only_then(cycle):
    for _ in range(5):
        cycle.tick()
    assert cycle.report.answering
    assert cycle.stage.kube.writes.count("patch") == 1
    cycle.stage.flink.answers = False
    for _ in range(5):
        cycle.tick()
    assert not cycle.report.answering
    assert cycle.stage.kube.writes.count("patch") == 2


def test_a_request_and_its_answer_are_one_write(cycle):
    cluster = cycle.stage.kube.objects["flinkclusters", "demo"]
    cluster["metadata"]["annotations"] = {names.REQUESTED_ACTION: "STOP", names.WITHOUT_SAVEPOINT: "true"}
    cycle.tick()
    annotations = cycle.stage.kube.objects["flinkclusters", "demo"]["metadata"]["annotations"]
    assert annotations[names.REQUESTED_ACTION] == "NONE"
    assert names.WITHOUT_SAVEPOINT not in annotations
    assert (cycle.report.stopped, cycle.report.without_savepoint) == (True, True)
    cycle.tick()
    assert cycle.stage.kube.writes.count("patch") == 1


def test_it_knows_the_secrets_of_its_cluster_and_jobs_also_of_earlier_specs(cycle):
    cluster = cycle.stage.kube.objects["flinkclusters", "demo"]
    cluster["spec"]["flinkConfiguration"] = {"s3.secret-key": "letmein-first"}
    cycle.stage.edit(flinkConfiguration={"s3.secret-key": "letmein-second"})
    cycle.tick()
    del cluster["spec"]["flinkConfiguration"]
    cycle.stage.edit(flinkConfiguration={"s3.secret-key": "letmein-third"})
    cycle.tick()
    assert cycle.secrets == {"letmein-first", "letmein-second", "letmein-third"}


def test_an_update_that_fails_is_rejected_and_told_once(cycle):
    cycle.tick()
    revision = on_trial(cycle.stage, supervisorStatus="Starting", message="pod jm: ErrImagePull")
    cycle.stage.flink.answers = False
    cycle.stage.job["status"] = {}
    for _ in range(3):
        cycle.tick()
    assert (cycle.report.rejected.revision, cycle.report.rejected.failure) == (revision, "pod jm: ErrImagePull")
    assert cycle.stage.kube.events.count("RolledBack") == 1


def on_trial(stage: Any, **status: Any) -> str:
    """The pods of an update are there, and its time is over; returns its revision."""
    cluster = stage.kube.objects["flinkclusters", "demo"]
    cluster["spec"] |= {"runtime": {"image": "flink:next"}, "updateTimeout": 1}
    trial = clusters.Trial(clusters.revision(clusters.read(cluster)), "2026-01-01T00:00:00Z")
    cluster["status"] |= {"revision": trial.revision, "onTrial": True, "stable": {"revision": "r1"}, **status}
    report = clusters.Report(stable="r1", trial=trial).text()
    cluster["metadata"]["annotations"] = {names.REPORT: report}
    return trial.revision


@pytest.mark.parametrize("silent", [False, True], ids=["the supervisor was away", "the JobManager did not answer"])
def test_an_update_is_not_judged_before_its_jobs_are_looked_at(cycle, silent):
    """Their statuses are of long ago, and they run."""
    revision = on_trial(cycle.stage)
    cycle.stage.play(lambda: bool(cycle.stage.alive))
    cycle.stage.wait(600)
    if silent:
        cycle.stage.flink.answers = False
        cycle.tick()
        cycle.stage.flink.answers = True
    for _ in range(5):
        cycle.tick()
        cycle.stage.wait(10)
        assert not cycle.report.rejected.revision
    assert cycle.report.stable == revision


def test_nor_by_a_step_that_learnt_nothing_of_its_job(cycle, monkeypatch):
    on_trial(cycle.stage)
    cycle.stage.play(lambda: bool(cycle.stage.alive))
    cycle.stage.wait(600)
    with monkeypatch.context() as patch:
        patch.setattr(cycle.stage.flink, "checkpoints", refuse(Unknown("no answer in time")))
        cycle.tick()
        cycle.tick()
    assert not cycle.report.rejected.revision


def test_nor_by_steps_that_could_not_be_written_down(cycle, monkeypatch):
    cycle.tick()
    on_trial(cycle.stage)
    with monkeypatch.context() as patch:
        patch.setattr(cycle.stage.kube, "replace", refuse(Unreachable("down", sent=False)))
        patch.setattr(cycle.stage.kube, "patch", refuse(Unreachable("down", sent=False)))
        cycle.tick()
        cycle.tick()
    cycle.tick()
    assert not cycle.report.rejected.revision


def refuse(error: Exception) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


def test_an_update_is_judged_by_what_the_lanes_know_not_by_a_watch_that_is_behind(cycle):
    revision = on_trial(cycle.stage)
    cycle.stage.play(lambda: bool(cycle.stage.alive))
    cycle.stage.wait(600)
    stale = copy.deepcopy(cycle.stage.job)
    for _ in range(3):
        cycle.refresh()
        cycle._watches.jobs._take(Listed((stale,)))
        cycle._tick()
        assert not cycle.report.rejected.revision
    assert cycle.report.stable == revision


@pytest.mark.parametrize("error", [Conflict(409, "Conflict", "changed"), Unreachable("no", sent=True)])
def test_a_report_that_cannot_be_written_stops_nothing(cycle, error):
    def refuse(where: str) -> None:
        raise error

    cycle.stage.knife.at, cycle.stage.knife.when = 0, "before"
    cycle.stage.knife.only, cycle.stage.knife.do = "kube patch", refuse
    cycle.tick()
    assert cycle.pool.done == 1
    assert cycle.report == clusters.Report()
    cycle.tick()
    assert cycle.report.answering


def test_a_lane_steps_when_its_job_changed_or_is_due(cycle, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cycle.stage.lane, "step", lambda resource, around: 7.0)
    cycle.tick()
    assert cycle.pool.done == 1
    assert cycle.tick() <= 5
    assert cycle.pool.done == 1
    cycle.stage.annotate("STOP")
    cycle.tick()
    assert cycle.pool.done == 2
    now[0] += 7.0
    cycle.tick()
    assert cycle.pool.done == 3
    cycle.stage.cluster(supervisorStatus="Stopping")
    cycle.tick()
    assert cycle.pool.done == 4


def test_tasks_that_come_and_go_are_no_reason_to_look_sooner(cycle, monkeypatch):
    """Those of a batch job, or of one that Flink restarts again and again, do so for as long as it runs."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cycle.stage.lane, "step", lambda resource, around: 7.0)
    other = cycle.stage.flink.runs["other"] = Run("other", 1, "", 0.0)
    cycle.tick()
    for steps, status in enumerate(("RESTARTING", "RUNNING"), 2):
        now[0] += 3.0
        other.status = status
        assert cycle.tick() == 5.0
        assert cycle.pool.done == steps
    cycle.stage.cluster(supervisorStatus="Stopping")
    assert cycle.tick() == pace(0)


def test_a_busy_lane_is_left_alone(cycle):
    """main() runs inside its submission: nobody else waits for it, and it is not begun twice."""
    cycle.pool.busy = True
    cycle.tick()
    cycle.stage.annotate("STOP")
    cycle.tick()
    assert len(cycle.pool.kept) == 1


@pytest.mark.parametrize("change", ["annotate", "cluster"])
def test_what_changed_during_a_step_is_looked_at_when_it_ends(cycle, monkeypatch, change):
    """Not when the job is due again, a whole pollingInterval later."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cycle.stage.lane, "step", lambda resource, around: 7.0)
    cycle.tick()
    now[0] += 7.0
    cycle.pool.busy = True
    cycle.tick()
    (step,) = cycle.pool.kept
    if change == "annotate":
        cycle.stage.annotate("STOP")
    else:
        cycle.stage.cluster(supervisorStatus="Stopping")
    cycle.tick()
    cycle._slots["6f1c"].due = now[0] + 7.0
    step.set_result(7.0)
    monkeypatch.setattr(cycle._bell, "wait", lambda seconds: pytest.fail(f"{seconds} s are slept"))
    cycle._sleep(60.0)
    cycle.pool.busy = False
    cycle.tick()
    assert cycle.pool.done == 2
    assert cycle.tick() <= 5
    assert cycle.pool.done == 2


def test_a_job_of_the_same_name_has_a_lane_of_its_own(cycle):
    cycle.tick()
    cycle.stage.job["metadata"]["uid"] = "another"
    cycle.tick()
    assert set(cycle._slots) == {"another"}


def test_a_job_has_figures_from_its_first_step_until_it_is_gone(cycle):
    assert not cycle.lanes()
    cycle.tick()
    ((name, lane),) = cycle.lanes()
    assert (name, lane.seen) == ("demo-count", cycle.stage.status)
    cycle._watches.jobs._take(Listed(()))
    assert not cycle.lanes()


def test_another_incarnation_is_another_jobmanager(cycle):
    cycle.tick()
    first = cycle._jobmanager
    cycle.tick()
    assert cycle._jobmanager is first
    cycle.stage.lose_jobmanager()
    cycle.tick()
    assert cycle._jobmanager is not first
    assert cycle._jobmanager.incarnation == 2


def test_a_life_in_the_cycle(cycle, monkeypatch):
    monkeypatch.setattr(module.time, "monotonic", lambda: cycle.stage.clock.now.timestamp())
    for _ in range(40):
        cycle.tick()
        cycle.stage.wait(1.0)
    assert cycle.stage.is_ready()
    assert len(cycle.stage.alive) == 1


def test_a_step_that_ends_is_no_reason_to_look_at_flink(cycle, monkeypatch):
    """It says when its job is due; until then only a change is."""
    now, waits, step = [100.0], [], Future()
    slot = module._Slot(None, step=step)
    cycle._slots = {"uid": slot}
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    class Bell:
        def wait(self, seconds: float) -> None:
            waits.append(seconds)
            now[0] += seconds if step.done() else 1.0
            if not step.done():
                slot.due = now[0] + 7.0
                step.set_result(7.0)

        def clear(self) -> None: ...

        def set(self) -> None: ...

    cycle._bell = Bell()
    cycle._sleep(60.0)
    assert (waits, now) == ([60.0, 7.0], [108.0])
    cycle.ring()
    slot.due += 7.0
    cycle._sleep(60.0)
    assert waits == [60.0, 7.0]


def test_lanes_that_are_due_soon_go_along(cycle, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cycle.stage.lane, "step", lambda resource, around: 7.0)
    cycle.tick()
    now[0] += 6.9
    cycle.tick()
    assert cycle.pool.done == 2


@pytest.mark.parametrize("end", ["stop", "gone"])
def test_the_loop_ends_between_two_steps(cycle, monkeypatch, end):
    """When it is told to, and when its cluster is gone."""
    gone = Changed("DELETED", cycle.stage.kube.objects["flinkclusters", "demo"])
    ways = {"stop": cycle.stop, "gone": lambda: (cycle._watches.clusters._take(gone), cycle.ring())}
    monkeypatch.setattr(cycle, "_tick", lambda: (ways[end](), 60.0)[1])
    monkeypatch.setattr(cycle, "_pool", module.ThreadPoolExecutor(1))
    cycle.refresh()
    thread = threading.Thread(target=cycle.run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
