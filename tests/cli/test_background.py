"""Why the local runtime cannot start, in one line."""

from __future__ import annotations

import fcntl
import json
from collections import namedtuple
from types import SimpleNamespace

import pytest

from cli.errors import Failed
from cli.local import background

Usage = namedtuple("Usage", "total used free")


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(background.shutil, "disk_usage", lambda path: Usage(1 << 30, 1 << 30, 7 << 20))
    with pytest.raises(Failed, match=rf"^{tmp_path}: 7 MB are free, the local runtime needs 100 MB$"):
        background.up(tmp_path, 0, {}, 1.0)


def test_the_extra_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(background, "find_spec", lambda name: None)
    with pytest.raises(Failed, match=r"pip install 'flink-metacontroller\[local\]'"):
        background.up(tmp_path, 0, {}, 1.0)


@pytest.fixture
def up_already(tmp_path):
    """Another process that holds the lock."""
    with (tmp_path / background.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump({"pid": 7, "url": "http://127.0.0.1:1", "kubeconfig": "/a/kubeconfig"}, lock)
        lock.flush()
        yield tmp_path


def test_one_that_is_up_is_told(up_already):
    """`export KUBECONFIG=$(flinkctl local up)` must not end in an empty KUBECONFIG."""
    assert str(background.up(up_already, 0, {}, 1.0)) == "/a/kubeconfig"
    with pytest.raises(Failed, match=r"up already \(pid 7\), perhaps with other options"):
        background.up(up_already, 8080, {}, 1.0)


def test_what_one_that_was_killed_has_left_is_not_believed(tmp_path, monkeypatch):
    (tmp_path / background.LOCK).write_text('{"pid": 7, "url": "", "kubeconfig": ""}')
    seen = []

    def runtime(directory, images, *, port):
        seen.append(background.status(directory))
        raise OSError(98, "Address already in use")

    monkeypatch.setitem(background.sys.modules, "local.runtime", SimpleNamespace(Runtime=runtime))
    monkeypatch.setattr(background.signal, "signal", lambda *_: None)
    with pytest.raises(Failed, match="Address already in use"):
        background.serve(tmp_path, 1, {})
    assert seen == [None]
