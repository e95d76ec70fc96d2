"""flinkctl apply: from manifests to objects."""

from __future__ import annotations

import click

from cli import options
from cli.options import Patience, Where


@click.command()
@click.option(
    "-f", "--filename", "paths", multiple=True, required=True, metavar="FILE|DIR|-", help="Manifests; may be repeated."
)
@options.where()
@options.dry_run
@options.patience()
def command(paths: tuple[str, ...], where: Where, dry_run: str, patience: Patience) -> None:
    """Create or update objects from manifests, YAML or JSON.

    Nothing is sent before all of them are checked. kubectl apply and flinkctl apply can be mixed.
    """
    from cli.apply import apply

    apply(where, paths, dry_run=dry_run, patience=patience)
