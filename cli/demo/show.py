"""The demo on the screen: a live table on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from cli.demo.scene import JOBS, Scene


class Screen:
    """The steps so far and the resources as they are now, refreshed some times a second."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._started = time.monotonic()
        self._steps: list[tuple[str, float, float | None, str]] = []  # what, begun, took, seen
        self._console = Console(highlight=False)
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=5)
        self._alive = self._console.is_terminal

    def __enter__(self) -> Screen:
        if self._alive:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._alive:
            self._live.stop()

    def begin(self, what: str) -> None:
        self._steps.append((what, time.monotonic(), None, ""))
        self._say(f"{self._elapsed():6.1f} s  ... {what}")

    def done(self, result: str) -> None:
        what, begun, _, _ = self._steps[-1]
        took = time.monotonic() - begun
        self._steps[-1] = (what, begun, took, result)
        self._say(f"{self._elapsed():6.1f} s  ok  {what} ({took:.1f} s): {result}")

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _say(self, line: str) -> None:
        if not self._alive:
            print(line, file=sys.stdout, flush=True)

    def _render(self) -> Group:
        return Group(self._resources(), self._progress())

    def _resources(self) -> Table:
        seen = self._scene.seen
        table = Table(title=f"flinkctl demo, {self._elapsed():.0f} s", title_justify="left", expand=True)
        for name in ("RESOURCE", "STATE", "READY", "FLINK", "PARALLELISM", "COUNT", "DOING"):
            table.add_column(name, no_wrap=name != "DOING")
        status = (seen.cluster or {}).get("status") or {}
        pods = sum(1 for pod in seen.pods if pod["metadata"].get("labels", {}).get("role") == "taskmanager")
        table.add_row(
            "fc/wordcount",
            status.get("supervisorStatus", "-"),
            _mark(status.get("supervisorStatus") == "Started"),
            f"{status.get('flinkVersion', '')} incarnation {status.get('incarnation', '-')}",
            f"{pods} TM",
            "",
            status.get("message", ""),
        )
        for job in JOBS:
            status, gauges = seen.status(job), seen.gauges.get(job)
            table.add_row(
                f"fj/{job}",
                status.get("supervisorStatus", "-"),
                _mark(seen.ready(job)),
                status.get("jobStatus", ""),
                str(status.get("jobParallelism", "")),
                str(gauges.total) if gauges else "",
                status.get("message", ""),
            )
        return table

    def _progress(self) -> Table:
        table = Table(box=None, show_header=False, expand=True)
        for name in ("", "seconds", "what", "result"):
            table.add_column(name)
        for what, begun, took, result in self._steps:
            seconds = took if took is not None else time.monotonic() - begun
            table.add_row(_mark(took is not None), f"{seconds:5.1f} s", what, result)
        return table


def _mark(done: bool) -> str:
    return "[green]yes[/]" if done else "[yellow]...[/]"
