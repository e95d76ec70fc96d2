"""flinkctl doctor: is the installation as it has to be?"""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Shape, Where


@click.command()
@options.where(all_namespaces=True)
@options.shape("text", "json", "yaml")
def command(where: Where, shape: Shape) -> None:
    """Check an installation: CRDs, controllers, Metacontroller, hooks, leaders, your rights, supervisors.

    Exit code 1 when something has failed; each line says what to do.
    """
    from cli.doctor.run import doctor

    doctor(nouns.session(where), shape)
