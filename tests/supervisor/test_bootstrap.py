"""The bootstrap program: one JAR, one id, one word in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clients.flink import Jar, NotReachable, Rejected, Unknown
from supervisor import bootstrap


class Uploads:
    """Stands for the JobManager: some troubles, then its JARs."""

    def __init__(self, *troubles: Exception, jars: tuple[Jar, ...] = ()) -> None:
        self.troubles, self.known, self.uploaded = list(troubles), jars, []

    def jars(self) -> tuple[Jar, ...]:
        if self.troubles:
            raise self.troubles.pop(0)
        return self.known

    def upload(self, path: Path, name: str) -> str:
        self.uploaded.append(name)
        return f"1_{name}"


@pytest.fixture
def jar(tmp_path) -> Path:
    path = tmp_path / "app.jar"
    path.write_bytes(b"PK")
    return path


def deliver(flink: Any, jar: Path, **options: Any) -> str:
    slept: list[float] = []
    return bootstrap.deliver(flink, jar, clock=lambda: sum(slept), sleep=slept.append, **options)


@pytest.mark.defect(9)
def test_the_same_content_has_the_same_name_and_another_content_another(jar, tmp_path):
    other = tmp_path / "x" / "app.jar"
    other.parent.mkdir()
    other.write_bytes(b"PK2")
    assert bootstrap.content_name(jar).endswith("-app.jar")
    assert bootstrap.content_name(jar) == bootstrap.content_name(jar) != bootstrap.content_name(other)


def test_it_uploads(jar):
    flink = Uploads()
    assert deliver(flink, jar) == f"1_{bootstrap.content_name(jar)}"


def test_what_is_there_is_not_uploaded_again(jar):
    name = bootstrap.content_name(jar)
    flink = Uploads(jars=(Jar("old", name, 1), Jar("new", name, 2), Jar("x", "app.jar", 3)))
    assert deliver(flink, jar) == "new"
    assert flink.uploaded == []


def test_it_waits_for_the_jobmanager(jar):
    flink = Uploads(NotReachable("no"), Unknown("503"), NotReachable("no"))
    assert deliver(flink, jar)
    assert len(flink.uploaded) == 1


def test_it_reads_the_jar_once_however_long_it_waits(jar, monkeypatch):
    """It may be large, and what is waited for wants the same processors."""
    reads, read = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    deliver(Uploads(NotReachable("no"), NotReachable("no")), jar)
    assert reads == [jar]


def test_it_does_not_wait_for_ever(jar):
    with pytest.raises(NotReachable):
        deliver(Uploads(*[NotReachable("no")] * 99), jar, deadline=3)


def test_a_definite_no_is_not_repeated(jar):
    flink = Uploads(Rejected(413, "too large"))
    with pytest.raises(Rejected):
        deliver(flink, jar)
    assert flink.uploaded == []


@pytest.fixture
def program(monkeypatch, tmp_path):
    def run(flink: Any, jar: Path) -> tuple[int, dict[str, str]]:
        monkeypatch.setattr(bootstrap, "FlinkClient", lambda url: flink)
        monkeypatch.setattr(bootstrap.time, "sleep", lambda seconds: None)
        message = tmp_path / "termination-log"
        code = bootstrap.run("http://jobmanager-demo:8081", jar, message)
        return code, json.loads(message.read_text())

    return run


def test_its_last_word_is_the_id(program, jar):
    assert program(Uploads(), jar) == (0, {"jarId": f"1_{bootstrap.content_name(jar)}"})


@pytest.mark.defect(9)
@pytest.mark.parametrize("trouble", [Rejected(413, "too large")])
def test_or_what_went_wrong(program, jar, trouble):
    assert program(Uploads(trouble), jar) == (1, {"error": "cannot upload the JAR app.jar: too large"})


def test_a_jar_that_is_not_there(program, tmp_path):
    code, said = program(Uploads(), tmp_path / "none.jar")
    assert code == 1
    assert said["error"].startswith("cannot read the JAR")
    assert "No such file" in said["error"]
