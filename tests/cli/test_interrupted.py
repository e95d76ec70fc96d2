"""Ctrl-C ends with 130, and says what it leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

from clients.kube import KubeClient, resources

from .conftest import JOB_SPEC, Run, World, as_yaml, manifest

TITLE = "flinkjob.nextbreakpoint.com"


def interrupted(arguments: list[str], seen: str) -> tuple[int, str]:
    """flinkctl as a process, interrupted after the first line on stderr that has this text; what came after."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as it:
        assert it.stderr
        while seen not in it.stderr.readline():
            assert it.poll() is None
        it.send_signal(signal.SIGINT)
        return it.wait(20), it.stderr.read()


def test_who_waits_is_told_that_it_goes_on(world: World) -> None:
    world.job()
    code, told = interrupted(["job", "stop", "demo-one", "--wait"], "Started")
    last = f"interrupted; {TITLE}/demo-one goes on: Started: the supervisor has not taken up STOP yet\n"
    assert (code, told) == (130, last)


def test_what_apply_did_not_reach_is_told(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create = KubeClient.create

    def second(client: KubeClient, resource: resources.Resource, body: Any, **how: Any) -> Any:
        if body["metadata"]["name"] == "b":
            raise KeyboardInterrupt
        return create(client, resource, body, **how)

    monkeypatch.setattr(KubeClient, "create", second)
    text = as_yaml(*(manifest("FlinkJob", name, JOB_SPEC) for name in "abcd"))
    result = run("apply", "-f", "-", input=text)
    assert (result.exit_code, result.stdout) == (130, f"{TITLE}/a created\n")
    assert result.stderr.splitlines() == [
        f"interrupted; may be done or not: {TITLE}/b",
        f"interrupted; not done: {TITLE}/c, {TITLE}/d",
    ]


def test_so_it_is_for_a_verb_of_several_objects(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        world.job(name)
    monkeypatch.setattr(KubeClient, "patch", lambda *given, **how: (_ for _ in ()).throw(KeyboardInterrupt))
    result = run("job", "stop", "a", "b")
    assert (result.exit_code, result.stdout) == (130, "")
    assert f"may be done or not: {TITLE}/a\n" in result.stderr
    assert f"not done: {TITLE}/b\n" in result.stderr


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("job create new -f -", f"{TITLE}/new"),
        ("job update demo-one -f -", f"{TITLE}/demo-one"),
        ("savepoint trigger demo-one", f"the savepoint of {TITLE}/demo-one"),
    ],
)
def test_so_it_is_for_a_request_of_one(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, command: str, left: str
) -> None:
    world.job()
    for method in ("create", "patch"):
        monkeypatch.setattr(KubeClient, method, lambda *given, **how: (_ for _ in ()).throw(KeyboardInterrupt))
    result = run(*command.split(), input=as_yaml(JOB_SPEC))
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == f"interrupted; may be done or not: {left}\n"
