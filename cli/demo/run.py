"""The demo from beginning to end: runtime up, the story, everything away again."""

from __future__ import annotations

import logging
import shutil
import signal
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any

import click
import yaml

from cli.demo.scene import Scene
from cli.demo.show import Screen
from cli.demo.story import Broken, steps
from cli.errors import Failed
from cli.local.background import check
from local.runtime import Runtime

# Where the example keeps checkpoints and savepoints.
EXAMPLE_STATE = "/tmp/flink-wordcount"


def run() -> None:
    """Failed, with the step's reason, when something did not hold; the logs are kept then."""
    check(_temporary(), "TMPDIR")
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="flinkctl-demo-"))
    _log_to(directory / "runtime.log")
    click.echo("starting the local runtime: API store, Metacontroller's loop, kubelet, hooks", err=True)
    try:
        with Runtime(directory, {}) as runtime:
            scene = Scene(runtime.client)
            scene.start()
            try:
                _tell(scene, manifest(directory / "state"))
            finally:
                scene.stop()
    except Broken as error:
        raise Failed(f"{error}\nthe logs are in {directory}") from None
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, KeyboardInterrupt):
            click.echo("interrupted; no process and no file of the demo is left", err=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    click.echo(f"all steps held; {time.monotonic() - started:.0f} s in all")


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise Failed("no folder for temporary files is writable; TMPDIR names another one") from error


def _tell(scene: Scene, resource: dict[str, Any]) -> None:
    with Screen(scene) as screen:
        for what, step in steps(scene, resource):
            screen.begin(what)
            screen.done(step())


def manifest(state: Path) -> dict[str, Any]:
    """The example, with its state in a folder of this run."""
    text = files("examples").joinpath("wordcount", "base", "flinkdeployment.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text.replace(EXAMPLE_STATE, str(state)))
    return found


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _log_to(path: Path) -> None:
    logging.basicConfig(level=logging.INFO, filename=path, format="%(asctime)s %(levelname)s %(name)s - %(message)s")
