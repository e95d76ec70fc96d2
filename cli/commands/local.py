"""flinkctl local: the same system on one machine, in the background."""

from __future__ import annotations

from pathlib import Path

import click

from cli.local.place import DEFAULT, called, resolved
from cli.options import Duration, Number


def _directory(function: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--directory",
        type=click.Path(path_type=Path),
        envvar="FLINKCTL_LOCAL",
        default=DEFAULT,
        callback=lambda context, parameter, value: resolved(value),
        show_default=True,
        help="Where kubeconfig, logs and pods of the runtime are.",
    )(function)


def _images(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """NAME=FOLDER, ..."""
    found = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not equals or not Path(folder).is_dir():
            raise click.BadParameter(f"{value!r}: must be IMAGE=FOLDER, and the folder must exist")
        found[name] = Path(folder).resolve()
    return found


_serving = [
    click.option("--port", type=Number(0, 65535), default=0, show_default="a free one", help="Port of the API store."),
    click.option(
        "--image",
        "images",
        multiple=True,
        callback=_images,
        metavar="IMAGE=FOLDER",
        help="A folder that plays the root file system of an image; may be repeated.",
    ),
]


def _served(function: click.decorators.FC) -> click.decorators.FC:
    for option in _serving:
        function = option(function)
    return function


@click.group()
def command() -> None:
    """The same system on this machine, with real Flink and no Kubernetes."""


@command.command()
@_directory
@_served
@click.option("--timeout", type=Duration(), default="60s", show_default=True, help="How long the start may take.")
def up(directory: Path, port: int, images: dict[str, Path], timeout: float) -> None:
    """Start the runtime in the background; prints the path of its kubeconfig."""
    from cli.local import background

    already = background.status(directory)
    kubeconfig = background.up(directory, port, images, timeout)
    state = "was up already" if already else "is up"
    click.echo(f"the local runtime {state}; it ends with: {called('down', directory)}", err=True)
    click.echo(f"export KUBECONFIG={kubeconfig}", err=True)
    click.echo(str(kubeconfig))


@command.command()
@_directory
def down(directory: Path) -> None:
    """End the runtime and every process that it started.

    Its resources are forgotten; what their jobs have written stays, and is named, for savepoint.savepointPath or
    `flinkctl job start --from`.
    """
    from cli.local import background

    for text in background.left(directory):
        click.echo(text, err=True)
    was_up = background.down(directory)
    click.echo("the local runtime is down" if was_up else "the local runtime was not up", err=True)


@command.command()
@_directory
def status(directory: Path) -> None:
    """Is it up? Exit code 1 when it is not."""
    from cli.local import background

    found = background.status(directory)
    if found is None:
        click.echo("down")
        raise click.exceptions.Exit(1)
    click.echo(f"up\npid {found.pid}\nurl {found.url}\nkubeconfig {found.kubeconfig}")


@command.command()
@_directory
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
def logs(directory: Path, follow: bool) -> None:
    """Print the runtime's own log; the pods' logs are `kubectl logs`."""
    from cli.local import background

    for line in background.logs(directory, follow):
        click.echo(line, nl=False)


@command.command(hidden=True)
@_directory
@_served
def serve(directory: Path, port: int, images: dict[str, Path]) -> None:
    """The runtime itself, until it is told to stop."""
    from cli.local import background
    from cli.logs import configure

    configure()
    background.serve(directory, port, images)
