"""flinkctl get: objects as kubectl shows them."""

from __future__ import annotations

import click

from cli import completion, nouns, options
from cli.options import Shape, Where


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND [NAME...]]", shell_complete=completion.kinds_then_names)
@options.where(all_namespaces=True)
@options.shape()
@options.selector
@options.watch
def command(words: tuple[str, ...], where: Where, shape: Shape, selector: str | None, watch: bool) -> None:
    """Show objects.

    KIND is deployments (fd), clusters (fc), jobs (fj), pods, or all of them, which is the default. KIND/NAME will do.
    The columns are the CRDs' own.
    """
    from cli import get, kinds

    word, names = kinds.split(words or ("all",))
    found = kinds.kinds(word)
    if names and (selector or where.all_namespaces or len(found) > 1):
        raise click.UsageError("a NAME goes with one KIND, and without -A and -l")
    if watch and len(found) > 1:
        raise click.UsageError("-w follows one KIND")
    opened = nouns.session(where)
    asked = tuple(get.wanted(resource, names, selector) for resource in found)
    get.follow(opened, asked[0], shape) if watch else get.show(opened, asked, shape)
