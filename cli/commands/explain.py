"""flinkctl explain: why an object is as it is."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Shape, Where


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND/NAME")
@options.where()
@options.shape("text", "json", "yaml")
def command(words: tuple[str, ...], where: Where, shape: Shape) -> None:
    """Say what an object waits for, why, and what to do next.

    From its conditions and those of its cluster, pods and their trouble, events, and Flink's own exceptions.
    KIND is deployment (fd), cluster (fc) or job (fj); KIND NAME will do too, and a NAME that only one of them has.
    """
    from cli import called
    from cli.explain.run import explain

    session = nouns.session(where)
    explain(session, *called.one(session, words), shape)
