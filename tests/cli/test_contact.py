"""An API server that is away, or has no time: told once, waited for, and given up with a reason."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import crds
from cli import contact, tables
from cli.errors import Failed
from cli.top import Seen, Shown, again
from clients.kube import Connection, Forbidden, KubeClient, KubeError, ServerError, TooManyRequests, Unreachable
from clients.kube import resources as r
from local.store import Store
from local.store.api import Api
from local.store.http import Server
from local.store.objects import Objects

from .conftest import JOB_SPEC, Run, World

TITLE = "flinkjob.nextbreakpoint.com/demo-one"
BACK = "the API server answers again\n"
GONE = Unreachable("nobody is there", sent=False)


class Away:
    """A server whose objects outlive it, and the commands that ask it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._api, self._folder, self._stack = Api(Objects(1000)), folder, stack
        self._port = 0

    @contextmanager
    def up(self) -> Iterator[World]:
        with Store(Server(("127.0.0.1", self._port), self._api, self._folder)) as store:
            self._port = int(store.url.rpartition(":")[2])
            yield World(KubeClient(Connection(store.url)), store.kubeconfig(self._folder / "kubeconfig"))

    def flinkctl(self, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Ends with the test."""
        command = [sys.executable, "-m", "cli.main", *arguments, f"--kubeconfig={self._folder / 'kubeconfig'}"]
        it = self._stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True))
        self._stack.callback(it.kill)
        return it


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    with ExitStack() as stack:
        found = Away(stack, tmp_path)
        with found.up() as world:
            for kind in crds.KINDS:
                world.client.create(r.CRDS, crds.load(kind))
            world.add(r.FLINK_JOBS, "demo-one", JOB_SPEC)
            world.become("demo-one", "Started")
        yield found


def test_who_watches_is_told_once_and_goes_on(away: Away) -> None:
    with away.up():
        it = away.flinkctl("get", "fj", "-w")
        assert it.stdout and it.stderr
        it.stdout.readline(), it.stdout.readline()
    assert it.stderr.readline().startswith("no answer from the API server, trying again for 60 s: cannot reach")
    with away.up() as world:
        assert it.stderr.readline() == BACK
        world.become("demo-one", "Stopping")
        assert it.stdout.readline().split()[3] == "Stopping"
        it.send_signal(signal.SIGINT)
        assert it.wait(20) == 130


def test_so_is_who_waits(away: Away) -> None:
    with away.up():
        it = away.flinkctl("job", "stop", "demo-one", "--timeout=60s")
        assert it.stderr
        assert "the supervisor has not taken up STOP yet" in it.stderr.readline()
    assert it.stderr.readline().startswith("no answer from the API server, trying again: cannot reach")
    with away.up() as world:
        assert it.stderr.readline() == BACK
        world.become("demo-one", "Stopping")
        world.consume(r.FLINK_JOBS, "demo-one")
        world.become("demo-one", "Stopped")
        assert it.wait(20) == 0


def test_a_wait_that_is_over_says_how_it_was_and_why_nothing_is_known_since(away: Away) -> None:
    with away.up():
        it = away.flinkctl("job", "stop", "demo-one", "--timeout=4s")
        assert it.stderr
        it.stderr.readline()
    told = it.stderr.read().splitlines()
    was = "it was Started: the supervisor has not taken up STOP yet"
    assert told[-1].startswith(f"error: {TITLE}: not done after 4s; {was}; cannot reach the Kubernetes API at http://")
    assert (it.wait(20), len(told)) == (1, 2)


def test_on_a_terminal_it_is_told_above_the_live_lines(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = on_a_terminal(away)
    assert b"\x1b[2Kno answer from the API server, trying again: cannot reach" in screen
    assert screen.count(b"flinkjob/demo-one") > 5


def test_a_terminal_that_is_dumb_gets_plain_lines(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    lines = on_a_terminal(away).splitlines()
    assert b"demo-one: Started: the supervisor has not taken up STOP yet" in lines[0]
    assert lines[1].startswith(b"no answer from the API server, trying again: cannot reach")


def on_a_terminal(away: Away) -> bytes:
    """What a terminal shows while somebody waits for a job and the server goes away."""
    terminal, end = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        with away.up():
            it = away.flinkctl("job", "stop", "demo-one", "--timeout=4s", stderr=end)
            os.close(end)
            seen = next(text for text in iter(lambda: screen.read(4096), b"") if b"demo-one" in text)
        with contextlib.suppress(OSError):  # is how a terminal ends
            while text := screen.read(4096):
                seen += text
    assert it.wait(20) == 1
    return seen


@pytest.mark.parametrize(
    "later",
    [
        TooManyRequests(429, "", "come later", retry_after=0.0),
        ServerError(503, "", "come later"),
        Unreachable("come later", sent=True),
    ],
)
def test_whatever_means_later_does_not_end_a_table(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, later: KubeError
) -> None:
    world.job()
    read, turns = tables.read, iter(["the first table", later, later, "Stopping"])

    def answer(*given: Any, **how: Any) -> tables.Table:
        turn = next(turns, KeyboardInterrupt())
        if isinstance(turn, BaseException):
            raise turn
        if turn == "Stopping":
            world.become("demo-one", turn)
        return read(*given, **how)

    monkeypatch.setattr(tables, "read", answer)
    result = run("get", "fj", "-w")
    assert (result.exit_code, result.stdout.splitlines()[-1].split()[3]) == (130, "Stopping")
    assert result.stderr == f"no answer from the API server, trying again for 60 s: come later\n{BACK}"


def test_top_shows_what_it_saw_last_and_why_it_is_the_last() -> None:
    first, second = (Seen((("CLUSTER",),), (("JOB",),)) for _ in range(2))
    shown = Shown(first, datetime(2026, 1, 1, 12, 30))
    looks: Iterator[Seen | KubeError] = iter([GONE, second, Forbidden(403, "Forbidden", "no more")])

    def look() -> Seen:
        found = next(looks)
        if isinstance(found, KubeError):
            raise found
        return found

    shown = again(look, shown)
    told = "12:30:00, no answer since from the API server: nobody is there; Ctrl-C ends"
    assert (shown.seen, shown.title(2)) == (first, told)
    shown = again(look, shown)
    assert shown.seen is second and "each 2s" in shown.title(2)
    with pytest.raises(Forbidden):
        again(look, shown)


def test_a_no_does(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.job()
    read, turns = tables.read, iter([True])

    def answer(*given: Any, **how: Any) -> tables.Table:
        if next(turns, False):
            return read(*given, **how)
        raise Forbidden(403, "Forbidden", "no more")

    monkeypatch.setattr(tables, "read", answer)
    result = run("get", "fj", "-w")
    assert (result.exit_code, result.stderr) == (1, "error: no more\n")


Say = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    return lambda: capsys.readouterr().err


LOST = "no answer from the API server, trying again for 60 s: nobody is there\n"


def test_one_that_stays_away_is_given_up(said: Say) -> None:
    now = 0.0
    met = contact.Contact(clock=lambda: now)
    met.hear(None)
    met.hear(GONE)
    now = contact.PATIENCE - 1
    met.hear(GONE)
    met.hear(None)
    met.hear(GONE)
    now = 2 * contact.PATIENCE
    with pytest.raises(Failed, match="nobody is there; no answer for 60 s"):
        met.hear(GONE)
    assert said() == f"{LOST}{BACK}{LOST}"


def test_of_several_who_ask_the_last_one_to_be_answered_counts(said: Say) -> None:
    met = contact.Contact()
    for who, trouble in [("a", GONE), ("b", GONE), ("a", None), ("b", GONE)]:
        met.hear(trouble, who)
    assert said() == LOST
    met.hear(None, "b")
    assert said() == BACK
