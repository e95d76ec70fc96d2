"""flinkctl savepoint: take, list and forget what a job can come back from."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Patience, Shape, Where


@click.group()
def command() -> None:
    """Savepoints: trigger, list, forget."""


@command.command()
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.patience(default=True)
def trigger(names: tuple[str, ...], where: Where, patience: Patience) -> None:
    """Take a savepoint of a running job, and print its path."""
    from cli import actions

    actions.trigger_savepoint(nouns.session(where), names[0], patience)


@command.command("list")
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.shape()
def listed(names: tuple[str, ...], where: Where, shape: Shape) -> None:
    """List the savepoints and retained checkpoints of a job, newest first."""
    from cli import actions

    actions.list_savepoints(nouns.session(where), names[0], shape)


@command.command()
@nouns.named(nouns.JOB, many=False)
@options.where()
@options.patience()
def forget(names: tuple[str, ...], where: Where, patience: Patience) -> None:
    """Forget all of them: the next start of the job is an empty one."""
    from cli import actions

    actions.forget_savepoints(nouns.session(where), names[0], patience)
