"""flinkctl jobmanager: what the JobManager of a cluster tells."""

from __future__ import annotations

import click

from cli import nouns, options, reading
from cli.options import Shape, Where


@click.group()
def command() -> None:
    """The JobManager of a FlinkCluster: metrics."""


@command.command()
@nouns.named(nouns.CLUSTER, many=False)
@options.where()
@reading.metrics_shape
def metrics(names: tuple[str, ...], where: Where, shape: Shape) -> None:
    """Print the metrics of its JVM, and its slots and jobs. NAME is the cluster's."""
    from cli import flink

    reading.print_metrics(flink.jobmanager_metrics(nouns.session(where), names[0]), shape)
