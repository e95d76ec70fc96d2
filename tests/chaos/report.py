"""What came of it: by kind of fault and of people's deeds, as a table for people and as JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from .judge import Finding
from .plan import Step

COLUMNS = ("fault", "times", "in pairs", "doubled", "regressions", "stuck", "median s", "p95 s", "max s")


@dataclass(frozen=True)
class Record:
    """`seconds` from the first fault until everything was fine again. `stuck`: what the world looked like if it never
    was. `missed`: faults for which there was no victim."""

    step: Step
    seconds: float
    stuck: str = ""
    findings: tuple[Finding, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[str]:
        """Of the faults that met somebody."""
        return [fault.kind for fault in self.step.faults if fault.kind not in self.missed]

    def of(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below so many of them."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass
class Report:
    seed: int
    place: str
    records: list[Record] = field(default_factory=list)
    guards: tuple[str, ...] = ()  # what the local loop's guards found
    restores: int = 0
    seconds: float = 0.0
    about: Mapping[str, str] = field(default_factory=dict)  # what it was made with

    def add(self, record: Record) -> None:
        self.records.append(record)

    @property
    def faults(self) -> int:
        return sum(len(record.kinds) for record in self.records)

    def total(self, kind: str) -> int:
        return sum(record.of(kind) for record in self.records)

    @property
    def stuck(self) -> int:
        return sum(bool(record.stuck) for record in self.records)

    @property
    def good(self) -> bool:
        return not (self.total("doubled") or self.total("regression") or self.stuck) and bool(self.records)

    def rows(self) -> list[tuple[str, ...]]:
        """Each kind of fault, pairs, and all together. What came of a kind is told where it was alone."""
        alone = [record for record in self.records if len(record.step.faults) == 1]
        pairs = [record for record in self.records if len(record.step.faults) > 1]
        paired = Counter(kind for record in pairs for kind in record.kinds)
        times = Counter(kind for record in self.records for kind in record.kinds)
        rows = [
            _row(kind, times[kind], paired[kind], [record for record in alone if record.step.name == kind])
            for kind in sorted({record.step.name for record in alone} | paired.keys())
        ]
        if pairs:
            rows.append(_row("two at once", paired.total(), paired.total(), pairs))
        return [*rows, _row("all", times.total(), paired.total(), self.records)] if self.records else []

    @property
    def actions(self) -> dict[str, int]:
        """What people did, and how often."""
        steps = [record.step for record in self.records if record.step.faults]
        return dict(sorted(Counter(step.action or "nothing" for step in steps).items()))

    def table(self) -> Table:
        table = Table(title=self.headline())
        for name in COLUMNS:
            table.add_column(name, justify="left" if name == COLUMNS[0] else "right")
        for row in self.rows():
            table.add_row(*row)
        return table

    def headline(self) -> str:
        return (
            f"seed {self.seed}, {self.place}: {self.faults} faults in {self.seconds / 60:.0f} min, {self.restores} "
            f"restores; {self.total('doubled')} doubled, {self.total('regression')} regressions, {self.stuck} stuck"
        )

    def details(self) -> list[str]:
        """Every finding, with the step in which it was made."""
        lines = [f"{_where(record)}: {one.job}: {one.what}" for record in self.records for one in record.findings]
        lines += [f"{_where(record)}: stuck: {record.stuck}" for record in self.records if record.stuck]
        return [*lines, *(f"guard: {finding}" for finding in self.guards)]

    def to_json(self) -> str:
        body: dict[str, Any] = asdict(self) | {
            "faults": self.faults,
            "doubled": self.total("doubled"),
            "regressions": self.total("regression"),
            "stuck": self.stuck,
            "not_covered": NOT_COVERED,
            "actions": self.actions,
            "kinds": [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()],
        }
        body["records"] = [asdict(r) | {"findings": [f._asdict() for f in r.findings]} for r in self.records]
        return json.dumps(body, indent=1)

    def to_markdown(self) -> str:
        about = [f"- {name}: {value}" for name, value in {**self.about, "duration": _minutes(self.seconds)}.items()]
        actions = _table(("what people did", "times"), [(name, str(count)) for name, count in self.actions.items()])
        lines = [f"- {line.splitlines()[0]}" for line in self.details()] or ["Nothing was found."]
        parts = (
            ["# Chaos", "", self.headline(), "", SECONDS],
            about,
            _table(COLUMNS, self.rows()),
            actions,
            lines,
            [f"What it does not cover: {NOT_COVERED}.", "", "How each figure is found: `tests/chaos/README.md`."],
        )
        return "\n\n".join("\n".join(part) for part in parts) + "\n"


SECONDS = (
    "Seconds are from a step's first fault until everything was fine again, the fault's own duration included. What "
    "came of a kind is told where it was alone."
)
NOT_COVERED = (
    "loss or corruption of the storage that holds the checkpoints; several nodes and the network between them; a clock "
    "that jumps; upgrades of Flink, of Kubernetes or of our own images; jobs without retained checkpoints; what a "
    "TaskManager does that no JobManager knows any more; runs longer than this one"
)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """In Markdown."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _where(record: Record) -> str:
    step = record.step
    return f"step {step.number} ({step.action or 'nothing'}; {step.name})" if step.faults else step.action


def _row(name: str, times: int, paired: int, records: Sequence[Record]) -> tuple[str, ...]:
    seconds = [record.seconds for record in records if not record.stuck]
    figures = [f"{percentile(seconds, share):.1f}" if seconds else "-" for share in (0.5, 0.95, 1.0)]
    counts = (
        times,
        paired,
        sum(record.of("doubled") for record in records),
        sum(record.of("regression") for record in records),
        sum(bool(record.stuck) for record in records),
    )
    return (name, *map(str, counts), *figures)
