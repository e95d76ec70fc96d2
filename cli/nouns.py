"""deployment, cluster and job as the command line knows them. Imports no client, so that --help is fast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cli import completion
from cli.options import Where

if TYPE_CHECKING:
    from cli.session import Session
    from clients.kube import Resource

Function = Callable[..., Any]


class Noun(NamedTuple):
    """One kind as the command line knows it. `scale_option` is "" where there is nothing to scale or start."""

    word: str
    kind: str
    scale_option: str = ""

    @property
    def is_job(self) -> bool:
        return self.word == "job"

    def resource(self) -> Resource:
        from cli import kinds

        return kinds.kind(self.kind)


DEPLOYMENT = Noun("deployment", "FlinkDeployment")
CLUSTER = Noun("cluster", "FlinkCluster", "--task-managers")
JOB = Noun("job", "FlinkJob", "--parallelism")


def session(where: Where) -> Session:
    from cli.session import Session

    return Session(where)


def named(noun: Noun, *, many: bool = True, needed: bool = True) -> Callable[[Function], Function]:
    """NAME... as arguments, or with the Toolbox's options; the command takes `names`, a tuple.

    needed: at least one; else the command decides.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*, names: tuple[str, ...], **given: Any) -> Any:
            cluster = given.pop("cluster_name", None) if noun.is_job else None
            own = given.pop(f"{noun.word}_name")
            full = _full_names(noun, names, own, cluster, needed)
            if len(full) > 1 and not many:
                raise click.UsageError("one NAME at a time")
            return function(names=full, **given)

        whole = "NAME" if not noun.is_job else "NAME, which is CLUSTER-JOB for a job of a FlinkDeployment"
        result: Function = click.option(f"--{noun.word}-name", metavar="NAME", help=f"Instead of {whole}.")(command)
        if noun.is_job:
            result = click.option("--cluster-name", metavar="NAME", help="The job's cluster, with --job-name.")(result)
        metavar, complete = "NAME..." if many else "NAME", completion.names(noun.word)
        return click.argument("names", nargs=-1, metavar=metavar, shell_complete=complete)(result)

    return decorate


def _full_names(
    noun: Noun, names: tuple[str, ...], own: str | None, cluster: str | None, needed: bool
) -> tuple[str, ...]:
    if (names and own) or (needed and not names and not own):
        raise click.UsageError(f"give NAME or --{noun.word}-name" + (" with --cluster-name" if noun.is_job else ""))
    if bool(cluster) != bool(own) and noun.is_job:
        raise click.UsageError("--cluster-name and --job-name go together")
    if own:
        return (f"{cluster}-{own}" if cluster else own,)
    return tuple(_name(noun, word) for word in names)


def _name(noun: Noun, word: str) -> str:
    """Also of KIND/NAME, as -o name prints it."""
    kind, slash, name = word.rpartition("/")
    if slash:
        from cli import kinds

        if kinds.kind(kind) != noun.resource():
            raise click.UsageError(f"{word} is no {noun.kind}")
    return name
