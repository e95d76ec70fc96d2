"""What hands that know kubectl type, and what it is here. Imports no client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

# These verbs have a noun before them here.
VERBS = ("list", "create", "update", "delete", "start", "stop", "restart", "scale")
INSTEAD = {"version": "--version", "help": "--help"}
ANYWHERE = ("--namespace", "--context", "--kubeconfig")


def instead(words: Sequence[str]) -> str:
    """What is here the command that kubectl's words mean, with its names; '' when nothing is."""
    if words[0] not in VERBS:
        return INSTEAD.get(words[0], "")
    from cli import kinds  # only where somebody is wrong

    kind, _, name = words[1].partition("/") if len(words) > 1 else ("", "", "")
    if not (kinds.is_kind(kind) and kinds.kinds(kind)[0] in kinds.FLINK):
        return f"job {words[0]}"
    noun = kinds.kinds(kind)[0].kind.removeprefix("Flink").lower()
    return " ".join([noun, words[0], *filter(None, [name]), *words[2:]])


def behind(words: Sequence[str]) -> list[str]:
    """With -n, --context and --kubeconfig behind the command where they stood before it: each has its own."""
    kept, moved, rest = [], [], list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if not word.startswith("-n") and word.partition("=")[0] not in ANYWHERE:
            kept.append(word)
            continue
        moved.append(word)
        if word in ("-n", *ANYWHERE):
            moved += rest[:1]
            del rest[:1]
    return [*kept, *rest, *moved]


class Option(click.Option):
    """One with a value: -o=wide is -o wide."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, Any]:
        value, source = super().consume_value(ctx, opts)
        if isinstance(value, list | tuple):  # may be repeated; where it is missing click has a value of its own
            return [each.removeprefix("=") for each in value], source
        return value.removeprefix("=") if isinstance(value, str) else value, source
