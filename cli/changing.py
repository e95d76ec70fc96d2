"""The verbs that change something: create, update, delete, start, stop, restart, scale."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cli import nouns, options
from cli.nouns import Noun
from cli.options import Manner, Number, Where


def commands(noun: Noun) -> Iterator[click.Command]:
    yield _written(noun, "create", f"Make a {noun.kind} from a spec or a manifest.")
    yield _written(noun, "update", f"Merge a spec or a manifest into a {noun.kind}; what it does not say stays.")
    yield _delete(noun)
    if noun.scale_option:
        stopped = "stopped" if noun.is_job else "its jobs are stopped"
        yield _start(noun, "start", f"Start a {noun.kind}; one that runs is restarted.")
        yield _start(noun, "restart", f"Restart a {noun.kind}: {stopped} with a savepoint, then started from it.")
        yield _stop(noun)
        yield _scale(noun)


def _written(noun: Noun, verb: str, text: str) -> click.Command:
    @click.command(verb, help=f"{text}\n\nNAME may be left out where the file is a manifest with a name.")
    @nouns.named(noun, many=False, needed=False)
    @options.option(
        "-f",
        "--filename",
        f"--{noun.word}-spec",
        "path",
        required=True,
        metavar="FILE|-|URL",
        help="JSON or YAML: the spec alone, as the Toolbox has it, or a whole manifest.",
    )
    @options.where()
    @options.manner()
    def command(names: tuple[str, ...], path: str, where: Where, manner: Manner) -> None:
        from cli import actions, manifests

        manifest = manifests.one(path, noun.resource(), names[0] if names else None)
        write = {"create": actions.create, "update": actions.update}[verb]
        write(nouns.session(manifests.placed(manifest, where)), manifest, manner)

    return command


def _delete(noun: Noun) -> click.Command:
    what = f"{noun.kind} with its cluster and jobs" if noun is nouns.DEPLOYMENT else noun.kind
    again = ", elsewhere --yes is needed where its FlinkDeployment makes it again without its state"

    @click.command("delete", help=f"Delete a {what}. On a terminal it asks first{again if noun.is_job else ''}.")
    @nouns.named(noun)
    @options.where()
    @options.manner(waits=True, asks=True)
    def command(names: tuple[str, ...], where: Where, manner: Manner) -> None:
        from cli import actions

        actions.delete(nouns.session(where), noun.resource(), names, manner)

    return command


def _start(noun: Noun, verb: str, text: str) -> click.Command:
    without = "Start with an empty state." if noun.is_job else "Take no savepoints of its jobs before a restart."

    @options.where()
    @options.manner(asks=True)
    def command(
        names: tuple[str, ...], without_savepoint: bool, where: Where, manner: Manner, origin: str = ""
    ) -> None:
        from cli import actions

        if origin and (without_savepoint or len(names) > 1):
            other = "--without-savepoint" if without_savepoint else "several jobs"
            raise click.UsageError(f"--from PATH and {other} do not go together")
        session = nouns.session(where)
        actions.start(session, noun.resource(), names, manner, without=without_savepoint, origin=origin, word=verb)

    if noun.is_job:
        origin = (
            "Start from this savepoint or checkpoint, whatever the newest one is; --wait fails if it cannot be read."
        )
        command = click.option("--from", "origin", metavar="PATH", default="", help=origin)(command)
    command = click.option("--without-savepoint", is_flag=True, help=without)(command)
    return click.command(verb, help=text)(nouns.named(noun)(command))


def _stop(noun: Noun) -> click.Command:
    @options.where()
    @options.manner(asks=True)
    def command(
        names: tuple[str, ...], without_savepoint: bool, where: Where, manner: Manner, drain: bool = False
    ) -> None:
        from cli import actions

        resource = noun.resource()
        actions.stop(nouns.session(where), resource, names, manner, without=without_savepoint, drain=drain)

    if noun.is_job:
        drained = "Let all windows and timers fire first: for a job that shall not go on afterwards."
        command = click.option("--drain", is_flag=True, help=drained)(command)
    without = "Take no savepoint: the state since the last one, or the last checkpoint, is lost."
    command = click.option("--without-savepoint", is_flag=True, help=without)(command)
    return click.command("stop", help=f"Stop a {noun.kind}, with a savepoint.")(nouns.named(noun)(command))


def _scale(noun: Noun) -> click.Command:
    what = "TaskManagers" if noun.scale_option == "--task-managers" else "Parallelism; 0 suspends the job"

    @click.command("scale", help=f"Change the size of a {noun.kind}.")
    @nouns.named(noun)
    @click.option(
        noun.scale_option,
        "--replicas",
        "replicas",
        type=Number(min=0),
        required=True,
        metavar="N",
        help=f"{what}.",
    )
    @options.where()
    @options.manner()
    def command(names: tuple[str, ...], replicas: int, where: Where, manner: Manner) -> None:
        from cli import actions

        actions.scale(nouns.session(where), noun.resource(), names, replicas, manner)

    return command
