"""What is printed: data on stdout, everything else on stderr. Colour only on a terminal, and never with NO_COLOR."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from core import times

GAP = 3  # spaces between two columns
Row = Sequence[str]


def data(text: str) -> None:
    click.echo(text)


def note(text: str) -> None:
    """For the person who watches; nobody parses it."""
    click.echo(text, err=True)


def hint(text: str) -> None:
    """What to do next: only where somebody reads it."""
    if sys.stderr.isatty():
        note(text)


def error(text: str) -> None:
    click.echo(f"{styled('error:', 'red', sys.stderr)} {text}", err=True)


def warning(text: str) -> None:
    click.echo(f"{styled('warning:', 'yellow', sys.stderr)} {text}", err=True)


def styled(text: str, colour: str, stream: Any) -> str:
    return click.style(text, fg=colour) if coloured(stream) else text


def coloured(stream: Any) -> bool:
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR")


def redrawn(stream: Any) -> bool:
    """Can lines be written over? Not on a dumb terminal, an editor's shell for example."""
    return bool(stream.isatty()) and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


@contextmanager
def telling_rest(titles: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Around changes of several objects: Ctrl-C says what of them is not done. Takes the title of each that is."""
    left = list(titles)
    try:
        yield left.remove
    except KeyboardInterrupt:
        if left:
            note(f"interrupted; may be done or not: {left[0]}")
        if left[1:]:
            note(f"interrupted; not done: {', '.join(left[1:])}")
        raise


# ---- tables --------------------------------------------------------------------------------------------------------


def widths(rows: Iterable[Row]) -> list[int]:
    """The width of each column, of rows of one length."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def line(row: Row, to: Sequence[int]) -> str:
    return (" " * GAP).join(cell.ljust(width) for cell, width in zip(row, to, strict=True)).rstrip()


def table(rows: Sequence[Row], *, indent: str = "") -> str:
    """The rows below each other in columns; the first one may be a head."""
    to = widths(rows)
    return "\n".join(indent + line(row, to) for row in rows)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl shortens it: 45s, 3m20s, 2h, 5d; '' for never."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    return times.span(seconds)


# ---- objects -------------------------------------------------------------------------------------------------------


def without_managed_fields(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The object as kubectl prints it: the bookkeeping of server-side apply is left out."""
    metadata = {key: value for key, value in (resource.get("metadata") or {}).items() if key != "managedFields"}
    return {**resource, "metadata": metadata}


def as_list(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {"resourceVersion": ""}}


def document(value: Any, form: str) -> str:
    """A value as JSON or YAML text."""
    if form == "json":
        return json.dumps(value, indent=4, ensure_ascii=False)
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, allow_unicode=True, default_flow_style=False, width=10**6)
    return text.rstrip("\n")
