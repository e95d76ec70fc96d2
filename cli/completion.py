"""What a shell offers after a TAB: commands, options, kinds, and names in the cluster. Imports no client."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem, ShellComplete

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
KINDS = ("deployments", "clusters", "jobs", "pods")
PATIENCE = (1.0, 2.0)  # seconds to connect and for an answer: nobody waits longer for a TAB
# What cobra, which kubectl completes with, is told in the last line.
FILES, NO_FILES = 0, 4


def names(kind: str) -> Complete:
    """The names of a kind, as the command line so far means it; none where the cluster does not answer."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = context.params.get(parameter.name or "") or ()
        found = [name for name in _names(context, kind) if name not in given]
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return complete


def kinds_then_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of KIND NAME..."""
    given = context.params.get(parameter.name or "") or ()
    if given:
        return names(given[0])(context, parameter, incomplete)
    return [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]


def _names(context: click.Context, word: str) -> list[str]:
    from cli import kinds
    from clients.kube import KubeClient, KubeError, connect

    given = context.params
    try:
        connection = connect(given.get("kubeconfig"), given.get("context"))
        client = KubeClient(connection, timeout=PATIENCE, deadline=0)
        listed = client.list(kinds.kind(word), namespace=given.get("namespace") or connection.namespace)["items"]
    except (KubeError, click.UsageError):
        return []
    return [item["metadata"]["name"] for item in listed]


def kubectl() -> None:
    """kubectl_complete-flink: kubectl runs it with the words after `kubectl flink`, the last one unfinished."""
    from cli.main import root

    *words, incomplete = sys.argv[1:] or [""]
    click.echo(for_kubectl(root, words, incomplete))


def for_kubectl(root: click.Command, words: list[str], incomplete: str) -> str:
    found = ShellComplete(root, {}, "kubectl flink", "").get_completions(words, incomplete)
    lines = ["\t".join(filter(None, (item.value, item.help))) for item in found if item.type == "plain"]
    files = any(item.type != "plain" for item in found)
    return "\n".join([*lines, f":{FILES if files else NO_FILES}"])
