"""Why the local runtime cannot start, in one line."""

from __future__ import annotations

from collections import namedtuple

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
