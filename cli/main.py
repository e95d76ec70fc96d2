"""The root command. Subcommands are imported when they are called: `flinkctl --help` imports no client."""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from cli import errors, habits, options

# By section of the help: a module of cli.commands, whose `command` it is, and the first line of that command's help.
COMMANDS = {
    "Look": {
        "get": "Show objects.",
        "describe": "Tell all about an object: state, conditions, recovery points, pods, the last events.",
        "status": "Say how objects are and what they wait for.",
        "explain": "Say what an object waits for, why, and what to do next.",
        "top": "Show clusters and jobs live: slots, checkpoints, busy tasks, back-pressure, restarts.",
        "logs": "Print the logs of the pods of a cluster (fc) or of a job (fj).",
        "doctor": "Check an installation: CRDs, controllers, Metacontroller, hooks, leaders, your rights, supervisors.",
        "ui": "Serve Flink's web UI of a cluster (fc) or job (fj) on this machine, until Ctrl-C; prints its address.",
    },
    "Change": {
        "validate": "Check manifests without a cluster: schema, rules between fields, unknown fields.",
        "plan": "Say what an apply would do: objects, pods, and which jobs stop and from where they come back.",
        "apply": "Create or update objects from manifests, YAML or JSON.",
    },
    "By kind": {
        "deployment": "FlinkDeployments: list, status, create, update, delete.",
        "cluster": "FlinkClusters: list, status, start, stop, restart, scale.",
        "job": "FlinkJobs: list, status, start, stop, restart, scale, metrics.",
        "savepoint": "Savepoints: trigger, list, forget, dispose.",
        "jobmanager": "The JobManager of a FlinkCluster: metrics.",
        "taskmanager": "The TaskManagers of a FlinkCluster: list, details, metrics.",
    },
    "On this machine": {
        "demo": "Two jobs with state: savepoint, stop, start, rescale, a killed JobManager, and clean up.",
        "local": "The same system on this machine, with real Flink and no Kubernetes.",
        "completion": "Print the completion of a shell: source <(flinkctl completion bash).",
    },
    "In a pod": {
        "hooks": "Metacontroller's webhooks (server).",
        "supervisor": "The supervisor of FlinkClusters (server).",
        "server": "The REST interface (server).",
        "bootstrap": "The carrier of a JAR (runs in a Job of its own).",
    },
}
NAMES = [name for section in COMMANDS.values() for name in section]
# The Toolbox says `clusters list` and `cluster start`: both are taken everywhere.
ALIASES = {f"{noun}s": noun for noun in ("deployment", "cluster", "job", "savepoint", "taskmanager")}
SERVERS = frozenset(COMMANDS["In a pod"])


class LazyGroup(click.Group):
    """Finds its commands in COMMANDS, and reports their errors."""

    def list_commands(self, context: click.Context) -> list[str]:
        return NAMES

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0]
        if not (context.resilient_parsing or name.startswith("-") or name in NAMES or name in ALIASES):
            from difflib import get_close_matches

            meant = habits.instead(arguments) or next(iter(get_close_matches(name, NAMES, 1)), "")
            context.fail(f"there is no command {name!r}" + (f"; did you mean {meant}?" if meant else ""))
        return super().resolve_command(context, arguments)

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        with errors.one_form():
            return super().make_context(*arguments, **more)

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        return super().parse_args(context, habits.behind(arguments))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        name = ALIASES.get(name, name)
        if name not in NAMES:
            return None
        command: click.Command = importlib.import_module(f"cli.commands.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """From COMMANDS alone, so that --help imports none of them."""
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Likewise; without the programs that run in pods."""
        found = [(name, text) for section in COMMANDS.values() for name, text in section.items() if name not in SERVERS]
        offered = [CompletionItem(name, help=text) for name, text in found if name.startswith(incomplete)]
        return [*offered, *click.Command.shell_complete(self, context, incomplete)]

    def invoke(self, context: click.Context) -> Any:
        with errors.reported(context, SERVERS), errors.one_form():
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
    # At its end a process looks through all that was imported for garbage: a sixth of what a `get` costs.
    atexit.register(gc.freeze)
    root(prog_name=program(sys.argv[0]))


if __name__ == "__main__":
    main()
