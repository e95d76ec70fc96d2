"""flinkctl demo: the main job, on this machine, with real Flink."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Two jobs with state: savepoint, stop, start, rescale, a killed JobManager, and clean up.

    Every step checks itself; the exit code is 0 only if all of them held. Nothing is left behind.
    """
    from cli.demo.run import run

    run()
