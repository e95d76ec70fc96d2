"""The bootstrap's program, killed at any call and while it writes its last word: in the end the job runs with the one
JAR of that content, whatever lies beside it."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import pytest

from clients.flink import Jar
from supervisor import bootstrap

from .fakes import Killed, Knife

CONTENT = b"PK the job"


class Jars:
    """The JARs of a JobManager: each has an id of its own, and is there when all of it is."""

    def __init__(self, knife: Knife) -> None:
        self.knife, self.count = knife, itertools.count(1)
        self.stored: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> str:
        found = f"{next(self.count)}_{name}"
        self.stored[found] = content
        return found

    def jars(self) -> tuple[Jar, ...]:
        with self.knife.at_call("flink jars"):
            return tuple(Jar(found, found.partition("_")[2], int(found.partition("_")[0])) for found in self.stored)

    def upload(self, path: Path, name: str) -> str:
        with self.knife.at_call("flink upload, its first half"):
            content = path.read_bytes()
        with self.knife.at_call("flink upload, its second half"):
            return self.put(name, content)


class Message:
    """The termination message of one pod."""

    def __init__(self, knife: Knife) -> None:
        self.knife, self.text = knife, ""

    def write_text(self, text: str) -> None:
        with self.knife.at_call("message, its first half"):
            self.text = text[: len(text) // 2]
        with self.knife.at_call("message, its second half"):
            self.text = text


CALLS = (
    "flink jars",
    *(f"{call}, its {half} half" for call in ("flink upload", "message") for half in ("first", "second")),
)


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "app.jar"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def pods(stage, jar, monkeypatch):
    """A stage whose bootstrap pods run the program, with a knife at its calls; an older JAR of that name is there, one
    that somebody uploaded by hand, and an older one of another content that the bootstrap carried."""
    made, knife = stage(), Knife()
    jars = Jars(knife)
    older = jar.with_name("older")
    older.mkdir()
    (older / jar.name).write_bytes(b"PK an older one")
    jars.put(bootstrap.content_name(older / jar.name), b"PK an older one")
    jars.put(jar.name, b"PK by hand")
    monkeypatch.setattr(bootstrap, "FlinkClient", lambda _: jars)

    def carry(number: int) -> dict[str, Any]:
        message = Message(knife)
        try:
            code = bootstrap.run("http://jobmanager-demo:8081", jar, message)  # type: ignore[arg-type]
        except Killed:
            made.kills, code = made.kills + 1, 137
        made.flink.carried = set(jars.stored)
        return {"exitCode": code, "message": message.text}

    made.carry, made.jars, made.bootstrap_knife = functools.cache(carry), jars, knife
    made.edit(restart={"restartPolicy": "OnlyIfFailed", "restartDelay": 1, "restartTimeout": 180})
    return made


def test_undisturbed_it_makes_these_calls(pods):
    pods.play(pods.is_ready)
    assert (pods.bootstrap_knife.seen, pods.status.delivery.number) == (list(CALLS), 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call(pods, jar, killed, call, when):
    knife = pods.bootstrap_knife
    knife.at, knife.when, knife.do = CALLS.index(call), when, killed
    pods.play(pods.is_ready)
    ours = [found for found, content in pods.jars.stored.items() if content == CONTENT]
    assert pods.kills == 1
    assert ours == [pods.status.jar_id]
    assert ours[0].partition("_")[2] == bootstrap.content_name(jar)
    assert [run.status for run in pods.flink.history] == ["RUNNING"]
    assert pods.status.delivery.number == 2
