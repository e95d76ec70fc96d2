"""deployment, cluster and job have the same verbs: one maker for the commands of each. Imports no client."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.options import Patience, Shape, Where

if TYPE_CHECKING:
    from cli.session import Session
    from clients.kube import Resource

Function = Callable[..., Any]


@dataclass(frozen=True)
class Noun:
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


def named(noun: Noun, *, many: bool = True) -> Callable[[Function], Function]:
    """NAME... as arguments, or with the Toolbox's options; the command takes `names`, a tuple of at least one."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*, names: tuple[str, ...], **given: Any) -> Any:
            cluster = given.pop("cluster_name", None) if noun.is_job else None
            own = given.pop(f"{noun.word}_name")
            full = _full_names(noun, names, own, cluster)
            if len(full) > 1 and not many:
                raise click.UsageError("one NAME at a time")
            return function(names=full, **given)

        whole = "NAME" if not noun.is_job else "NAME, which is CLUSTER-JOB for a job of a FlinkDeployment"
        result: Function = click.option(f"--{noun.word}-name", metavar="NAME", help=f"Instead of {whole}.")(command)
        if noun.is_job:
            result = click.option("--cluster-name", metavar="NAME", help="The job's cluster, with --job-name.")(result)
        return click.argument("names", nargs=-1, metavar="NAME..." if many else "NAME")(result)

    return decorate


def _full_names(noun: Noun, names: tuple[str, ...], own: str | None, cluster: str | None) -> tuple[str, ...]:
    if bool(names) == bool(own):
        raise click.UsageError(f"give NAME or --{noun.word}-name" + (" with --cluster-name" if noun.is_job else ""))
    if bool(cluster) != bool(own) and noun.is_job:
        raise click.UsageError("--cluster-name and --job-name go together")
    if own:
        return (f"{cluster}-{own}" if cluster else own,)
    return names


def group(noun: Noun) -> click.Group:
    """The noun with the verbs that it has."""
    made = click.Group(
        name=noun.word, help=f"{noun.kind}s: list, status{', start, stop' if noun.scale_option else ''}."
    )
    makers = [_list, _get, _status, _delete]
    if noun.scale_option:
        makers += [_start, _stop, _scale]
    for maker in makers:
        made.add_command(maker(noun))
    return made


def _list(noun: Noun) -> click.Command:
    @options.where(all_namespaces=True)
    @options.shape()
    @options.selector
    @options.watch
    def command(where: Where, shape: Shape, selector: str | None, watch: bool, cluster_name: str | None = None) -> None:
        from cli import get

        opened = session(where)
        one = get.wanted(noun.resource(), (), selector)
        if cluster_name:
            one = get.of_cluster(opened, one, cluster_name)
        get.follow(opened, one, shape) if watch else get.show(opened, (one,), shape)

    if noun.is_job:
        command = click.option("--cluster-name", metavar="NAME", help="Only the jobs of this cluster.")(command)
    return click.command("list", help=f"List {noun.kind}s.")(command)


def _get(noun: Noun) -> click.Command:
    @click.command("get", help=f"Show one {noun.kind}, or several.")
    @named(noun)
    @options.where()
    @options.shape()
    @options.watch
    def command(names: tuple[str, ...], where: Where, shape: Shape, watch: bool) -> None:
        from cli import get

        one, opened = get.wanted(noun.resource(), names, None), session(where)
        get.follow(opened, one, shape) if watch else get.show(opened, (one,), shape)

    return command


def _status(noun: Noun) -> click.Command:
    @click.command("status", help=f"How a {noun.kind} is. Exit code 1 when it is degraded or stalled.")
    @named(noun)
    @options.where()
    @options.shape("text", "json", "yaml")
    def command(names: tuple[str, ...], where: Where, shape: Shape) -> None:
        from cli import describe

        describe.status(session(where), (noun.resource(),), names, shape)

    return command


def _delete(noun: Noun) -> click.Command:
    @click.command("delete", help=f"Delete a {noun.kind}, without a question.")
    @named(noun)
    @options.where()
    @options.patience(default=True)
    def command(names: tuple[str, ...], where: Where, patience: Patience) -> None:
        from cli import actions

        actions.delete(session(where), noun.resource(), names, patience)

    return command


def _start(noun: Noun) -> click.Command:
    without = "Start with an empty state." if noun.is_job else "Take no savepoints of its jobs before a restart."

    @click.command("start", help=f"Start a {noun.kind}; one that runs is restarted.")
    @named(noun)
    @click.option("--without-savepoint", is_flag=True, help=without)
    @options.where()
    @options.patience()
    def command(names: tuple[str, ...], without_savepoint: bool, where: Where, patience: Patience) -> None:
        from cli import actions

        actions.start(session(where), noun.resource(), names, patience, without=without_savepoint)

    return command


def _stop(noun: Noun) -> click.Command:
    @options.where()
    @options.patience()
    def command(
        names: tuple[str, ...], without_savepoint: bool, where: Where, patience: Patience, drain: bool = False
    ) -> None:
        from cli import actions

        actions.stop(session(where), noun.resource(), names, patience, without=without_savepoint, drain=drain)

    if noun.is_job:
        drained = "Let all windows and timers fire first: for a job that shall not go on afterwards."
        command = click.option("--drain", is_flag=True, help=drained)(command)
    without = "Take no savepoint: the state since the last one, or the last checkpoint, is lost."
    command = click.option("--without-savepoint", is_flag=True, help=without)(command)
    return click.command("stop", help=f"Stop a {noun.kind}, with a savepoint.")(named(noun)(command))


def _scale(noun: Noun) -> click.Command:
    what = "TaskManagers" if noun.scale_option == "--task-managers" else "Parallelism; 0 suspends the job"

    @click.command("scale", help=f"Change the size of a {noun.kind}.")
    @named(noun)
    @click.option(
        noun.scale_option, "replicas", type=click.IntRange(min=0), required=True, metavar="N", help=f"{what}."
    )
    @options.where()
    @options.patience()
    def command(names: tuple[str, ...], replicas: int, where: Where, patience: Patience) -> None:
        from cli import actions

        actions.scale(session(where), noun.resource(), names, replicas, patience)

    return command
