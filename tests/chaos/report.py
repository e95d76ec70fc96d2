"""What came of it: per kind of fault, as a table for people and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from .judge import Finding
from .plan import Step

COLUMNS = ("fault", "times", "doubled", "regressions", "stuck", "median s", "p95 s", "max s")


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
    def faults(self) -> int:
        return len(self.step.faults) - len(self.missed)

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

    def add(self, record: Record) -> None:
        self.records.append(record)

    @property
    def faults(self) -> int:
        return sum(record.faults for record in self.records)

    def total(self, kind: str) -> int:
        return sum(record.of(kind) for record in self.records)

    @property
    def stuck(self) -> int:
        return sum(bool(record.stuck) for record in self.records)

    @property
    def good(self) -> bool:
        return not (self.total("doubled") or self.total("regression") or self.stuck) and bool(self.records)

    def rows(self) -> list[tuple[str, ...]]:
        """A fault alone under its kind, two under `two at once`, and all together."""
        alone = [record for record in self.records if len(record.step.faults) == 1]
        kinds = sorted({record.step.name for record in alone})
        rows = [_row(kind, [record for record in alone if record.step.name == kind]) for kind in kinds]
        if two := [record for record in self.records if len(record.step.faults) > 1]:
            rows.append(_row("two at once", two))
        return [*rows, _row("all", self.records)] if self.records else []

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
            "kinds": [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()],
        }
        body["records"] = [asdict(r) | {"findings": [f._asdict() for f in r.findings]} for r in self.records]
        return json.dumps(body, indent=1)

    def to_markdown(self) -> str:
        head = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
        rows = ["| " + " | ".join(row) + " |" for row in self.rows()]
        lines = [f"- {line.splitlines()[0]}" for line in self.details()]
        return "\n".join([f"# Chaos\n\n{self.headline()}\n", *head, *rows, "", *lines, NOT_COVERED])


NOT_COVERED = """
What it does not cover: loss or corruption of the storage that holds the checkpoints; several nodes and the network
between them; a clock that jumps; upgrades of Flink, of Kubernetes or of our own images; jobs without retained
checkpoints; runs longer than this one. How each figure is found: `tests/chaos/README.md`.
"""


def _where(record: Record) -> str:
    return f"step {record.step.number} ({record.step.action or 'nothing'}; {record.step.name})"


def _row(name: str, records: Iterable[Record]) -> tuple[str, ...]:
    every = list(records)
    seconds = [record.seconds for record in every if not record.stuck]
    times = [f"{percentile(seconds, share):.1f}" if seconds else "-" for share in (0.5, 0.95, 1.0)]
    counts = (
        sum(record.faults for record in every),
        sum(record.of("doubled") for record in every),
        sum(record.of("regression") for record in every),
        sum(bool(record.stuck) for record in every),
    )
    return (name, *map(str, counts), *times)
