"""flinkctl completion: what a shell needs to complete flinkctl's words."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion of a shell: source <(flinkctl completion bash).

    With zsh the same; with fish: flinkctl completion fish | source. `kubectl flink` is completed by kubectl's own
    completion, as soon as kubectl_complete-flink, which is installed with flinkctl, is on the PATH.
    """
    from click.shell_completion import get_completion_class

    from cli.main import root

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(root, {}, "flinkctl", "_FLINKCTL_COMPLETE").source())
