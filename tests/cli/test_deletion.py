"""delete: what it waits for, and what it says and asks about the state of jobs."""

from __future__ import annotations

from typing import Any

import pytest

from clients.kube import resources

from .conftest import CLUSTER_SPEC, JOB_SPEC, Run, World

JOBS = resources.FLINK_JOBS
JOB = "flinkjob.nextbreakpoint.com/demo-one"
Object = dict[str, Any]


def test_delete_waits_for_the_finalizers(run: Run, world: World) -> None:
    world.add(JOBS, "demo-one", JOB_SPEC, finalizers=["example.com/held"])
    late = run("job", "delete", "demo-one", "--timeout", "500ms")
    assert (late.exit_code, late.stdout) == (1, f"{JOB} is being deleted\n")
    assert f"{JOB}: not done after 0.5s; it is Deleting: on its way out: example.com/held; " in late.stderr
    assert late.stderr.endswith("; flinkctl explain fj/demo-one -n default says more\n")
    world.client.patch(JOBS, "demo-one", {"metadata": {"finalizers": None}}, namespace="default")
    assert run("job", "delete", "demo-one").exit_code == 1


def test_delete_of_a_deployment_waits_for_its_cluster_and_jobs(run: Run, world: World) -> None:
    """Their jobs end when it is long gone itself."""
    uid = world.add(resources.FLINK_DEPLOYMENTS, "demo", {"cluster": CLUSTER_SPEC})["metadata"]["uid"]
    owner = {"apiVersion": "nextbreakpoint.com/v1", "kind": "FlinkDeployment", "name": "demo", "uid": uid}
    held = {"ownerReferences": [{**owner, "controller": True}], "finalizers": ["example.com/held"]}
    world.add(JOBS, "demo-one", JOB_SPEC, **held)
    world.add(JOBS, "other", JOB_SPEC)
    result = run("deployment", "delete", "demo", "--timeout", "1s")
    assert (result.exit_code, result.stdout) == (1, "flinkdeployment.nextbreakpoint.com/demo deleted\n")
    assert f"error: {JOB}: not done after 1s; it is Deleting" in result.stderr
    assert "other" not in result.stderr


def owned(world: World, **job: Any) -> Object:
    """The job of a FlinkDeployment, with this status."""
    uid = world.add(resources.FLINK_DEPLOYMENTS, "demo", {"cluster": CLUSTER_SPEC})["metadata"]["uid"]
    owner = {"apiVersion": "nextbreakpoint.com/v1", "kind": "FlinkDeployment", "name": "demo", "uid": uid}
    spec = {**JOB_SPEC, "savepoint": {**JOB_SPEC["savepoint"], **job.pop("savepoint", {})}}
    world.add(JOBS, "demo-one", spec, ownerReferences=[{**owner, "controller": True}])
    return world.become("demo-one", "Started", **job)


POINT = {"type": "SAVEPOINT", "timestamp": "2026-01-01T00:00:00Z"}
POINTS = {"hadState": True, "recoveryPoints": [{**POINT, "path": "file:/b"}, {**POINT, "path": "file:/a"}]}
AGAIN = f"warning: {JOB} belongs to FlinkDeployment demo, which makes it again"
CANCELLED = f"warning: {JOB} is cancelled without a savepoint, as its savepointOnDelete is false"
NEWEST = "; its newest recovery point is file:/b"


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({}, [f"{AGAIN}: it begins empty"]),
        (
            {"savepoint": {"savepointPath": "file:/s"}, **POINTS},
            [f"{AGAIN}: it begins with file:/s, its savepointPath{NEWEST}"],
        ),
        ({**POINTS}, [f"{AGAIN}: it begins empty{NEWEST}"]),
        ({"clusterRevision": "r", **POINTS}, [f"{AGAIN}: it begins empty", f"{CANCELLED}{NEWEST}"]),
        (
            {"clusterRevision": "r", "savepoint": {"savepointOnDelete": True}, **POINTS},
            [f"{AGAIN}: it begins empty{NEWEST}"],
        ),
    ],
)
def test_delete_of_a_child_says_that_it_comes_back_and_with_which_state(
    run: Run, world: World, job: Object, told: list[str]
) -> None:
    owned(world, **job)
    result = run("job", "delete", "demo-one", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"{JOB} deleted\n")
    assert result.stderr.splitlines()[: len(told)] == told
    assert "warning" not in "".join(result.stderr.splitlines()[len(told) :])


def test_a_state_that_would_be_lost_is_not_given_up_without_a_yes(run: Run, world: World) -> None:
    owned(world, **POINTS)
    result = run("job", "delete", "demo-one")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {JOB} would lose its state, and nobody is there to ask: --yes deletes it" in result.stderr
    assert run("job", "delete", "demo-one", "--dry-run=client").exit_code == 0
    assert run("job", "delete", "demo-one", input="y\n", terminal=True).exit_code == 0


@pytest.mark.parametrize("what", [("deployment", "demo"), ("job", "demo-one")])
def test_delete_says_which_jobs_are_cancelled_without_a_savepoint(
    run: Run, world: World, what: tuple[str, str]
) -> None:
    owned(world, clusterRevision="r", **POINTS)
    world.job("other", clusterRevision="r")
    result = run(what[0], "delete", what[1], input="n\n", terminal=True)
    assert f"{CANCELLED}{NEWEST}\n" in result.stderr
    assert "other" not in result.stderr
    assert result.stderr.endswith(f"/{what[1]}? [y/N]: n\n")
