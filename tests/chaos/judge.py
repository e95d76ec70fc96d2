"""Did a job run twice, and did its state go back? Decided from looks alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# What Flink says of checkpoints is up to web.refresh-interval (3 s) old: with one a second, four more may be complete.
LATE = 4
# The one after those may have begun before the count that was read while n was the newest, and a savepoint beside it.
AHEAD = LATE + 3
SURE_AFTER = 2.0
TOLD_AFTER = 4.5  # ... when Flink may not have told of it yet


@dataclass(frozen=True)
class Sight:
    """One job in one look. `alive`: its runs that are not over, in whichever JobManager. The rest is of the only one:
    what it says to have counted, and its checkpoints, read in this order. None, 0: nothing was said."""

    at: float
    alive: frozenset[str] = frozenset()
    run: str = ""
    running: bool = False  # all its tasks
    total: int | None = None
    errors: int = 0
    restored: int = -1  # the count it began with, -1 for an empty state
    completed: int = 0  # number of the newest checkpoint
    restored_from: int = 0  # number of the checkpoint that it began with
    restored_path: str = ""
    named: Mapping[str, int] = field(
        default_factory=dict
    )  # run → its newest recovery point that the job's status names

    @property
    def beginning(self) -> tuple[str, int, int]:
        return self.run, self.restored_from, self.restored


NOBODY = "nobody"


class Finding(NamedTuple):
    kind: str  # doubled, regression
    job: str
    what: str


def unowned(run: str) -> Finding:
    """Flink runs something that follows from no FlinkJob: a submission whose id was not ours, so also made twice."""
    return Finding("doubled", NOBODY, f"run {run} is no FlinkJob's")


class _Mark(NamedTuple):
    """So many records are in each checkpoint from that number on: the numbers go on through restarts."""

    checkpoint: int
    total: int


class History:
    """One job. `struck` says from when on state may be lost: what was completed before may not."""

    def __init__(self, job: str) -> None:
        self.job = job
        self.restores = 0
        self._completed: list[tuple[float, int]] = []  # when a checkpoint was first seen
        self._marks: list[_Mark] = []
        self._named: dict[str, int] = {}
        self._struck_at = 0.0
        self._last = Sight(0.0)
        self._restored: tuple[str, int, int] | None = None  # the beginning that was judged last
        self._candidate: tuple[str, int, int] | None = None
        self._since, self._total = 0.0, 0
        self._doubled: frozenset[str] = frozenset()
        self._errors = 0

    def struck(self, at: float) -> None:
        self._struck_at = at
        promised = self.promised
        self._completed = [item for item in self._completed if item[1] >= promised]
        older = [mark for mark in self._marks if mark.checkpoint <= promised]
        self._marks = [*older[-1:], *(mark for mark in self._marks if mark.checkpoint > promised)]

    @property
    def promised(self) -> int:
        """The newest checkpoint behind which the state may not go."""
        return max((number for at, number in self._completed if at <= self._struck_at), default=0)

    def published(self, run: str) -> int:
        """The newest recovery point of the runs before that the status has ever named: a promise too, however young."""
        return max((number for other, number in self._named.items() if other != run), default=0)

    def has_judged(self, sight: Sight) -> bool:
        """Has the run that is seen surely begun, and was its beginning judged?"""
        return sight.total is not None and sight.beginning == self._restored

    def take(self, sight: Sight) -> list[Finding]:
        return [Finding(kind, self.job, what) for kind, what in self._take(sight)]

    def _take(self, sight: Sight) -> Iterator[tuple[str, str]]:
        for run, number in sight.named.items():
            self._named[run] = max(number, self._named.get(run, 0))
        if len(sight.alive) > 1 and sight.alive != self._doubled:
            yield "doubled", f"{len(sight.alive)} runs are alive: {', '.join(sorted(sight.alive))}"
        self._doubled = sight.alive if len(sight.alive) > 1 else frozenset()
        if sight.total is None or len(sight.alive) != 1:
            return
        if sight.errors > self._errors:
            yield "regression", f"{sight.errors} records were lost or counted twice, in run {sight.run}"
        self._errors = sight.errors
        if not self._surely_began(sight):
            return
        if sight.beginning != self._restored:
            yield from self._judge(sight)
            self.restores += self._restored is not None
            self._restored = sight.beginning
            self._forget(sight.restored_from)
        self._note(sight)

    def _surely_began(self, sight: Sight) -> bool:
        """What a lost TaskManager said last is told for a while, beside what the JobManager knows of the new start:
        only a run that counts has begun."""
        if not sight.running or sight.beginning != self._candidate:
            self._candidate, self._since = sight.beginning if sight.running else None, sight.at
        counts, self._total = (sight.total or 0) > self._total, sight.total or 0
        known = self._candidate is not None and self._candidate == self._restored
        patience = TOLD_AFTER if self._is_half_told(sight) else SURE_AFTER
        return known or (self._candidate is not None and counts and sight.at - self._since >= patience)

    def _is_half_told(self, sight: Sight) -> bool:
        """The tasks say what they count from, and Flink's answer about the checkpoint is still of the start before."""
        run, number, count = self._restored or ("", 0, -1)
        if sight.run != run:
            number, count = 0, -1
        return (sight.restored_from == number) != (sight.restored == count)

    def _judge(self, sight: Sight) -> Iterator[tuple[str, str]]:
        promised, began = self.promised, sight.restored_path or "an empty state"
        what = f"run {sight.run} began with checkpoint {sight.restored_from} ({began})"
        if sight.restored_from < promised:
            yield "regression", f"{what}; checkpoint {promised} had been completed"
            return
        if sight.restored_from < (published := self.published(sight.run)):
            yield "regression", f"{what}; checkpoint {published} had been named in the job's status"
            return
        counted = max((mark.total for mark in self._marks if mark.checkpoint <= sight.restored_from), default=-1)
        if sight.restored < counted:
            yield "regression", f"run {sight.run} began with {sight.restored} records ({began}), {counted} were in it"

    def _forget(self, checkpoint: int) -> None:
        """What came after it: the run begins with this one, and gives the same numbers again."""
        self._completed = [item for item in self._completed if item[1] <= checkpoint]
        self._marks = [mark for mark in self._marks if mark.checkpoint <= checkpoint]

    def _note(self, sight: Sight) -> None:
        if sight.completed > max((number for _, number in self._completed), default=0):
            self._completed.append((sight.at, sight.completed))
        last, self._last = self._last, sight
        same = (last.run, last.restored_from) == (sight.run, sight.restored_from) and sight.running and last.running
        # Only while it counts: what a lost TaskManager said last is told for a while.
        if not same or last.total is None or sight.total is None or sight.total <= last.total or not sight.completed:
            return
        if not self._marks or self._marks[-1].checkpoint < sight.completed + AHEAD:
            self._marks.append(_Mark(sight.completed + AHEAD, sight.total))
