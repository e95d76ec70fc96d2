"""flinkctl logs: of the pods that belong to a cluster or a job."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Number, Where

COMPONENTS = ("jobmanager", "taskmanager", "supervisor", "bootstrap")


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND/NAME")
@click.option(
    "-c",
    "--component",
    "components",
    multiple=True,
    type=click.Choice(COMPONENTS),
    help="Whose logs; may be repeated. Without it those of JobManager and TaskManagers.",
)
@click.option("--tail", type=Number(min=0), metavar="N", help="Only the last N lines of each.")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@options.where()
def command(words: tuple[str, ...], components: tuple[str, ...], tail: int | None, follow: bool, where: Where) -> None:
    """Print the logs of the pods of a cluster (fc) or of a job (fj).

    A job's are those of its cluster; its bootstrap carries the JAR. Several pods are told apart by their names.
    """
    from cli import called, kinds
    from cli.podlogs import logs

    session = nouns.session(where)
    logs(session, *called.one(session, words, kinds.WITH_PODS), components, tail=tail, follow=follow)
