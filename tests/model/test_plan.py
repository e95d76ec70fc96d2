"""What `flinkctl plan` foresees is what then happens, for one edit after the other."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.plan.outcome import Outcome, foresee
from cli.plan.state import State
from clients.kube import resources
from core import names, pods

from .kubernetes import Object
from .world import CLUSTER_SPEC, JOB_SPEC, World

BOOTSTRAP, SAVEPOINT, RESTART = JOB_SPEC["bootstrap"], JOB_SPEC["savepoint"], JOB_SPEC["restart"]
EDITS: list[tuple[str, Mapping[str, Any]]] = [
    ("job", {"jobParallelism": 1}),
    ("job", {"jobParallelism": 2}),
    ("job", {"jobParallelism": 3}),
    ("job", {"suspend": True}),
    ("job", {"suspend": False}),
    ("job", {"bootstrap": {**BOOTSTRAP, "arguments": ["a"]}}),
    ("job", {"bootstrap": BOOTSTRAP}),
    ("job", {"savepoint": {**SAVEPOINT, "savepointMode": "Manual"}}),
    ("job", {"savepoint": SAVEPOINT}),
    ("job", {"restart": {**RESTART, "restartDelay": 7}}),
    ("cluster", {"runtime": {"image": "flink:2"}}),
    ("cluster", {"runtime": CLUSTER_SPEC["runtime"]}),
    ("cluster", {"suspend": True}),
    ("cluster", {"suspend": False}),
]


def flink_pods(items: list[Object]) -> set[str]:
    roles = (names.JOBMANAGER, names.TASKMANAGER)
    return {pod["metadata"]["name"] for pod in items if pod["metadata"]["labels"][names.LABEL_ROLE] in roles}


def state_of(world: World) -> State:
    """As the API server has it: pods of the cluster's are owned by it, and ready."""
    state = State()
    assert world.cluster
    for item in [world.cluster, world.job, *world.api.all(resources.PODS)]:
        assert item
        found = copy.deepcopy(item)
        if "spec" in item and item.get("kind") == "Pod" and not pods.is_dead(item):
            found["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        state.put(found)
    return state


def planned(world: World, which: str, spec: Mapping[str, Any]) -> Outcome:
    item = world.job if which == "job" else world.cluster
    assert item
    metadata = {**item["metadata"], "generation": item["metadata"]["generation"] + 1}
    edited = {**item, "metadata": metadata, "spec": {**item["spec"], **spec}}
    return foresee(state_of(world), [edited], world.clock.now)


def at_rest(world: World) -> None:
    """... with idle TaskManagers gone, and a checkpoint of the run that there is."""
    world.settle()
    for _ in range(15):
        world.round()


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(EDITS), min_size=1, max_size=4))
def test_what_is_foreseen_happens(edits: list[tuple[str, Mapping[str, Any]]]) -> None:
    world = World()
    at_rest(world)
    for which, spec in edits:
        outcome = planned(world, which, spec)
        was_alive = bool(world.alive)
        there, runs = flink_pods(world.api.all(resources.PODS)), len(world.history)
        world.edit(which, **spec)
        at_rest(world)
        gone = {pod.name for pod in outcome.pods if pod.verb == "delete"}
        new = {pod.name for pod in outcome.pods if pod.verb == "create"}
        assert flink_pods(world.api.all(resources.PODS)) == there - gone | new, (which, spec)
        starts = [step for step in outcome.steps if step.verb == "start"]
        assert len(world.history) - runs == len(starts), (which, spec, outcome.steps)
        for run, step in zip(world.history[runs:], starts, strict=True):
            assert run.parallelism == step.parallelism
            assert run.restored.rpartition("/")[0] == step.path.rpartition("/")[0], (run.restored, step)
        runs_now = outcome.steps[-1].verb == "start" if outcome.steps else was_alive
        assert bool(world.alive) == runs_now, (which, spec, outcome.steps)
