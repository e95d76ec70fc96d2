"""flinkctl taskmanager: what the TaskManagers of a cluster are, as Flink sees them."""

from __future__ import annotations

import functools
from typing import Any

import click

from cli import nouns, options, reading
from cli.nouns import Function
from cli.options import Shape, Where


@click.group()
def command() -> None:
    """The TaskManagers of a FlinkCluster: list, details, metrics."""


@command.command("list")
@nouns.named(nouns.CLUSTER, many=False)
@options.where()
@options.shape()
def listed(names: tuple[str, ...], where: Where, shape: Shape) -> None:
    """List the TaskManagers that have registered. NAME is the cluster's."""
    from cli import taskmanagers

    taskmanagers.show(nouns.session(where), names[0], shape)


def _one(function: Function) -> Function:
    """CLUSTER and ID, or the Toolbox's options; the command takes `cluster` and `id`, '' for the only one."""

    @functools.wraps(function)
    def command(*, words: tuple[str, ...], cluster_name: str | None, taskmanager_id: str | None, **rest: Any) -> Any:
        given = [*([cluster_name] if cluster_name else []), *words, *([taskmanager_id] if taskmanager_id else [])]
        if not 1 <= len(given) <= 2:
            raise click.UsageError("give CLUSTER [ID], or --cluster-name and --taskmanager-id")
        return function(cluster=given[0], id=given[1] if len(given) > 1 else "", **rest)

    result: Function = click.option("--taskmanager-id", metavar="ID", help="Instead of ID.")(command)
    result = click.option("--cluster-name", metavar="NAME", help="Instead of CLUSTER.")(result)
    return click.argument("words", nargs=-1, metavar="CLUSTER [ID]")(result)


@command.command()
@_one
@options.where()
@options.shape("json", "yaml")
def details(cluster: str, id: str, where: Where, shape: Shape) -> None:
    """Print what Flink tells about a TaskManager. ID may be left out where there is one only."""
    from cli import flink, output, taskmanagers

    opened = nouns.session(where)
    found = flink.taskmanager_details(opened, cluster, taskmanagers.chosen(opened, cluster, id))
    output.data(output.document(found, shape.format))


@command.command()
@_one
@options.where()
@reading.metrics_shape
def metrics(cluster: str, id: str, where: Where, shape: Shape) -> None:
    """Print the metrics of a TaskManager's JVM. ID may be left out where there is one only."""
    from cli import flink, taskmanagers

    opened = nouns.session(where)
    found = flink.taskmanager_metrics(opened, cluster, taskmanagers.chosen(opened, cluster, id))
    reading.print_metrics(found, shape)
