"""flinkctl validate: manifests, without a cluster."""

from __future__ import annotations

import click

from cli import options
from cli.options import Shape


@click.command()
@options.manifests
@options.shape("text", "json", "yaml")
@options.verbose
def command(paths: tuple[str, ...], shape: Shape) -> None:
    """Check manifests without a cluster: schema, rules between fields, unknown fields.

    What it says is what the API server and the hooks would say. Exit code 1 when a manifest is wrong.
    """
    from cli.validating import validate

    validate(paths, shape)
