"""What `flinkctl plan` foresees is what then happens: the same pods, the same jobs, from the same savepoints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.manifests import Manifest
from cli.plan import edit
from cli.plan import state as states
from cli.plan.outcome import Outcome, foresee
from cli.plan.supervision import Step
from clients.kube import resources as r

from .manifests import cluster, flink_deployment, job
from .world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
NAME, JOBS = "plan", ("plan-one", "plan-two")
Object = dict[str, Any]


def manifest(world: World, options: Object, of_one: Object) -> Object:
    """With more options of Flink, and changes of the first job."""
    body = cluster(world.place)
    body["flinkConfiguration"] |= options
    return flink_deployment(NAME, body, {"one": job(world.place, changes=of_one), "two": job(world.place)})


@pytest.fixture(scope="module")
def there(world: World) -> Iterator[None]:
    world.apply(manifest(world, {}, {}))
    yield
    world.remove((r.FLINK_DEPLOYMENTS, NAME), (r.FLINK_CLUSTERS, NAME), *((r.FLINK_JOBS, job) for job in JOBS))


def planned(world: World, body: Object) -> Outcome:
    state = states.live(world.client, [world.namespace])
    live = state.get(("FlinkDeployment", world.namespace, NAME))
    edited = edit.edited(live, Manifest("test", r.FLINK_DEPLOYMENTS, body), world.namespace, datetime.now(UTC))
    return foresee(state, [edited], datetime.now(UTC))


def apply(world: World, body: Object) -> None:
    change = [{"op": "replace", "path": "/spec", "value": body["spec"]}]
    world.client.patch(r.FLINK_DEPLOYMENTS, NAME, change, namespace=world.namespace, kind="json")


def pod_names(world: World) -> set[str]:
    return {pod["metadata"]["name"] for pod in world.pods(NAME)}


def attempt(world: World, name: str) -> int:
    return int(world.job(name)["attempt"])


def as_foreseen(world: World, start: Step, stop: Step) -> None:
    """A new run with that parallelism, from the savepoint of the stop or from a checkpoint."""
    status = world.job(start.job)
    assert (status["jobParallelism"], bool(start.path)) == (start.parallelism, True)
    if stop.savepoint:
        assert plain(status["restorePath"]).startswith(plain(stop.path).rstrip("…"))
        assert status["restorePath"] == status["savepointPath"]
    else:
        assert plain(status["restorePath"]).rpartition("/chk-")[0] == plain(start.path).rpartition("/chk-")[0]


def plain(path: str) -> str:
    """Flink writes file:/x for file:///x."""
    return re.sub(r"/+", "/", path)


# One after the other: each is what differs from the manifest at the beginning, of Flink's options and of the first job.
DELAY = {"restart.restartDelay": 2}
OPTION = {"web.refresh-interval": "2000"}
ARGUMENTS = {"bootstrap.arguments": ["--rate", "100", "--checkpoint-interval", "500"]}
EDITS: dict[str, tuple[Object, Object]] = {
    "a restart policy": ({}, DELAY),
    "more parallelism": ({}, {**DELAY, "jobParallelism": 2}),
    "an option of Flink": (OPTION, {**DELAY, "jobParallelism": 2}),
    "less parallelism": (OPTION, DELAY),
    "arguments, without savepoints": (OPTION, {**DELAY, "savepoint.savepointMode": "Manual", **ARGUMENTS}),
}


@pytest.mark.slow
@pytest.mark.parametrize("edited", EDITS)
def test_what_is_foreseen_happens(world: World, there: None, edited: str) -> None:
    options, of_one = EDITS[edited]
    marks, pods = world.steady(NAME, *JOBS), pod_names(world)
    body = manifest(world, options, of_one)
    outcome = planned(world, body)
    assert outcome
    assert (outcome.waits, outcome.under_way, outcome.settled) == ((), (), True)
    apply(world, body)
    gone = {pod.name for pod in outcome.pods if pod.verb == "delete"}
    surplus = sum(pod.is_surplus(outcome.pods) for pod in outcome.pods if pod.verb == "delete")
    new = {pod.name for pod in outcome.pods if pod.verb == "create"}
    if surplus:
        world.wait("as few pods as planned are left", lambda: len(pod_names(world)) == len(pods) - surplus)
        assert pod_names(world) < pods  # which one, only Flink knows
    else:
        world.wait("the pods are those of the plan", lambda: pod_names(world) == pods - gone | new)
    stops = {step.job: step for step in outcome.steps if step.verb == "stop"}
    starts = {step.job: step for step in outcome.steps if step.verb == "start"}
    assert stops.keys() == starts.keys()
    world.wait("the jobs have new runs", lambda: all(attempt(world, name) > marks[name].attempt for name in starts))
    after = world.steady(NAME, *JOBS)
    assert {each for each in JOBS if after[each].attempt == marks[each].attempt + 1} == starts.keys()
    assert all(after[each].job_id == marks[each].job_id for each in JOBS if each not in starts)
    for start in starts.values():
        as_foreseen(world, start, stops[start.job])
        world.check_resumed(start.job, marks[start.job])
    assert not planned(world, body)
