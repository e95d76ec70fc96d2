"""docs/cli.md, written from the commands themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from cli import errors, options
from cli.main import COMMANDS, root

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# flinkctl

Written by `make docs` from the commands' own help; a test compares. `kubectl flink` is the same program; its options
come after that word, as kubectl takes none before the name of a plugin: `kubectl flink get fj -n orders`. With
`flinkctl`, `-n`, `--context` and `--kubeconfig` may stand before the command as well.

Data goes to stdout, everything else to stderr. Names are given as NAME, as KIND/NAME, which `-o name` prints, or with
the options of Flink K8s Toolbox (`--cluster-name`, `--job-name`); every noun may be written in the plural.
"""
HELP = ("-h", "--help")


def main() -> None:
    TARGET.write_text(text(), "utf-8")


def text() -> str:
    parts = [HEAD, "## Exit codes\n", errors.CODES, "## Options of every command that talks to a cluster\n"]
    parts += [*_options(_shared().params), ""]
    for section, names in COMMANDS.items():
        parts.append(f"## {section}\n")
        for name in names:
            parts += _command(click.Context(root, info_name="flinkctl"), name)
    return "\n".join(parts)


def _shared() -> click.Command:
    return click.command("shared")(options.where()(lambda where: None))


def _command(parent: click.Context, name: str) -> Iterator[str]:
    """The command and those below it; a group is only its heading."""
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    if command.hidden:
        return
    yield f"### {context.command_path}\n"
    yield f"{_help(command)}\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _command(context, below)
        return
    yield f"```\n{' '.join((context.command_path, *command.collect_usage_pieces(context)))}\n```\n"
    shared = [*_options(_shared().params)]
    found = [line for line in _options(command.params) if line not in shared[1:]]
    if found[1:]:
        yield from (*found, "")


def _help(command: click.Command) -> str:
    """Its paragraphs, each in one line."""
    paragraphs = (command.help or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(parameters: list[click.Parameter]) -> Iterator[str]:
    yield "| option | |\n| --- | --- |"
    for one in (one for one in parameters if isinstance(one, click.Option) and not one.hidden):
        record = one.get_help_record(click.Context(click.Command("x")))
        assert record is not None
        yield f"| `{_cell(record[0])}` | {_cell(record[1])} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    main()
