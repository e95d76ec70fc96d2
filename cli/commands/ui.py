"""flinkctl ui: Flink's web UI, on this machine."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Where


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND/NAME")
@click.option("--port", default=0, show_default="a free one", help="Port on this machine.")
@options.where()
def command(words: tuple[str, ...], port: int, where: Where) -> None:
    """Serve Flink's web UI of a cluster (fc) or job (fj) on this machine, until Ctrl-C; prints its address.

    It goes through the API server, so nothing of Flink has to be exposed. It is to look at only.
    """
    from cli import kinds
    from cli.ui import ui
    from clients.kube import resources

    word, names = kinds.split(words)
    resource = kinds.kind(word)
    if len(names) != 1 or resource not in (resources.FLINK_CLUSTERS, resources.FLINK_JOBS):
        raise click.UsageError("give one cluster/NAME or job/NAME")
    ui(nouns.session(where), resource, names[0], port)
