"""Whatever strikes loop and hooks on the way, the same edits end in the same children, and no guard finds anything.

The hooks are the real ones; a kubelet and a supervisor are played. With real Flink: tests/e2e.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import names
from local.metacontroller import Faults

from .stage import Stage

SEEDS = (1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow))
Made = dict[tuple[str, str], str]


def deployment() -> dict[str, Any]:
    job = {
        "jobParallelism": 1,
        "bootstrap": {"image": "jobs:1", "className": "Main", "jarPath": "/jobs/main.jar"},
        "savepoint": {"savepointInterval": 0, "savepointTargetPath": "file:///savepoints"},
        "restart": {"restartPolicy": "Always"},
    }
    cluster = {
        "taskManagers": 2,
        "runtime": {"image": "flink:1"},
        "jobManager": {"serviceMode": "ClusterIP"},
        "taskManager": {"taskSlots": 1},
        "supervisor": {"image": "ours:1", "rescalePolicy": "None"},
    }
    jobs = [{"name": name, "spec": job} for name in ("one", "two")]
    spec = {"cluster": cluster, "jobs": jobs}
    metadata = {"name": "demo"}
    return {"apiVersion": names.API_VERSION, "kind": "FlinkDeployment", "metadata": metadata, "spec": spec}


def live(stage: Stage) -> Made:
    """A cluster's life: made, scaled, struck by failures, changed, suspended and back."""
    stage.apply(deployment())
    stage.edit("/spec/cluster/taskManagers", 4)
    stage.lose(names.TASKMANAGER)
    stage.fail(names.JOBMANAGER)
    stage.edit("/spec/cluster/runtime/image", "flink:2")
    stage.edit("/spec/cluster/taskManagers", 3)
    stage.edit("/spec/cluster/suspend", True)
    stage.edit("/spec/cluster/suspend", False)
    return stage.made()


def differing(made: Made, calm: Made) -> list[tuple[str | None, str | None]]:
    return [(made.get(key), calm.get(key)) for key in made.keys() | calm.keys() if made.get(key) != calm.get(key)]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Made:
    with Stage(tmp_path_factory.mktemp("calm"), None) as stage:
        made = live(stage)
    assert [str(finding) for finding in stage.guards.findings] == []
    return made


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_edits_end_in_the_same_children(calm: Made, seed: int, tmp_path: Path) -> None:
    faults = Faults(seed, lag=0.1, repeats=0.2, drops=0.05, restarts=0.7)
    with Stage(tmp_path, faults) as stage:
        live(stage)
        stage.wait(
            "the same children", lambda: not differing(stage.made(), calm), lambda: differing(stage.made(), calm)
        )
    assert [str(finding) for finding in stage.guards.findings] == []
    assert sum(faults.done.values()) > 100, faults.done
    assert all(faults.done[name] for name in ("drops", "repeats", "loop", "hooks")), faults.done
