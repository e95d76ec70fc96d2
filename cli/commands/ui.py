"""flinkctl ui: Flink's web UI, on this machine."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Where


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND/NAME")
@click.option(
    "--port", type=options.Number(0, 65535), default=0, show_default="a free one", help="Port on this machine."
)
@options.where()
def command(words: tuple[str, ...], port: int, where: Where) -> None:
    """Serve Flink's web UI of a cluster (fc) or job (fj) on this machine, until Ctrl-C; prints its address.

    It goes through the API server, so nothing of Flink has to be exposed. It is to look at only.
    """
    from cli import called, kinds
    from cli.ui import ui

    session = nouns.session(where)
    ui(session, *called.one(session, words, kinds.WITH_PODS), port)
