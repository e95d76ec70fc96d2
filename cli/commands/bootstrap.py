"""flinkctl bootstrap run: carries one JAR to a JobManager."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def command() -> None:
    """The carrier of a JAR (runs in a Job of its own)."""


@command.command()
@click.option("--flink-url", required=True, help="The JobManager's REST address, as http://host:8081.")
@click.option("--jar-path", required=True, type=click.Path(path_type=Path), help="The JAR to upload.")
@click.option(
    "--message-path",
    default="/dev/termination-log",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the result is written.",
)
def run(flink_url: str, jar_path: Path, message_path: Path) -> None:
    """Upload a JAR unless the JobManager has it, and write its id to the termination message."""
    from supervisor import bootstrap

    sys.exit(bootstrap.run(flink_url, jar_path, message_path))
