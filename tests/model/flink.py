"""Flink of the lane's tests, one for each JobManager, with TaskManagers that are pods and one disk for all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from clients.flink import FlinkError, Overview, Rejected, TaskManager, Unknown
from tests.supervisor.lane.fakes import Clock, Flink, Knife, Run

REFUSED = "refused"  # an argument with which no job can be submitted
BROKEN = "broken"  # ... with which main() throws
ABSENT, USELESS = "flink:absent", "flink:useless"  # images: none, and one on which no job runs


class JobManager(Flink):
    """Its jobs die with it; its TaskManagers go on with their tasks until their pods are gone."""

    def __init__(
        self,
        clock: Clock,
        knife: Knife,
        number: int,
        disk: dict[str, float],
        history: list[Run],
        accepted: Callable[[Run], None],
        stopped: Callable[[Run], None],
    ) -> None:
        super().__init__(clock, knife)
        self._accepted, self._stopped = accepted, stopped
        self.late: list[Callable[[], object]] = []  # a main() that nobody waits for any more
        self.slow = self.useless = False
        self.disk, self.history = disk, history
        self.savepoints = 1000 * number  # so that no two JobManagers write to one path
        self.alive = True
        self.slots: dict[str, int] = {}  # by TaskManager
        self.orphans: list[Run] = []  # what the TaskManagers were at when it died

    def die(self) -> None:
        if self.alive:
            self.alive = self.answers = False
            self.orphans = [run for run in self.runs.values() if run.alive]
            self.lose()

    def run(self, jar_id: str, *, job_id: str, **more: Any) -> str:
        if self.slow:
            self.slow = False
            self.late.append(partial(self.run, jar_id, job_id=job_id, **more))
            raise Unknown("no answer in time")
        if self.useless or {REFUSED, BROKEN} & set(more["arguments"]):
            raise Rejected(500, "RuntimeException: main() throws")
        before = len(self.history)
        answer = super().run(jar_id, job_id=job_id, **more)
        if len(self.history) > before:
            self._accepted(self.history[-1])
        return answer

    def plan(self, jar_id: str, **more: Any) -> str:
        if BROKEN in more["arguments"]:
            raise Rejected(500, "RuntimeException: main() throws")
        return super().plan(jar_id, **more)

    def finish(self, run: Run) -> None:
        super().finish(run)
        self._stopped(run)

    def tick(self, seconds: float) -> None:
        """A job without its slots fails over to its newest checkpoint, and waits."""
        late, self.late = self.late, []
        for submission in late if self.alive else []:
            with suppress(FlinkError):
                submission()
        free = sum(self.slots.values())
        for run in self.runs.values():
            if run.alive:
                free -= run.parallelism
                if free < 0 and run.status == "RUNNING":
                    run.status = "RESTARTING"
                    run.restart()
                    run.work = self.disk[str(run.own.external_path)] if run.own else 0.0
                elif free >= 0:
                    run.status = "RUNNING"
        super().tick(seconds)

    def overview(self) -> Overview:
        self._look()
        total = sum(self.slots.values())
        used = sum(run.parallelism for run in self.runs.values() if run.alive)
        return Overview("2.3.0", len(self.slots), total, max(0, total - used), len(self.runs), 0, 0, 0)

    def taskmanagers(self) -> tuple[Any, ...]:
        """The first ones are used first."""
        self._look()
        used, found = sum(run.parallelism for run in self.runs.values() if run.alive), []
        for name, slots in sorted(self.slots.items()):
            busy = min(used, slots)
            used -= busy
            found.append(TaskManager(name, "", slots, slots - busy))
        return tuple(found)
