"""validate: what the API server and the hooks would say about manifests, without either."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

import crds
from cli import manifests, output
from cli.errors import FAILED, Failed
from cli.manifests import Manifest
from cli.options import Shape


class Finding(NamedTuple):
    """One manifest; `checked` is whether its kind is known so well."""

    manifest: Manifest
    problems: list[str]

    @property
    def checked(self) -> bool:
        return self.manifest.resource.kind in crds.KINDS

    @property
    def title(self) -> str:
        return f"{self.manifest.source}: {self.manifest.resource.kind} {self.manifest.name}"

    def to_json(self) -> dict[str, Any]:
        told = [text.removeprefix(f"{self.title}: ") for text in self.problems]
        known = {"source": self.manifest.source, "kind": self.manifest.resource.kind, "name": self.manifest.name}
        return {**known, "checked": self.checked, "valid": not told, "problems": told}


def validate(paths: tuple[str, ...], shape: Shape) -> None:
    """Failed, when one is wrong; the others are told nevertheless."""
    read, unread = manifests.read_all(paths)
    found = [Finding(manifest, manifests.problems(manifest)) for manifest in read]
    if shape.format == "text":
        for one in found:
            if not one.problems:
                output.data(f"{one.title} {'is valid' if one.checked else 'is not checked: no kind of ours'}")
    else:
        output.data(output.document([one.to_json() for one in found], shape.format))
    told = [text for one in found for text in one.problems] if shape.format == "text" else []  # once
    if wrong := [*unread, *told]:
        raise Failed("\n".join(wrong))
    if any(one.problems for one in found):
        raise click.exceptions.Exit(FAILED)
