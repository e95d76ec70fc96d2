"""Where the local runtime keeps its files, and the command lines that name the place. Imports nothing."""

from __future__ import annotations

from pathlib import Path

DEFAULT = Path("~/.local/state/flinkctl/local")


def resolved(path: Path) -> Path:
    return path.expanduser().absolute()


def called(verb: str, directory: Path) -> str:
    """The command line, for hints."""
    return f"flinkctl local {verb}" + ("" if directory == resolved(DEFAULT) else f" --directory {directory}")
