"""get -w: a line where a column changed, and what is told while the server is away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import crds
from cli import contact
from cli.errors import Failed
from clients.kube import Connection, KubeClient, Unreachable, resources
from local.store import Store
from local.store.api import Api
from local.store.http import Server
from local.store.objects import Objects

from .conftest import JOB_SPEC, World


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
        assert it.stdout.readline().split()[3] == "Stopping"


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


@pytest.fixture
def start(tmp_path: Path) -> Callable[[int], Store]:
    """start(port): a server whose objects outlive it."""
    api = Api(Objects(1000))
    return lambda port: Store(Server(("127.0.0.1", port), api, tmp_path))


def test_a_server_that_is_away_is_told_once_and_so_is_its_return(
    start: Callable[[int], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        with start(0) as store:
            port = int(store.url.rpartition(":")[2])
            monkeypatch.setenv("KUBECONFIG", str(store.kubeconfig(tmp_path / "kubeconfig")))
            world = World(KubeClient(Connection(store.url)), tmp_path / "kubeconfig")
            for kind in crds.KINDS:
                world.client.create(resources.CRDS, crds.load(kind))
            world.add(resources.FLINK_JOBS, "demo-one", JOB_SPEC)
            it = stack.enter_context(following())
            assert it.stdout and it.stderr
            it.stdout.readline(), it.stdout.readline()
        assert it.stderr.readline().startswith("the connection is lost, trying again for 60 s: cannot reach")
        with start(port):
            assert it.stderr.readline() == "the connection is back\n"
            world.become("demo-one", "Stopping")
            assert it.stdout.readline().split()[3] == "Stopping"


def test_one_that_stays_away_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    now, away = 0.0, Unreachable("nobody is there", sent=False)
    met = contact.Contact(lambda: now)
    met.hear(None)
    met.hear(away)
    now = contact.PATIENCE - 1
    met.hear(away)
    met.hear(None)
    met.hear(away)
    now = 2 * contact.PATIENCE
    with pytest.raises(Failed, match="nobody is there; no answer for 60 s"):
        met.hear(away)
    lost = "the connection is lost, trying again for 60 s: nobody is there\n"
    assert capsys.readouterr().err == f"{lost}the connection is back\n{lost}"
