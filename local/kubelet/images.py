"""Image name → how its containers start. There are no images on this machine: names stand for programs or folders."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from local.kubelet import flink, ours
from local.kubelet.flink_home import find_home
from local.kubelet.launch import Image, ImageProblem, run_command

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


def resolve(name: str, folders: Mapping[str, Path]) -> Image:
    """The launcher of an image; `folders` (image name → root file system) comes first.

    Raises ImageProblem, or ImagePending.
    """
    if name in folders:
        if not folders[name].is_dir():
            raise ImageProblem(f'image "{name}" is mapped to {folders[name]}, which is not a folder')
        return Image(run_command, root=folders[name])
    repository, tag = split(name)
    if repository == "flink":
        version = _VERSION.match(tag)
        if not version:
            raise ImageProblem(f'image "{name}": the tag must begin with a Flink version, as in flink:2.3.0')
        home = find_home(version[0])
        return Image(partial(flink.launch, home), paths={"/opt/flink": home.folder})
    if repository == ours.IMAGE:
        return Image(ours.launch, paths={"/opt/flinkctl/examples": ours.examples()})
    mapped = ", ".join(sorted(folders)) or "none"
    raise ImageProblem(
        f'image "{name}" is not known on this machine: known are flink:VERSION, {ours.IMAGE}:VERSION '
        f"and mapped images ({mapped}); map it to the folder that plays its root file system: {name}=FOLDER"
    )


def split(name: str) -> tuple[str, str]:
    """registry:port/path/repository:tag@digest → (repository, tag), without registry and path."""
    last = name.split("@", 1)[0].rsplit("/", 1)[-1]
    repository, _, tag = last.partition(":")
    return repository, tag or "latest"
