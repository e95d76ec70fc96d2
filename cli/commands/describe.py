"""flinkctl describe: a page about each object."""

from __future__ import annotations

import click

from cli import completion, nouns, options
from cli.options import Where


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND [NAME...]]", shell_complete=completion.kinds_then_names)
@options.where()
def command(words: tuple[str, ...], where: Where) -> None:
    """Tell all about an object: state, conditions, recovery points, pods, the last events.

    KIND is deployment (fd), cluster (fc) or job (fj); without NAME all of them, without KIND all kinds.
    A NAME that only one of them has will do.
    """
    from cli import called, describe

    session = nouns.session(where)
    describe.describe(session, *describe.chosen(called.full(session, words)))
