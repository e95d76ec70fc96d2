"""deployment, cluster and job have the same verbs: `reading` and `changing` make the commands of each.

None of the three imports a client, so that --help is fast.
"""

from __future__ import annotations

import click

from cli import changing, reading
from cli.nouns import Noun

_VERBS = {
    "deployment": "list, status, create, update, delete",
    "cluster": "list, status, start, stop, restart, scale",
    "job": "list, status, start, stop, restart, scale, metrics",
}


def group(noun: Noun) -> click.Group:
    """The noun with the verbs that it has."""
    made = click.Group(name=noun.word, help=f"{noun.kind}s: {_VERBS[noun.word]}.")
    for command in (*reading.commands(noun), *changing.commands(noun)):
        made.add_command(command)
    return made
