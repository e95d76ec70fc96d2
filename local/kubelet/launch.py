"""What a launcher gets and gives: the words that turn one container into one process."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class ImageProblem(RuntimeError):
    """No launcher for an image, or it cannot be made ready: ErrImagePull."""


class ImagePending(RuntimeError):
    """The image is being made ready: ask again."""


class StartProblem(RuntimeError):
    """The image is there but this command cannot start in it: StartError."""


class Request(NamedTuple):
    """A container about to start; texts are expanded and their paths rewritten to the machine's."""

    command: Sequence[str]
    args: Sequence[str]
    env: Mapping[str, str]
    paths: Mapping[str, Path]  # mountPath → folder
    directory: Path  # the container's own folder
    message: Path  # its termination log
    hostname: str
    ip: str
    hosts: Path  # names of services and their addresses, as in /etc/hosts
    kubeconfig: Path | None  # None: the pod wants no access to the API


class Launch(NamedTuple):
    """The process: program and arguments, and its whole environment."""

    argv: list[str]
    env: dict[str, str]


class Image(NamedTuple):
    """How an image's containers start, which of its paths live elsewhere, which folder plays its root file system."""

    launch: Callable[[Request], Launch]
    paths: Mapping[str, Path] = {}
    root: Path | None = None


def environment(request: Request, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What every process gets (little of the machine's environment), then `extra`, then the container's variables.

    KUBECONFIG is what a service account's token is in a cluster.
    """
    temporary = request.directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    machine = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    own = {"HOME": str(request.directory), "TMPDIR": str(temporary), "HOSTNAME": request.hostname}
    access = {"KUBECONFIG": str(request.kubeconfig)} if request.kubeconfig else {}
    return {**machine, **own, **access, **(extra or {}), **request.env}


def run_command(request: Request) -> Launch:
    """Runs command and args as they are, with the machine's programs."""
    argv = [*request.command, *request.args]
    if not argv:
        raise StartProblem(
            "no command specified: the local runtime knows no image's entrypoint but Flink's and its own"
        )
    return Launch(argv, environment(request))
