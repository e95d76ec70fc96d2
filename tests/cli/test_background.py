"""Why the local runtime cannot start, in one line."""

from __future__ import annotations

import fcntl
import json
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import crds
from cli.errors import Failed
from cli.local import background
from cli.main import root
from clients.kube import KubeClient, client, connect, resources
from local.store import serve

from .conftest import JOB_SPEC

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "wordcount" / "base" / "flinkdeployment.yaml")
Usage = namedtuple("Usage", "total used free")


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(background.shutil, "disk_usage", lambda path: Usage(1 << 30, 1 << 30, 7 << 20))
    with pytest.raises(Failed, match=rf"^{tmp_path}: 7 MB are free, the local runtime needs 100 MB$"):
        background.up(tmp_path, 0, {}, 1.0)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    told = f"{tmp_path}/file/x: cannot be made: Not a directory; --directory names another folder"
    result = CliRunner().invoke(root, ["local", "up", f"--directory={tmp_path}/file/x"])
    assert (result.exit_code, result.stderr) == (1, f"error: {told}\n")


def test_a_folder_that_nobody_may_write(tmp_path, monkeypatch):
    monkeypatch.setattr(background.os, "access", lambda path, mode: path != tmp_path)
    result = CliRunner().invoke(root, ["local", "up", f"--directory={tmp_path}"])
    told = f"error: {tmp_path}: is not writable; --directory names another folder\n"
    assert (result.exit_code, result.stderr) == (1, told)


def test_a_demo_without_room_for_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(background.os, "access", lambda path, mode: path != tmp_path)
    result = CliRunner().invoke(root, ["demo"])
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: {tmp_path}: is not writable; TMPDIR names another folder\n",
    )


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


def test_up_says_whether_it_was_up(up_already):
    result = CliRunner().invoke(root, ["local", "up", f"--directory={up_already}"])
    assert (result.stdout, "the local runtime was up already" in result.stderr) == ("/a/kubeconfig\n", True)


def test_ctrl_c_leaves_none_that_comes_up_later(tmp_path, monkeypatch, capsys):
    process = SimpleNamespace(ended=False, poll=lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    process.terminate = lambda: setattr(process, "ended", True)
    monkeypatch.setattr(background.subprocess, "Popen", lambda *_, **__: process)
    with pytest.raises(KeyboardInterrupt):
        background.up(tmp_path, 0, {}, 1.0)
    assert (process.ended, capsys.readouterr().err) == (True, "interrupted; the local runtime is not up\n")


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


def test_whoever_asks_one_that_is_down_is_told_how_it_starts(tmp_path, monkeypatch):
    with serve(logs=tmp_path) as store:
        kubeconfig = store.kubeconfig(tmp_path / "kubeconfig")
    (tmp_path / background.LOCK).touch()
    down = f"refused; the local runtime is down: flinkctl local up --directory {tmp_path} starts it"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(client, "pause", lambda *_: 0.0)  # between its tries
    for arguments in (["get"], ["doctor"], ["job", "stop", "x"], ["apply", "-f", EXAMPLE]):
        assert f"{down}, unset KUBECONFIG goes back" in CliRunner().invoke(root, arguments).output
    monkeypatch.delenv("KUBECONFIG")
    assert CliRunner().invoke(root, ["get", f"--kubeconfig={kubeconfig}"]).stderr.endswith(f"{down}\n")
    (tmp_path / background.LOCK).unlink()
    assert CliRunner().invoke(root, ["get", f"--kubeconfig={kubeconfig}"]).stderr.endswith(" refused\n")


def test_one_that_is_up_and_silent_is_not_called_down(up_already):
    assert background.advice(up_already / "kubeconfig") == ""


def test_what_the_jobs_leave_behind_is_named(tmp_path, monkeypatch):
    with serve(logs=tmp_path) as store:
        kubeconfig = store.kubeconfig(tmp_path / "kubeconfig")
        kube = KubeClient(connect(str(kubeconfig)))
        kube.create(resources.CRDS, crds.load("FlinkJob"))
        for name, points in (("one", [{"path": "file:/state/savepoint-1", "type": "SAVEPOINT"}]), ("two", [])):
            body = {"apiVersion": "nextbreakpoint.com/v1", "kind": "FlinkJob", "metadata": {"name": name}}
            made = kube.create(resources.FLINK_JOBS, {**body, "spec": JOB_SPEC}, namespace="default")
            status = {"recoveryPoints": points}
            kube.replace(resources.FLINK_JOBS, {**made, "status": status}, namespace="default", subresource="status")
        monkeypatch.setattr(background, "status", lambda directory: background.Found(1, store.url, str(kubeconfig)))
        told = "flinkjob.nextbreakpoint.com/one: its newest recovery point is file:/state/savepoint-1"
        assert background.left(tmp_path) == [told]
    monkeypatch.setattr(client, "pause", lambda *_: 0.0)  # between its tries
    assert background.left(tmp_path) == []
