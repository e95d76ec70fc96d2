"""flinkctl top: clusters and jobs with what Flink says of them."""

from __future__ import annotations

import click

from cli import nouns, options
from cli.options import Duration, Where


@click.command()
@click.option("--once", is_flag=True, help="Print it once and end, as it does where it is not on a terminal.")
@click.option("--interval", type=Duration(), default="2s", show_default=True, help="Between two looks.")
@options.where(all_namespaces=True)
def command(once: bool, interval: float, where: Where) -> None:
    """Show clusters and jobs live: slots, checkpoints, busy tasks, back-pressure, restarts.

    The figures are Flink's: FAILED counts checkpoints that came due before all tasks ran, too; BUSY is of the busiest
    task, and a source that waits in code of its own is busy.
    """
    from cli.top import top

    top(nouns.session(where), interval=interval, once=once)
