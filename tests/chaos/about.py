"""What a run was made with, for its report."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from local.kubelet.images import split
from local.kubelet.scheduling import machine
from tests.e2e.places import Place

ROOT = Path(__file__).parents[2]


def about(place: Place) -> dict[str, str]:
    size = machine()
    found = {
        "Flink": split(place.flink_image)[1],
        "Python": platform.python_version(),
        "commit": commit(ROOT),
        "machine": f"{size['cpu']} CPUs, {float(size['memory']) / 2**30:.0f} GiB, {platform.machine()}",
    }
    return found if place.local else {"Kubernetes": str(place.client.version()["gitVersion"]), **found}


def commit(folder: Path) -> str:
    """Of the code in a folder, and whether it was changed since."""
    try:
        found = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found}, and changes" if changed else found


def _git(folder: Path, *words: str) -> str:
    ran = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, timeout=30)
    return ran.stdout.strip()
