"""flinkctl plan: what an apply would do, before it is done."""

from __future__ import annotations

from typing import Any

import click

from cli import options
from cli.errors import FAILED, Misused
from cli.options import Shape, Where


class Wrong(Misused):
    """A wrong command line is 1 here, so that 2 says one thing only."""

    exit_code = FAILED


class Plan(click.Command):
    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except click.UsageError as error:
            raise Wrong(error) from None


@click.command(cls=Plan)
@options.manifests
@click.option(
    "--state",
    "folder",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Files of `kubectl get fd,fc,fj,pods,services,deployments -o yaml` instead of the live state.",
)
@options.where()
@options.shape("text", "json", "yaml")
def command(paths: tuple[str, ...], folder: str | None, where: Where, shape: Shape) -> None:
    """Say what an apply would do: objects, pods, and which jobs stop and from where they come back.

    The real hooks and the supervisor's decisions run here, on a copy of the state; nothing is sent. It is foreseen
    that all goes well: pods start, savepoints succeed.

    Exit codes: 0 nothing would change, 2 something would, 1 the manifests or the command line are wrong.
    """
    from cli.plan.run import plan

    plan(where, paths, folder, shape)
