"""The root command. Subcommands are imported when they are called: `flinkctl --help` imports no client."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from cli import errors, options

# name: module in cli.commands; its `command` is the click command
COMMANDS = {
    "demo": "demo",
    "local": "local",
    "apply": "apply",
    "get": "get",
    "describe": "describe",
    "status": "status",
    "deployment": "deployment",
    "cluster": "cluster",
    "job": "job",
    "savepoint": "savepoint",
    "jobmanager": "jobmanager",
    "taskmanager": "taskmanager",
    "hooks": "hooks",
    "supervisor": "supervisor",
    "bootstrap": "bootstrap",
}
# The Toolbox says `clusters list` and `cluster start`: both are taken everywhere.
ALIASES = {f"{noun}s": noun for noun in ("deployment", "cluster", "job", "savepoint", "taskmanager")}
SERVERS = frozenset({"hooks", "supervisor", "bootstrap"})


class LazyGroup(click.Group):
    """Finds its commands in COMMANDS, and reports their errors."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        name = ALIASES.get(name, name)
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"cli.commands.{COMMANDS[name]}").command
        return command

    def invoke(self, context: click.Context) -> Any:
        with errors.reported(context, SERVERS):
            return super().invoke(context)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flink-metacontroller", prog_name="flinkctl")
@options.verbose
def root() -> None:
    """Apache Flink on Kubernetes: clusters and jobs, and no job's state is ever lost.

    Exit codes: 0 done, 1 failed, not found or timed out, 2 wrong usage, 130 Ctrl-C.
    """


def program(path: str) -> str:
    """What the user typed: kubectl runs its plugins as kubectl-NAME."""
    name = Path(path).stem
    return name.replace("-", " ", 1) if name.startswith("kubectl-") else "flinkctl"


def main() -> None:
    root(prog_name=program(sys.argv[0]))


if __name__ == "__main__":
    main()
