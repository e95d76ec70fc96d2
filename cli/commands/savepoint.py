"""flinkctl savepoint: take, list, forget and dispose of what a job can come back from."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Manner, Shape, Where


@click.group()
def command() -> None:
    """Savepoints: trigger, list, forget, dispose."""


@command.command()
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.manner(waits=True)
def trigger(names: tuple[str, ...], where: Where, manner: Manner) -> None:
    """Take a savepoint of a running job, and print its path."""
    from cli import savepoints

    savepoints.trigger(nouns.session(where), names[0], manner)


@command.command("list")
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.shape()
def listed(names: tuple[str, ...], where: Where, shape: Shape) -> None:
    """List the savepoints and retained checkpoints of a job, newest first."""
    from cli import savepoints

    savepoints.show(nouns.session(where), names[0], shape)


@command.command()
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.manner(asks=True)
def forget(names: tuple[str, ...], where: Where, manner: Manner) -> None:
    """Forget all of them: the next start of the job is an empty one. Their files stay."""
    from cli import savepoints

    savepoints.forget(nouns.session(where), names[0], manner)


@command.command()
@nouns.named(nouns.JOB, many=False)
@click.option("--path", required=True, metavar="PATH", help="The savepoint, as `savepoint list` showed it.")
@options.where()
@options.manner(waits=True, asks=True)
def dispose(names: tuple[str, ...], path: str, where: Where, manner: Manner) -> None:
    """Delete the files of a savepoint, through the Flink of the job's cluster.

    Refused for what a job of the namespace may have to come back from.
    """
    from cli import savepoints

    savepoints.dispose(nouns.session(where), names[0], path, manner)
