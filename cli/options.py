"""The options that the client commands share, each group handed on as one frozen record. Imports no client."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from cli.habits import Option

Function = Callable[..., Any]
option = functools.partial(click.option, cls=Option)

VERBOSE = "flinkctl.verbose"
NONE, CLIENT, SERVER = DRY_RUNS = ("none", "client", "server")
TIMEOUT = 300.0  # seconds that --wait takes at most
FORMATS = ("table", "wide", "json", "yaml", "name")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


class Where(NamedTuple):
    """Which cluster, and which namespace: None for that of the context."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False


class Shape(NamedTuple):
    """How objects are printed: a format of FORMATS, with or without the head of a table."""

    format: str = "table"
    no_headers: bool = False


class Manner(NamedTuple):
    """How a change is made: with or without waiting (so many seconds), for real or not, with or without a question."""

    wait: bool = False
    timeout: float = TIMEOUT
    dry_run: str = NONE
    yes: bool = False

    @property
    def waits(self) -> bool:
        return self.wait and self.dry_run == NONE

    @property
    def note(self) -> str:
        """What is added to what was done."""
        return {NONE: "", CLIENT: " (dry run)", SERVER: " (server dry run)"}[self.dry_run]


class Duration(click.ParamType[float]):
    """A duration as Go and kubectl write it (90s, 1m30s, 500ms), in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if not _DURATION.fullmatch(value):
            self.fail(f"{value!r} is no duration; write 90s, 5m or 1h30m", param, ctx)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
        if not seconds:
            self.fail("must be longer than nothing", param, ctx)
        return seconds


class Number(click.IntRange):
    """A whole number, within limits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is no number", param, ctx)
        found: int = super().convert(value, param, ctx)
        return found


def where(*, all_namespaces: bool = False) -> Callable[[Function], Function]:
    """-n, --context, --kubeconfig and -v, and -A if asked for; the command takes `where: Where`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*, kubeconfig: str, context: str, namespace: str, **rest: Any) -> Any:
            everywhere = rest.pop("all_namespaces", False)
            return function(where=Where(kubeconfig, context, namespace, everywhere), **rest)

        added: list[Callable[[Function], Any]] = [
            option("-n", "--namespace", metavar="NAME", help="Namespace; else that of the context."),
            click.option("--context", metavar="NAME", help="Context of the kubeconfig; else its current one."),
            click.option("--kubeconfig", metavar="FILE", help="Instead of $KUBECONFIG and ~/.kube/config."),
            verbose,
        ]
        if all_namespaces:
            added.insert(1, click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces."))
        return _with(command, added)

    return decorate


def verbose(function: Function) -> Function:
    """-v, on the root and on every command: remembered for the one place that reports errors."""

    def remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            context.meta[VERBOSE] = True

    return click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=remember, help="Show the traceback of an error."
    )(function)


def manifests(function: Function) -> Function:
    """-f, once or more; the command takes `paths: tuple[str, ...]`, for `cli.manifests.read`."""
    return option(
        "-f",
        "--filename",
        "paths",
        multiple=True,
        required=True,
        metavar="FILE|DIR|URL|-",
        help="Manifests; may be repeated.",
    )(function)


def shape(*formats: str) -> Callable[[Function], Function]:
    """-o and --no-headers; the command takes `shape: Shape`. The first format is the default."""
    choices = formats or FORMATS

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*, output: str, no_headers: bool = False, **rest: Any) -> Any:
            return function(shape=Shape(output, no_headers), **rest)

        added = [
            option("-o", "--output", type=click.Choice(choices), default=choices[0], show_default=True, help="Format.")
        ]
        if "table" in choices:
            added.append(click.option("--no-headers", is_flag=True, help="Tables without their head."))
        return _with(command, added)

    return decorate


selector = option("-l", "--selector", metavar="LABELS", help="Only objects with these labels: a=b,c!=d.")
watch = click.option("-w", "--watch", is_flag=True, help="Go on and print each change, until Ctrl-C.")


def manner(*, waits: bool = False, asks: bool = False) -> Callable[[Function], Function]:
    """--wait/--no-wait, --timeout and --dry-run, and --yes where it asks; the command takes `manner: Manner`.

    A --timeout alone means --wait; `waits` is the default.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*, wait: bool | None, timeout: float | None, dry_run: str, yes: bool = False, **rest: Any) -> Any:
            decided = wait if wait is not None else waits or timeout is not None
            return function(manner=Manner(decided, timeout or TIMEOUT, dry_run, yes), **rest)

        usual = "wait" if waits else "no-wait"
        added = [
            click.option("--wait/--no-wait", default=None, help=f"Wait until it is done.  [default: {usual}]"),
            click.option("--timeout", type=Duration(), metavar="DURATION", help="Wait at most so long.  [default: 5m]"),
            click.option(
                "--dry-run",
                type=click.Choice(DRY_RUNS),
                default=NONE,
                show_default=True,
                help="client: send nothing; server: let the server check it and store nothing.",
            ),
        ]
        if asks:
            added.append(
                click.option("-y", "--yes", is_flag=True, help="Do not ask, which happens on a terminal only.")
            )
        return _with(command, added)

    return decorate


def address(told: str) -> Callable[[Function], Function]:
    """--address of a server; without it all addresses, of IPv6 too where the machine has it."""
    return click.option("--address", default=_every_address, show_default="every address", help=told)


def _every_address() -> str:
    import socket

    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"


def _with(function: Function, options: Sequence[Callable[[Function], Any]]) -> Function:
    for option in reversed(options):
        function = option(function)
    return function
