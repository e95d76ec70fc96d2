"""What kustomize makes of our folders, and of a user's kustomization around them."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "metacontroller"
OVERLAYS = ("default", "ha", "namespaced", "shared-supervisor")
COMPONENTS = ("image-volumes", "network-policy", "prometheus")
TEAM = "team-a"
kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")

Resource = dict[str, Any]


@functools.cache
def rendered(folder: Path) -> tuple[Resource, ...]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return tuple(item for item in yaml.load_all(done.stdout, yaml.CSafeLoader) if item)


@functools.cache
def around(overlay: str, components: tuple[str, ...] = (), **settings: str) -> tuple[Resource, ...]:
    """A user's kustomization with an overlay of ours as its resource, and settings such as `namePrefix`.

    The overlay `namespaced` is one to copy: its copy in a team's hands.
    """
    if overlay == "namespaced":
        mine = {"namespace": TEAM, "namePrefix": f"{TEAM}-", **settings}
        return kustomized("base", ("namespaced", *components), **mine)
    return kustomized(f"overlays/{overlay}", components, **settings)


def kustomized(resource: str, components: tuple[str, ...], **settings: str) -> tuple[Resource, ...]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        body = {
            "resources": [os.path.relpath(INSTALL / resource, folder)],
            "components": [os.path.relpath(INSTALL / "components" / item, folder) for item in components],
            **settings,
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(body), "utf-8")
        return rendered(folder)


def choices(overlays: Iterable[str], components: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Each overlay with each set of components."""
    sets = [some for number in range(10) for some in itertools.combinations(components, number)]
    return list(itertools.product(overlays, sets))


def documents(name: str) -> list[Resource]:
    """A file of the base as it is written."""
    return list(yaml.safe_load_all((INSTALL / "base" / name).read_text("utf-8")))


def identity(item: Resource) -> tuple[str, str, str]:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def of_kind(items: Iterable[Resource], *kinds: str) -> list[Resource]:
    return [item for item in items if item["kind"] in kinds]


def pod_specs(items: Iterable[Resource]) -> dict[str, Resource]:
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in of_kind(items, "Deployment", "StatefulSet", "Job", "DaemonSet")
    }
