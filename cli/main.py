"""The root command. Subcommands are imported when they are called: `flinkctl --help` imports no client."""

from __future__ import annotations

import importlib

import click

# name: module in cli.commands; its `command` is the click command
COMMANDS = {
    "hooks": "hooks",
    "supervisor": "supervisor",
    "bootstrap": "bootstrap",
}


class LazyGroup(click.Group):
    """Finds its commands in COMMANDS."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"cli.commands.{COMMANDS[name]}").command
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flink-metacontroller", prog_name="flinkctl")
def root() -> None:
    """Apache Flink on Kubernetes: clusters and jobs, and no job's state is ever lost."""


def main() -> None:
    root()


if __name__ == "__main__":
    main()
