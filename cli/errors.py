"""How a command ends when it does not succeed: the exit codes, and one line for each error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli import output
from cli.options import VERBOSE

FAILED, INTERRUPTED = 1, 130
CODES = """\
| code | meaning |
|---|---|
| 0 | done |
| 1 | failed, refused, not found, timed out, answered with no; `status`: something is degraded or stalled |
| 2 | the command line is wrong; `plan`: something would change, and its wrong command line is 1 |
| 130 | ended by Ctrl-C; what was not done, and what goes on, is told |
"""


class Failed(click.ClickException):
    """What went wrong and where, for a person; each line of the message is one trouble."""

    exit_code = FAILED

    def show(self, file: object = None) -> None:
        for line in self.message.splitlines() or [""]:
            output.error(line)


class Invalid(Failed):
    """What was given is wrong, and nothing was sent."""


class Unanswered(Failed):
    """What was asked does not answer, so that nobody knows."""


class Misused(click.UsageError):
    """A wrong command line, with the same `error:` as everything else."""

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(error.format_message(), error.ctx)

    def show(self, file: object = None) -> None:
        if self.ctx is not None:
            output.note(f"{self.ctx.get_usage()}\nTry '{self.ctx.command_path} --help' for help.\n")
        output.error(self.message)


@contextmanager
def one_form() -> Iterator[None]:
    """Around the parsing of command lines. What shows itself in its own way, as help, stays."""
    try:
        yield
    except click.UsageError as error:
        if type(error).show is not click.UsageError.show:
            raise
        raise Misused(error) from None


@contextmanager
def reported(context: click.Context, servers: frozenset[str]) -> Iterator[None]:
    """Around every command: an error becomes its line and its exit code. Tracebacks only with -v.

    servers: the commands that run in a pod, where a traceback in the log is wanted.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError) as error:
        if context.meta.get(VERBOSE) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        raise
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except Exception as error:
        text, expected = sentence(error)
        if not expected and context.invoked_subcommand in servers:
            raise
        if context.meta.get(VERBOSE):
            traceback.print_exception(error)
        elif not expected:
            text += " (a defect of flinkctl; -v shows where)"
        raise Failed(text) from None


def sentence(error: Exception) -> tuple[str, bool]:
    """The error in words, and whether it is one that is to be expected."""
    from clients.kube import KubeError  # only here, so that --help stays fast

    if isinstance(error, KubeError):
        return str(error), True
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error), True
    return f"unexpected {type(error).__name__}: {error}", False
