"""flinkctl status: a page about each object."""

from __future__ import annotations

import click

from cli import completion, nouns, options
from cli.options import Shape, Where


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND [NAME...]]", shell_complete=completion.kinds_then_names)
@options.where(all_namespaces=True)
@options.shape("text", "json", "yaml")
def command(words: tuple[str, ...], where: Where, shape: Shape) -> None:
    """Say how objects are and what they wait for. Exit code 1 when one is degraded or stalled.

    KIND is deployment (fd), cluster (fc) or job (fj); without NAME all of them, without KIND all kinds.
    A NAME that only one of them has will do.
    """
    from cli import called, describe

    session = nouns.session(where)
    describe.status(session, *describe.chosen(called.full(session, words)), shape)
