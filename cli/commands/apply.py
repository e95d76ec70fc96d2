"""flinkctl apply: from manifests to objects."""

from __future__ import annotations

import click

from cli import options
from cli.options import Manner, Where


@click.command()
@options.manifests
@options.where()
@options.manner()
def command(paths: tuple[str, ...], where: Where, manner: Manner) -> None:
    """Create or update objects from manifests, YAML or JSON.

    Nothing is sent before all of them are checked. kubectl apply and flinkctl apply can be mixed.
    """
    from cli.apply import apply

    apply(where, paths, manner)
