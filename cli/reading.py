"""The verbs that only look: list, get, status, describe, details, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from cli import nouns, options
from cli.nouns import Noun
from cli.options import Shape, Where


def commands(noun: Noun) -> Iterator[click.Command]:
    makers = [_list, _get, _status, _describe, *((_details, _metrics) if noun.is_job else ())]
    return (maker(noun) for maker in makers)


def _list(noun: Noun) -> click.Command:
    @options.where(all_namespaces=True)
    @options.shape()
    @options.selector
    @options.watch
    def command(where: Where, shape: Shape, selector: str | None, watch: bool, cluster_name: str | None = None) -> None:
        from cli import get

        opened = nouns.session(where)
        one = get.wanted(noun.resource(), (), selector)
        if cluster_name:
            one = get.of_cluster(opened, one, cluster_name)
        get.follow(opened, one, shape) if watch else get.show(opened, (one,), shape)

    if noun.is_job:
        command = click.option("--cluster-name", metavar="NAME", help="Only the jobs of this cluster.")(command)
    return click.command("list", help=f"List {noun.kind}s.")(command)


def _get(noun: Noun) -> click.Command:
    @click.command("get", help=f"Show one {noun.kind}, or several.")
    @nouns.named(noun)
    @options.where()
    @options.shape()
    @options.watch
    def command(names: tuple[str, ...], where: Where, shape: Shape, watch: bool) -> None:
        from cli import get

        one, opened = get.wanted(noun.resource(), names, None), nouns.session(where)
        get.follow(opened, one, shape) if watch else get.show(opened, (one,), shape)

    return command


def _status(noun: Noun) -> click.Command:
    @click.command("status", help=f"How a {noun.kind} is. Exit code 1 when it is degraded or stalled.")
    @nouns.named(noun)
    @options.where()
    @options.shape("text", "json", "yaml")
    def command(names: tuple[str, ...], where: Where, shape: Shape) -> None:
        from cli import describe

        describe.status(nouns.session(where), (noun.resource(),), names, shape)

    return command


def _describe(noun: Noun) -> click.Command:
    @click.command("describe", help=f"Tell all about a {noun.kind}: state, conditions, pods, events.")
    @nouns.named(noun)
    @options.where()
    def command(names: tuple[str, ...], where: Where) -> None:
        from cli import describe

        describe.describe(nouns.session(where), (noun.resource(),), names)

    return command


def _details(noun: Noun) -> click.Command:
    @click.command("details", help="Print what Flink tells about the running job.")
    @nouns.named(noun, many=False)
    @options.where()
    @options.shape("json", "yaml")
    def command(names: tuple[str, ...], where: Where, shape: Shape) -> None:
        from cli import flink, output

        opened = nouns.session(where)
        output.data(output.document(flink.details(opened, opened.get(noun.resource(), names[0])), shape.format))

    return command


def _metrics(noun: Noun) -> click.Command:
    @click.command("metrics", help="Print the running job's metrics.")
    @nouns.named(noun, many=False)
    @options.where()
    @metrics_shape
    def command(names: tuple[str, ...], where: Where, shape: Shape) -> None:
        from cli import flink

        opened = nouns.session(where)
        print_metrics(flink.job_metrics(opened, opened.get(noun.resource(), names[0])), shape)

    return command


metrics_shape: Callable[[nouns.Function], nouns.Function] = options.shape("table", "json", "yaml")


def print_metrics(found: dict[str, Any], shape: Shape) -> None:
    from cli import output

    if shape.format != "table":
        output.data(output.document(found, shape.format))
        return
    rows = [(name, str(value)) for name, value in sorted(found.items())]
    output.data(output.table(rows if shape.no_headers else [("METRIC", "VALUE"), *rows]))
