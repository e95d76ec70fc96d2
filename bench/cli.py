"""What flinkctl costs as a process: `get` against kubectl's of the same object, and the CPU of --help.

The two take turns, so that both have the machine alike; the best of each counts. Exit code 1 when a limit is broken.
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
        broken = [get(environment) > GET_LIMIT, help(environment) > HELP_LIMIT]
    sys.exit(1 if any(broken) else 0)


def get(environment: Mapping[str, str]) -> float:
    arguments = ["get", "flinkjobs.nextbreakpoint.com", "bench"]
    programs = ("kubectl", FLINKCTL)
    turns = [[run([program, *arguments], environment) for program in programs] for _ in range(TURNS)]
    kubectl, flinkctl = map(best, zip(*turns, strict=True))
    ratio = flinkctl.wall / kubectl.wall
    print(f"get of one FlinkJob, the whole process: kubectl {told(kubectl)}, flinkctl {told(flinkctl)}")
    print(f"  ratio of the times {ratio:.2f} (limit {GET_LIMIT})")
    return ratio


def help(environment: Mapping[str, str]) -> float:
    cost = best([run([FLINKCTL, "--help"], environment) for _ in range(TURNS)])
    print(f"flinkctl --help: {told(cost)} (limit {HELP_LIMIT * 1e3:.0f} ms of CPU)")
    return cost.cpu


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
