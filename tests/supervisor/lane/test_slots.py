"""Two jobs, and fewer slots than both need."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Overview, Unknown
from clients.kube import resources
from core import names
from core.job_status import JobStatus, read_status
from supervisor.cycle import SHORTEST
from supervisor.events import Recorder
from supervisor.lane import Lane

from .conftest import SPEC, Stage
from .fakes import copied

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
        pause = min(lane.step(copied(job), around) for lane, job in lanes[:: -1 if self._other_first else 1])
        self.wait(max(SHORTEST, min(pause, 5.0)))
        return pause


def edited(two: Two) -> None:
    two.edit(bootstrap={**two.job["spec"]["bootstrap"], "image": "img:2"})


def restarted(two: Two) -> None:
    two.annotate("START")


@pytest.mark.parametrize("other_first", [True, False])
@pytest.mark.parametrize("change", [edited, restarted])
def test_a_job_that_starts_again_keeps_its_slots(change, other_first):
    two = Two(1, other_first=other_first)
    two.play(two.is_ready)
    two.come()
    two.settle(20)
    change(two)
    two.play(lambda: two.status.attempt == 2 and two.is_ready())
    assert two.other.message == "waiting for slots: 0 free, 1 needed"


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
