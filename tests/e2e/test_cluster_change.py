"""Changes of the cluster under its jobs: saved, taken down, brought back on new pods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.kube import resources as r
from core import names

from .manifests import cluster, flink_deployment, job
from .world import Mark, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLUSTER, ALWAYS, NEVER = "change", "change-always", "change-never"
Marks = dict[str, Mark]


@pytest.fixture(scope="module")
def change(world: World) -> Iterator[None]:
    jobs = {"always": job(world.place), "never": job(world.place, policy="Never")}
    world.apply(flink_deployment(CLUSTER, cluster(world.place, slots=2), jobs))
    yield
    world.remove((r.FLINK_DEPLOYMENTS, CLUSTER), (r.FLINK_CLUSTERS, CLUSTER))


@pytest.fixture
def marks(world: World, change: None) -> Marks:
    return world.steady(CLUSTER, ALWAYS, NEVER)


def down(world: World) -> bool:
    """Published, and done."""
    return world.cluster(CLUSTER).get("supervisorStatus") == "Stopped" and not world.pods(CLUSTER)


def saved(world: World) -> None:
    """Each job came back from its own last savepoint."""
    for name in (ALWAYS, NEVER):
        status = world.job(name)
        assert status["restoredPath"] == status["savepointPath"] != ""


@pytest.mark.scenario("S20", "L1")
def test_an_edit_of_the_pods_takes_the_jobs_along(world: World, marks: Marks) -> None:
    """Both jobs are saved, all pods are of another revision, both jobs are back whatever their policy."""
    before, revision = world.uids(CLUSTER), world.cluster(CLUSTER)["revision"]
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/taskManager/taskSlots", 3)
    world.resumed(CLUSTER, marks)
    saved(world)
    status = world.cluster(CLUSTER)
    assert status["revision"] == status["targetRevision"] != revision
    assert status["totalTaskSlots"] == 3
    assert not before & world.uids(CLUSTER)
    assert {pod["metadata"]["labels"][names.LABEL_REVISION] for pod in world.pods(CLUSTER)} == {status["revision"]}


@pytest.mark.scenario("C5.9")
def test_an_edit_that_is_taken_back_at_once(world: World, marks: Marks) -> None:
    """Whatever was on its way, both jobs end on the old revision with their state."""
    revision = world.cluster(CLUSTER)["revision"]
    environment = "cluster/jobManager/environment"
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, environment, [{"name": "MOOD", "value": "new"}])
    world.wait(
        "the change has begun",
        lambda: world.cluster(CLUSTER).get("targetRevision") != revision,
        pace=0.01,
    )
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, environment, [])
    world.wait("the old revision is wanted", lambda: world.cluster(CLUSTER).get("targetRevision") == revision)
    after = world.steady(CLUSTER, ALWAYS, NEVER)
    assert world.cluster(CLUSTER)["revision"] == revision
    assert all(mark.total >= marks[name].total for name, mark in after.items())


def test_an_edit_of_the_supervisor_restarts_no_flink_pod(world: World, marks: Marks) -> None:
    """Its own pod is replaced; pods and runs of Flink are the same."""
    pods, supervisors = world.uids(CLUSTER), world.uids(CLUSTER, names.SUPERVISOR)
    limits = {"limits": {"memory": "384Mi"}, "requests": {"memory": "128Mi"}}
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/supervisor/resources", limits)
    world.wait(
        "the supervisor is another one",
        lambda: (found := world.uids(CLUSTER, names.SUPERVISOR)) and not found & supervisors,
    )
    # It does its work: it answers a request.
    world.take_savepoint(ALWAYS)
    assert world.uids(CLUSTER) == pods
    after = world.steady(CLUSTER, ALWAYS, NEVER)
    assert {mark.job_id for mark in after.values()} == {mark.job_id for mark in marks.values()}


@pytest.mark.scenario("S10")
@pytest.mark.slow
def test_a_stop_of_the_cluster_ends_as_the_policies_say(world: World, marks: Marks) -> None:
    """STOP saves both and leaves no pod; after START the policy Always comes back, Never waits for a person."""
    world.request(r.FLINK_CLUSTERS, CLUSTER, "STOP")
    world.wait("the cluster is stopped", lambda: down(world))
    statuses = [world.job(name) for name in marks]
    assert [status["supervisorStatus"] for status in statuses] == ["Stopped", "Stopped"]
    assert all(status["savepointPath"] for status in statuses)
    world.request(r.FLINK_CLUSTERS, CLUSTER, "START")
    world.resumed(CLUSTER, {ALWAYS: marks[ALWAYS]})
    assert world.job(NEVER)["supervisorStatus"] == "Stopped"
    world.request(r.FLINK_JOBS, NEVER, "START")
    world.resumed(CLUSTER, marks)
    saved(world)


@pytest.mark.scenario("C5.11")
@pytest.mark.slow
def test_hooks_and_metacontroller_are_killed_in_each_state(world: World, marks: Marks) -> None:
    """While the cluster stops, is down, and starts: the change is carried through, and nothing is there twice."""
    killed_in(world, "Stopping", suspend=True)
    killed_in(world, "Stopped")
    killed_in(world, "Starting", suspend=False)
    world.resumed(CLUSTER, marks)
    saved(world)
    assert len(world.pods(CLUSTER, names.JOBMANAGER)) == len(world.pods(CLUSTER, names.TASKMANAGER)) == 1
    assert {world.job(name)["attempt"] - mark.attempt for name, mark in marks.items()} == {1}


def killed_in(world: World, state: str, suspend: bool | None = None) -> None:
    if suspend is not None:
        world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/suspend", suspend)
    world.wait(state, lambda: world.cluster(CLUSTER).get("supervisorStatus") == state, pace=0.01)
    world.kill(world.hooks())
    world.place.restart_metacontroller()


@pytest.mark.slow
def test_suspended_by_the_spec_and_back(world: World, marks: Marks) -> None:
    """All jobs come back from a suspension that the manifest declared, whatever their policy."""
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/suspend", True)
    world.wait("the cluster is down", lambda: down(world))
    world.wait(
        "the suspension shows", lambda: world.condition(r.FLINK_CLUSTERS, CLUSTER, "Suspended")["status"] == "True"
    )
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/suspend", False)
    world.resumed(CLUSTER, marks)
    saved(world)


CANNOT_START = {
    "no such image": ("runtime/image", "flink-metacontroller/absent:1", "absent:1"),
    "a wrong option": ("flinkConfiguration/metrics.fetcher.update-interval", "lots", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CANNOT_START)
def test_an_edit_whose_pods_do_not_start_is_taken_back(world: World, marks: Marks, case: str) -> None:
    """The pods from before come back, and the jobs from their savepoints; a good edit is taken."""
    path, value, said = CANNOT_START[case]
    part, _, field = path.partition("/")
    good = world.get(r.FLINK_CLUSTERS, CLUSTER)["spec"][part][field]
    revision = world.cluster(CLUSTER)["revision"]
    assert world.cluster(CLUSTER)["stable"]["revision"] == revision
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/updateTimeout", 60)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, f"cluster/{path}", value)

    def back() -> bool:
        """The jobs too, on the pods from before, while the spec says something else."""
        ready = all(world.is_ready(r.FLINK_JOBS, name) for name in marks)
        return ready and world.condition(r.FLINK_CLUSTERS, CLUSTER, "Ready").get("reason") == "RolledBack"

    world.wait("the pods from before run again", back)
    status = world.cluster(CLUSTER)
    assert status["revision"] == revision != status["rejected"]["revision"]
    assert said in status["rejected"]["failure"]
    assert world.get(r.FLINK_CLUSTERS, CLUSTER)["spec"][part][field] == value
    assert world.condition(r.FLINK_CLUSTERS, CLUSTER, "Stalled")["status"] == "True"
    assert world.condition(r.FLINK_DEPLOYMENTS, CLUSTER, "Stalled")["status"] == "True"
    assert "RolledBack" in world.reasons(CLUSTER)
    saved(world)
    for name, mark in marks.items():
        world.check_resumed(name, mark)

    pods = world.uids(CLUSTER)
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, f"cluster/{path}", good)
    world.steady(CLUSTER, *marks)
    assert world.uids(CLUSTER) == pods
    mood = [{"name": "MOOD", "value": case}]
    world.edit(r.FLINK_DEPLOYMENTS, CLUSTER, "cluster/jobManager/environment", mood)
    world.resumed(CLUSTER, marks)
    assert world.cluster(CLUSTER)["revision"] != revision
