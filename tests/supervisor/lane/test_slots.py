"""Two jobs, and fewer slots than both need."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Overview, TimedOut, Unknown
from clients.kube import resources
from core import names
from core.job_status import JobStatus, read_status
from supervisor.claims import Claims
from supervisor.cycle import SHORTEST
from supervisor.events import Recorder
from supervisor.lane import Lane

from .conftest import SPEC, Stage
from .fakes import copied
from .test_searches import lost_with_its_savepoint

OTHER, OTHER_UID = "demo-other", "7a7a"


class Two(Stage):
    """`come()` adds the other job, whose lane steps first when `other_first`."""

    def __init__(self, slots: int, *, other_first: bool = False) -> None:
        super().__init__()
        self.others.add(OTHER_UID)
        self._slots, self._other_first = slots, other_first
        self._lane = Lane(self.kube, Recorder(self.kube), clock=self.clock)  # type: ignore[arg-type]
        self.flink.overview = self._overview  # type: ignore[method-assign]

    def _overview(self) -> Overview:
        self.flink._look()
        used = sum(run.parallelism for run in self.flink.runs.values() if run.alive)
        return Overview("2.3.0", 1, self._slots, self._slots - used, len(self.flink.runs), 0, 0, 0)

    def resize(self, slots: int) -> None:
        self._slots = slots

    def come(self) -> None:
        job = copied(self.job)
        job["metadata"] |= {"name": OTHER, "uid": OTHER_UID, "annotations": {}}
        job["spec"] = copied(SPEC)
        job.pop("status", None)
        self.kube.put(resources.FLINK_JOBS, job)

    @property
    def is_there(self) -> bool:
        return ("flinkjobs", OTHER) in self.kube.objects

    @property
    def other(self) -> JobStatus:
        return read_status(self.kube.objects["flinkjobs", OTHER])

    def pods(self) -> tuple[Any, ...]:
        if not self.is_there or not (ordered := self.other.ordered):
            return super().pods()
        labels = {"batch.kubernetes.io/job-name": names.bootstrap_job(OTHER, ordered.number)}
        ended = {"name": names.BOOTSTRAP, "state": {"terminated": self.carry(100 + ordered.number)}}
        status = {"phase": "Succeeded", "containerStatuses": [ended]}
        metadata = {"name": "b2", "labels": {**labels, names.LABEL_JOB_UID: OTHER_UID}}
        return (*super().pods(), {"metadata": metadata, "status": status})

    def step(self) -> float:
        around, lanes = self.around(), [(self.lane, self.job)]
        if self.is_there:
            lanes.append((self._lane, self.kube.objects["flinkjobs", OTHER]))
        for lane, job in lanes:
            lane.keep_slots(job, around)
        pause = min(lane.step(copied(job), around) for lane, job in lanes[:: -1 if self._other_first else 1])
        self.wait(max(SHORTEST, min(pause, 5.0)))
        return pause


def edited(two: Two) -> None:
    two.edit(bootstrap={**two.job["spec"]["bootstrap"], "image": "img:2"})


def restarted(two: Two) -> None:
    two.annotate("START")


def test_a_job_that_stops_for_good_leaves_its_slots():
    two = Two(1)
    two.play(two.is_ready)
    two.come()
    two.settle(20)
    two.annotate("STOP")
    two.play(lambda: two.other.ready_at)


def test_a_job_that_flink_restarts_has_its_slots_still():
    """Flink does not call them free."""
    two = Two(2)
    two.play(two.is_ready)
    two.flink.history[-1].status = "RESTARTING"
    two.come()
    two.play(lambda: two.other.ready_at)


def test_a_job_that_stopped_and_does_not_come_back_holds_no_other_up():
    two = Two(1)
    two.play(two.is_ready)
    two.carry = lambda number: {"exitCode": 1, "message": "no such file"}  # type: ignore[method-assign]
    two.annotate("START")
    two.play(lambda: two.status.failure.startswith("BootstrapFailed"))
    two.carry = Stage.carry.__get__(two)  # type: ignore[method-assign]
    two.come()
    two.play(lambda: two.other.ready_at)


@pytest.mark.parametrize("spec", [{}, {"jobParallelism": "x"}])
def test_a_submission_that_is_never_answered_claims_nothing_for_ever(stage, monkeypatch, spec):
    job = stage()
    job.others.add("another")

    def run(jar_id: str, **more: Any) -> None:
        raise Unknown("main() does not return")

    monkeypatch.setattr(job.flink, "run", run)
    job.play(lambda: job.status.job_id)
    job.edit(**spec)
    job.settle(600)
    assert job.claims.left("another", 4) == 4


# ---- a job that ran goes before one that only waited ---------------------------------------------------------------


def lost(two: Two) -> None:
    two.lose_jobmanager()


def taken_back(two: Two) -> None:
    two.flink.stuck.add("2_app.jar")
    edited(two)


def moved(two: Two) -> None:
    two.cluster(supervisorStatus="Stopping")
    two.play(lambda: not two.status.holds_cluster)
    two.flink.lose()
    two.cluster(supervisorStatus="Started", revision="r2", incarnation=2)


def contended(other_first: bool) -> Two:
    """One runs on the only slot, the other waits for it."""
    two = Two(1, other_first=other_first)
    two.play(two.is_ready)
    two.come()
    two.settle(20)
    return two


@pytest.mark.parametrize("other_first", [True, False])
@pytest.mark.parametrize("happens", [edited, restarted, lost, taken_back, moved])
def test_a_job_that_comes_back_has_its_slots(happens, other_first):
    two = contended(other_first)
    happens(two)
    two.settle(600)
    assert two.status.ready_at and two.status.attempt > 1
    assert two.other.message == "waiting for slots: 0 free, 1 needed"


@pytest.mark.parametrize("other_first", [True, False])
def test_and_those_that_it_is_to_have_more(other_first):
    two = Two(2, other_first=other_first)
    two.play(two.is_ready)
    two.edit(jobParallelism=2)
    two.play(lambda: two.is_in("Stopping"))
    two.come()
    two.settle(400)
    assert two.status.job_parallelism == 2
    assert two.other.message == "waiting for slots: 0 free, 1 needed"


@pytest.mark.parametrize("other_first", [True, False])
def test_also_when_its_image_takes_long_to_come(other_first, monkeypatch):
    two = contended(other_first)
    restarted(two)
    two.play(lambda: two.is_in("Starting"))
    pods, there = two.pods, two.clock.now.timestamp() + 90

    def late() -> tuple[Any, ...]:
        return tuple(pod for pod in pods() if pod["metadata"]["name"] != "b" or two.clock.now.timestamp() > there)

    monkeypatch.setattr(two, "pods", late)
    two.settle(400)
    assert two.status.ready_at


def test_but_not_for_ever(monkeypatch):
    """A TaskManager is gone for good, and the slot that is left is not enough for it."""
    two = Two(2)
    two.edit(jobParallelism=2)
    two.play(lambda: two.is_ready(parallelism=2))
    run = two.flink.history[-1]
    run.stuck = True

    def overview() -> Overview:
        others = sum(each.parallelism for each in two.flink.runs.values() if each.alive and each is not run)
        return Overview("2.3.0", 1, 1, 1 - others, len(two.flink.runs), 0, 0, 0)

    monkeypatch.setattr(two.flink, "overview", overview)
    two.come()
    two.settle(600)
    assert two.other.ready_at


@pytest.mark.parametrize("other_first", [True, False])
def test_two_that_come_back_do_not_wait_for_each_other(other_first):
    """There is room for one of them."""
    two = Two(3, other_first=other_first)
    two.edit(jobParallelism=2)
    two.play(lambda: two.is_ready(parallelism=2))
    two.come()
    two.play(lambda: two.other.ready_at)
    two.resize(1)
    two.lose_jobmanager()
    two.settle(30)
    assert two.other.ready_at
    assert two.status.message == "waiting for slots: 0 free, 2 needed"


@pytest.mark.parametrize("how", ["FINISHED", "CANCELED"])
def test_a_job_that_is_over_holds_no_slots(how):
    two = Two(1)
    two.play(two.is_ready)
    run = two.flink.history[-1]
    two.flink.finish(run)
    run.status = how
    two.play(lambda: two.is_in("Stopped"))
    two.come()
    two.settle(900)
    assert two.other.ready_at, two.other.message


def another_supervisor(two: Two) -> None:
    two.claims = Claims()
    two.new_supervisor()
    two._lane = Lane(two.kube, Recorder(two.kube), clock=two.clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("happens", [edited, restarted])
@pytest.mark.parametrize("state", ["Starting", "Stopping"])
def test_a_supervisor_that_ends_between_two_runs(happens, state):
    two = contended(True)
    happens(two)
    run = two.flink.history[0]
    if state == "Starting":
        two.play(lambda: two.is_in("Starting") and not two.alive, steps=1000)
    else:
        two.play(lambda: two.is_in("Stopping") and two.status.stop.trigger_id in run.operations, steps=1000)
        two.wait(2)  # it is over, and nobody has looked
    another_supervisor(two)
    two.settle(300)
    assert two.status.ready_at, two.status.message


def test_a_search_that_takes_its_time_keeps_the_slots():
    """One try may take 60 s, and the lane does nothing else meanwhile."""
    two = contended(True)
    restarted(two)
    lost_with_its_savepoint(two)
    found, slow = two.flink._found, [True]

    def late(*arguments: str) -> str:
        if slow:
            slow.clear()
            two.wait(60.5)
            raise TimedOut("no answer in time")
        return found(*arguments)

    two.flink._found = late
    two.settle(400)
    assert two.status.ready_at, two.status.message
