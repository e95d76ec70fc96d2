"""top: a table of clusters and one of jobs, with what Flink says of them now; again and again on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cli import figures, output, verdicts
from cli.figures import Run
from cli.session import Session
from clients.kube import LASTING, KubeError, resources
from core import names

Object = dict[str, Any]
PARALLEL = 16  # questions to Flink at a time
TASK_METRICS = {"busy": "busyTimeMsPerSecond", "backpressure": "backPressuredTimeMsPerSecond"}
PORT = 8081


@dataclass(frozen=True)
class Seen:
    """One look: rows below their heads."""

    clusters: tuple[tuple[str, ...], ...]
    jobs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Shown:
    """A look on the screen."""

    seen: Seen
    at: datetime
    trouble: str = ""  # why there is no later one

    def title(self, interval: float) -> str:
        news = f"no answer since from the API server: {self.trouble}" if self.trouble else f"each {interval:g}s"
        return f"{self.at:%H:%M:%S}, {news}; Ctrl-C ends"


def top(session: Session, *, interval: float, once: bool) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        if once or not output.redrawn(sys.stdout):
            output.data(_plain(look(session, pool)))
        else:
            _live(lambda: look(session, pool), interval)


def look(session: Session, pool: ThreadPoolExecutor) -> Seen:
    client, scope, now = session.client, session.scope, datetime.now(UTC)
    clusters = client.list(resources.FLINK_CLUSTERS, namespace=scope)["items"]
    jobs = client.list(resources.FLINK_JOBS, namespace=scope)["items"]
    overviews = pool.map(lambda item: _ask(session, item, item["metadata"]["name"], "/overview"), clusters)
    runs = pool.map(lambda item: _run(session, item), jobs)
    return Seen(
        (figures.CLUSTERS, *(figures.cluster_row(*pair) for pair in zip(clusters, overviews, strict=True))),
        (figures.JOBS, *(figures.job_row(item, run, now) for item, run in zip(jobs, runs, strict=True))),
    )


def _run(session: Session, item: Object) -> Run:
    status = verdicts.status_of(item)
    if not status.get("jobId") or not status.get("clusterName"):
        return Run()

    def ask(path: str, **params: str) -> Any:
        return _ask(session, item, status["clusterName"], f"/jobs/{status['jobId']}{path}", params)

    vertices = [vertex["id"] for vertex in ask("").get("vertices") or []]
    tasks = [ask(f"/vertices/{id}/subtasks/metrics", get=",".join(TASK_METRICS.values()), agg="max") for id in vertices]
    values = [value for task in tasks for value in task]
    found = {key: figures.busiest([each for each in values if each["id"] == id]) for key, id in TASK_METRICS.items()}
    metrics = {each["id"]: each.get("value") for each in ask("/metrics", get="numRestarts")}
    return Run(checkpoints=ask("/checkpoints"), metrics=metrics, **found)


def _ask(session: Session, item: Object, cluster: str, path: str, params: dict[str, str] | None = None) -> Any:
    """Flink's answer; {} while there is none, which is no reason not to show the others."""
    service = names.jobmanager_service(cluster)
    try:
        return session.client.service_proxy(item["metadata"]["namespace"], service, PORT, path, params)
    except KubeError:
        return {}


def _plain(seen: Seen) -> str:
    parts = [output.table(rows) for rows in (seen.clusters, seen.jobs) if len(rows) > 1]
    return "\n\n".join(parts) or "No clusters and no jobs."


def _live(look: Callable[[], Seen], interval: float) -> None:
    """Until Ctrl-C, also while the API server is away."""
    from rich.console import Console
    from rich.live import Live

    shown = Shown(look(), datetime.now())
    with Live(console=Console(), auto_refresh=False, screen=True) as live:
        while True:
            began = time.monotonic()
            live.update(screen(shown, interval), refresh=True)
            time.sleep(max(0.0, interval - (time.monotonic() - began)))
            shown = again(look, shown)


def screen(shown: Shown, interval: float) -> Any:
    """Lines that are too long for the terminal end with a sign."""
    from rich.text import Text

    return Text(f"{shown.title(interval)}\n\n{_plain(shown.seen)}", no_wrap=True, overflow="ellipsis")


def again(look: Callable[[], Seen], before: Shown) -> Shown:
    """The next look, or the one before with the reason why it is the last."""
    try:
        return Shown(look(), datetime.now())
    except LASTING:
        raise
    except KubeError as error:
        return replace(before, trouble=str(error))
