"""Where a version of Flink is: what the extra `local` installed, or what pip puts into the user's cache, once."""

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from local.kubelet.guard import Guard
from local.kubelet.launch import ImagePending, ImageProblem

log = logging.getLogger(__name__)

_PACKAGE = "apache-flink-libraries"
_INSTALL_SECONDS = 1800.0
_REMEMBERED = 5.0  # seconds of a failed installation, for every pod that waits for it
_installations: dict[Path, Future[None]] = {}
_lock = threading.Lock()


class Home(NamedTuple):
    """One Flink on this machine: its version as asked for, the folder with lib/, opt/, plugins/, and where to cache."""

    version: str
    folder: Path
    cache: Path


def find_home(version: str) -> Home:
    """The installed Flink if it is exactly that one (2.3 is any 2.3.x), else that of the cache.

    Raises ImagePending while pip puts it there, ImageProblem when pip could not.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flink-metacontroller"
    spec = importlib.util.find_spec("pyflink")
    if spec is not None and spec.submodule_search_locations and f"{_installed_version()}.".startswith(f"{version}."):
        return Home(version, Path(next(iter(spec.submodule_search_locations))), cache)
    target = cache / f"flink-{version}"
    if not target.is_dir():
        _install_aside(version, target)
    return Home(version, target / "pyflink", cache)


def _installed_version() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _install_aside(version: str, target: Path) -> None:
    """One installation for all pods that ask, and none of them is held up by it: each asks again until it is there."""
    with _lock:
        running = _installations.get(target)
        if running is None:
            running = _installations[target] = Future()
            name = f"install-{target.name}"
            threading.Thread(target=_install, args=(version, target, running), name=name, daemon=True).start()
    if not running.done():
        raise ImagePending(f"pip installs Flink {version} to {target}, once; this may take minutes")
    running.result()


def _install(version: str, target: Path, done: Future[None]) -> None:
    try:
        _install_alone(version, target)
        done.set_result(None)
    except (ImageProblem, OSError) as problem:
        log.warning("%s", problem)
        done.set_exception(ImageProblem(str(problem)))
        time.sleep(_REMEMBERED)
    finally:
        _installations.pop(target)


def _install_alone(version: str, target: Path) -> None:
    """No other runtime of this user does it at the same time, and nothing is called `target` before it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return
        shutil.rmtree(partial, ignore_errors=True)
        log.info("pip installs Flink %s to %s (once)", version, target)
        _pip(version, partial)
        partial.rename(target)
        log.info("Flink %s is installed", version)


def _pip(version: str, folder: Path) -> None:
    """pip install, as a source package (Flink 1.x has no wheel) is built: pip download would not do."""
    exact = version if version.count(".") == 2 else f"{version}.*"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--target", str(folder)]
    command = [sys.executable, "-m", "pip", "install", *options, f"{_PACKAGE}=={exact}"]
    output = folder.with_suffix(".log")
    output.unlink(missing_ok=True)
    with contextlib.closing(Guard()) as guard:
        process = guard.spawn(command, os.environ, folder.parent, output, lambda _: None)
        try:
            code = process.wait(_INSTALL_SECONDS)
        except subprocess.TimeoutExpired as problem:
            raise ImageProblem(f"pip did not install Flink {version} in {_INSTALL_SECONDS:.0f} s") from problem
    if code:
        why = _why(output.read_text(errors="replace")) or f"exit code {code}"
        raise ImageProblem(f"pip cannot install Flink {version}: {why} (all that it said: {output})")
    output.unlink()


def _why(told: str) -> str:
    """In one line; without a registry pip ends with a version that it does not find."""
    if "connection broken by" in told:
        return "no package registry answers; PIP_INDEX_URL names another one"
    lines = told.splitlines()
    return next((line for line in reversed(lines) if line.startswith("ERROR")), ["", *lines][-1])
