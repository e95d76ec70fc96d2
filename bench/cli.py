"""What flinkctl costs as a process: `get` against kubectl's of the same object, and the CPU of --help.

Between the two stands what flinkctl is made of: Python with one library more each time, so that the rest is our own.
All take turns, so that they have the machine alike; the best of each counts. Exit code 1 when a limit is broken.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import crds
from clients.kube import Connection, KubeClient, resources
from local.store import serve

TURNS = 15
GET_LIMIT = 1.5  # times kubectl
OWN_LIMIT = 1.4  # times the CPU of Python with the libraries that it needs
LIGHT_END = "import atexit, gc; atexit.register(gc.freeze)"  # as flinkctl does it
HELP_LIMIT = 0.150  # seconds of CPU
FLINKCTL = str(Path(sys.executable).with_name("flinkctl"))
JOB = {
    "apiVersion": "nextbreakpoint.com/v1",
    "kind": "FlinkJob",
    "metadata": {"name": "bench"},
    "spec": {
        "bootstrap": {"image": "job:1", "jarPath": "/job.jar", "className": "Main"},
        "savepoint": {
            "savepointMode": "Automatic",
            "savepointInterval": 0,
            "savepointTargetPath": "file:///savepoints",
        },
        "restart": {"restartPolicy": "Always", "restartDelay": 5, "restartTimeout": 60},
    },
}


class Cost(NamedTuple):
    wall: float
    cpu: float


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serve(logs=Path(folder)) as store:
        client = KubeClient(Connection(store.url))
        for kind in crds.KINDS:
            client.create(resources.CRDS, crds.load(kind))
        client.create(resources.FLINK_JOBS, JOB, namespace="default")
        environment = {**os.environ, "KUBECONFIG": str(store.kubeconfig(Path(folder) / "kubeconfig"))}
        # What pip installs is compiled; a clone is by its first start, where that may write.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        kept = [get(environment), help(environment)]
    sys.exit(0 if all(kept) else 1)


def get(environment: Mapping[str, str]) -> bool:
    arguments = ["get", "flinkjobs.nextbreakpoint.com", "bench"]
    python = [sys.executable, "-c"]
    programs = {
        "kubectl": ["kubectl", *arguments],
        "python": [*python, LIGHT_END],
        "+ click": [*python, f"{LIGHT_END}; import click"],
        "+ yaml": [*python, f"{LIGHT_END}; import click, yaml"],
        "+ requests": [*python, f"{LIGHT_END}; import click, yaml, requests"],
        "flinkctl": [FLINKCTL, *arguments],
    }
    turns = [[run(command, environment) for command in programs.values()] for _ in range(TURNS)]
    costs = dict(zip(programs, map(best, zip(*turns, strict=True)), strict=True))
    kubectl, libraries, flinkctl = (costs[name] for name in ("kubectl", "+ requests", "flinkctl"))
    print("get of one FlinkJob, the whole process, in times kubectl:")
    for name, cost in costs.items():
        print(f"  {name:<12}{cost.wall / kubectl.wall:6.2f}   {told(cost)}")
    ratio, own = flinkctl.wall / kubectl.wall, flinkctl.cpu / libraries.cpu
    print(f"  {ratio:.2f} times kubectl (limit {GET_LIMIT})")
    print(f"  {own:.2f} times the CPU of Python with these libraries (limit {OWN_LIMIT})")
    return ratio <= GET_LIMIT and own <= OWN_LIMIT


def help(environment: Mapping[str, str]) -> bool:
    cost = best([run([FLINKCTL, "--help"], environment) for _ in range(TURNS)])
    print(f"flinkctl --help: {told(cost)} (limit {HELP_LIMIT * 1e3:.0f} ms of CPU)")
    return cost.cpu <= HELP_LIMIT


def run(command: list[str], environment: Mapping[str, str]) -> Cost:
    began, before = time.perf_counter(), _cpu()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return Cost(time.perf_counter() - began, _cpu() - before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def best(costs: Sequence[Cost]) -> Cost:
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs))


def told(cost: Cost) -> str:
    return f"{cost.wall * 1e3:.0f} ms, {cost.cpu * 1e3:.0f} ms of CPU"


if __name__ == "__main__":
    main()
