"""get -w: a line where a column changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clients.kube import resources

from .conftest import World


@contextmanager
def following() -> Iterator[subprocess.Popen[str]]:
    """flinkctl get fj -w, ended by Ctrl-C."""
    command = [sys.executable, "-m", "cli.main", "get", "fj", "-w"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as it:
        try:
            yield it
            it.send_signal(signal.SIGINT)
            assert it.wait(20) == 130
            assert it.stderr and "Traceback" not in it.stderr.read()
        finally:
            it.kill()


def test_a_line_for_each_change_until_ctrl_c(world: World) -> None:
    world.job()
    with following() as it:
        assert it.stdout
        assert it.stdout.readline().startswith("NAME")
        assert it.stdout.readline().split()[3] == "Started"
        world.become("demo-one", "Stopping")
        assert it.stdout.readline().split()[3] == "Stopping"
        world.client.delete(resources.FLINK_JOBS, "demo-one", namespace="default")
        assert it.stdout.readline().split() == ["demo-one", "deleted"]


def test_columns_are_as_wide_as_the_first_that_comes(world: World) -> None:
    with following() as it:
        assert it.stdout
        world.job("a-job-with-a-rather-long-name")
        head, line = it.stdout.readline(), it.stdout.readline()
        assert line.startswith("a-job-with-a-rather-long-name   ")
        assert head.index("CLUSTER") > len("a-job-with-a-rather-long-name")


def test_no_line_for_what_no_column_shows(world: World) -> None:
    """Each checkpoint of a job is in its status."""
    world.job()
    with following() as it:
        assert it.stdout
        it.stdout.readline(), it.stdout.readline()
        for number in range(3):
            world.become("demo-one", "Started", recoveryPoints=[{"type": "CHECKPOINT", "path": f"file:///{number}"}])
        world.become("demo-one", "Started", savepointTimestamp="2026-01-01T00:00:00Z", savepointPath="file:///s")
        assert "file:///s" in it.stdout.readline()
        world.become("demo-one", "Stopping")
        assert it.stdout.readline().split()[3] == "Stopping"
