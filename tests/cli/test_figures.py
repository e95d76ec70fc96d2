"""The rows of top, from what Flink answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from cli import figures
from cli.figures import Run
from cli.top import Seen, Shown, screen

from .conftest import Run as Call
from .conftest import World

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
MILLIS = int(NOW.timestamp() * 1000)
JOB: dict[str, Any] = {
    "metadata": {"name": "demo-one"},
    "status": {
        "supervisorStatus": "Started",
        "clusterName": "demo",
        "jobId": "a",
        "jobParallelism": 2,
        "startedAt": "2026-01-01T00:00:00Z",
    },
}


def test_a_job_that_runs() -> None:
    last = {"latest_ack_timestamp": MILLIS - 3000, "state_size": 5 * 2**20, "end_to_end_duration": 1530}
    checkpoints = {"counts": {"completed": 7, "failed": 1}, "latest": {"completed": last}}
    run = Run(checkpoints, {"numRestarts": "4"}, busy=0.254, backpressure=1.2)
    row = dict(zip(figures.JOBS, figures.job_row(JOB, run, NOW), strict=True))
    assert row == {
        "JOB": "demo-one",
        "CLUSTER": "demo",
        "STATE": "Started",
        "PARALLELISM": "2",
        "UP": "10m",
        "CHECKPOINTS": "7",
        "FAILED": "1",
        "LAST": "3s ago",
        "SIZE": "5.0MiB",
        "TOOK": "1.5s",
        "BUSY": "25%",
        "BACKPRESSURE": "100%",
        "RESTARTS": "4",
    }


def test_without_an_answer_there_is_a_dash() -> None:
    row = figures.job_row(JOB, Run(), NOW)
    assert row[5:] == ("-",) * 8


def test_slots_are_those_in_use() -> None:
    item = {"metadata": {"name": "demo"}, "status": {"supervisorStatus": "Started", "taskManagers": 3}}
    overview = {"taskmanagers": 2, "slots-total": 4, "slots-available": 1, "jobs-running": 1}
    assert figures.cluster_row(item, overview) == ("demo", "Started", "-", "2/3", "3/4", "1")
    assert figures.cluster_row(item, {**overview, "taskmanagers": 4})[3] == "4, 3 wanted"
    assert figures.cluster_row(item, {}) == ("demo", "Started", "-", "0/3", "-", "-")


def test_the_busiest_task_counts_and_nan_does_not() -> None:
    """Flink says NaN for the busy time of a source of the old kind."""
    assert figures.busiest([{"max": "NaN"}, {"max": 120.0}, {"max": 300}]) == 0.3
    assert figures.busiest([]) is None


def test_a_line_that_is_cut_ends_with_a_sign() -> None:
    seen = Seen((), (figures.JOBS, figures.job_row(JOB, Run(), NOW)))
    lines = Console(width=40).render_lines(screen(Shown(seen, NOW), 2.0))
    (head,) = [text for line in lines if (text := "".join(part.text for part in line)).startswith("JOB")]
    assert (head[-1], len(head)) == ("…", 40)


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (2**40 * 12, "12TiB")]
)
def test_sizes(count: int | None, text: str) -> None:
    assert figures.size(count) == text


def test_top_once_where_no_jobmanager_answers(run: Call, world: World) -> None:
    assert run("top").stdout == "No clusters and no jobs.\n"
    world.cluster()
    world.job(jobId="a", clusterName="demo")
    head, cluster, _, jobs, job = run("top", "--once").stdout.splitlines()
    assert (head.split(), jobs.split()) == (list(figures.CLUSTERS), list(figures.JOBS))
    assert cluster.split() == ["demo", "Started", "-", "0/0", "-", "-"]
    assert job.split()[:4] == ["demo-one", "demo", "Started", "1"]
