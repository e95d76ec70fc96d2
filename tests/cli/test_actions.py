"""What the verbs write, and how their waiting ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clients.kube import resources
from core import names

from .conftest import CLUSTER_SPEC, JOB_SPEC, Run, World, conditions

JOBS, CLUSTERS = resources.FLINK_JOBS, resources.FLINK_CLUSTERS
PREFIX = "operator.nextbreakpoint.com/"
Play = Callable[..., None]
JOB = "flinkjob.nextbreakpoint.com/demo-one"


@pytest.mark.parametrize(
    ("arguments", "resource", "wanted"),
    [
        (("job", "stop", "demo-one"), JOBS, ("STOP", "false", "false")),
        (("job", "stop", "demo-one", "--drain"), JOBS, ("STOP", "false", "true")),
        (("jobs", "stop", "--cluster-name", "demo", "--job-name", "one"), JOBS, ("STOP", "false", "false")),
        (("job", "start", "demo-one", "--without-savepoint"), JOBS, ("START", "true", "false")),
        (("cluster", "stop", "--cluster-name", "demo"), CLUSTERS, ("STOP", "false", "false")),
        (("cluster", "start", "demo"), CLUSTERS, ("START", "false", "false")),
        (("savepoint", "trigger", "demo-one", "--no-wait"), JOBS, ("TRIGGER_SAVEPOINT", "false", "false")),
        (
            ("savepoint", "forget", "--cluster-name", "demo", "--job-name", "one"),
            JOBS,
            ("FORGET_SAVEPOINT", "false", "false"),
        ),
    ],
)
def test_a_request_is_written_as_annotations(
    run: Run, world: World, arguments: tuple[str, ...], resource: resources.Resource, wanted: tuple[str, ...]
) -> None:
    world.cluster()
    world.job()
    assert run(*arguments).exit_code == 0
    found = world.annotations(resource, "demo-one" if resource is JOBS else "demo")
    keys = ("requested-action", "without-savepoint", "drain")
    assert tuple(found[PREFIX + key] for key in keys) == wanted
    assert int(found[PREFIX + "action-timestamp"]) > 1_600_000_000_000


FROM = ("job", "start", "demo-one", "--from", "s3://s/1")


def test_a_start_from_a_savepoint_is_for_that_start(run: Run, world: World) -> None:
    world.job()
    assert run(*FROM).exit_code == 0
    assert world.annotations(JOBS, "demo-one")[PREFIX + "from-savepoint"] == "s3://s/1"
    assert run("job", "start", "demo-one").exit_code == 0
    assert PREFIX + "from-savepoint" not in world.annotations(JOBS, "demo-one")


@pytest.mark.parametrize("other", ["--without-savepoint", "demo-two"])
def test_what_does_not_go_with_a_start_from_a_savepoint(run: Run, world: World, other: str) -> None:
    world.job()
    result = run(*FROM, other)
    assert (result.exit_code, "do not go together" in result.stderr) == (2, True)


def test_stop_waits_until_it_is_stopped(run: Run, world: World, supervisor: Play) -> None:
    world.job()

    def act() -> None:
        world.become("demo-one", "Stopping", message="stopping the job with a savepoint")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Stopped")

    supervisor(JOBS, "demo-one", "STOP", act)
    result = run("job", "stop", "demo-one", "--wait", "--timeout", "20s")
    assert (result.exit_code, result.stdout) == (0, f"{JOB} stop requested\n{JOB} stopped\n")


def test_stop_fails_with_the_reason_of_the_savepoint(run: Run, world: World, supervisor: Play) -> None:
    world.job()

    def act() -> None:
        world.become("demo-one", "Stopping")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Started", failure="SavepointFailed: disk full")

    supervisor(JOBS, "demo-one", "STOP", act)
    result = run("job", "stop", "demo-one", "--timeout", "20s")
    assert result.exit_code == 1
    assert f"error: {JOB}: SavepointFailed: disk full" in result.stderr


@pytest.mark.parametrize(("by", "asked"), [("Person", False), ("Flink", True), ("Cluster", True)])
def test_what_a_person_stopped_is_stopped_already(run: Run, world: World, by: str, asked: bool) -> None:
    """The others a restart policy may start again."""
    world.job(phase="Stopped", stoppedBy=by)
    result = run("job", "stop", "demo-one", *([] if asked else ["--wait"]))
    assert (result.exit_code, result.stdout) == (0, f"{JOB} {'stop requested' if asked else 'is stopped already'}\n")
    assert (PREFIX + "requested-action" in world.annotations(JOBS, "demo-one")) == asked


def test_start_is_not_done_before_the_request_was_taken_up(run: Run, world: World) -> None:
    """A job that runs is Started and ready all the time: only the request tells the old run from the new one."""
    world.job()
    result = run("job", "start", "demo-one", "--wait", "--timeout", "500ms")
    assert result.exit_code == 1
    assert f"{JOB}: not done after 0.5s; it is Started: the supervisor has not taken up START yet" in result.stderr


def test_of_several_each_is_told_for_itself(run: Run, world: World, supervisor: Play) -> None:
    world.job()
    world.job("demo-two")

    def stop() -> None:
        world.become("demo-two", "Stopping")
        world.consume(JOBS, "demo-two")
        world.become("demo-two", "Stopped")

    def fail() -> None:
        world.become("demo-one", "Stopping")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Started", failure="SavepointFailed: disk full")

    supervisor(JOBS, "demo-two", "STOP", stop)
    supervisor(JOBS, "demo-one", "STOP", fail)
    result = run("job", "stop", "demo-one", "demo-two", "--timeout", "60s")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[2:] == ["flinkjob.nextbreakpoint.com/demo-two stopped"]
    assert f"error: {JOB}: SavepointFailed: disk full" in result.stderr


def test_start_waits_until_it_is_ready(run: Run, world: World, supervisor: Play) -> None:
    world.job(phase="Stopped")

    def act() -> None:
        world.become("demo-one", "Starting")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Started")

    supervisor(JOBS, "demo-one", "START", act)
    result = run("job", "start", "demo-one", "--wait", "--timeout", "20s")
    assert (result.exit_code, result.stdout) == (0, f"{JOB} start requested\n{JOB} started\n")


def test_a_restart_of_a_cluster_waits_for_its_jobs_too(run: Run, world: World, supervisor: Play) -> None:
    world.cluster()
    for name, policy in (("demo-one", "Always"), ("demo-two", "Never")):
        world.job(name, restartPolicy=policy, attempt=1)
        labels = {names.LABEL_CLUSTER: "demo"}
        world.client.patch(JOBS, name, {"metadata": {"labels": labels}}, namespace="default")

    def act() -> None:
        world.become("demo", "Starting", resource=CLUSTERS)
        world.consume(CLUSTERS, "demo")
        world.become("demo", "Started", resource=CLUSTERS)
        for name in ("demo-one", "demo-two"):
            world.become(name, "Started", attempt=2)

    supervisor(CLUSTERS, "demo", "START", act)
    result = run("cluster", "restart", "demo", "--wait", "--timeout", "20s")
    cluster = "flinkcluster.nextbreakpoint.com/demo"
    told = f"{cluster} restart requested\n{cluster} started\n{JOB} runs again\n"
    told += f"{JOB.replace('one', 'two')} runs again\n"
    assert (result.exit_code, result.stdout) == (0, told)


@pytest.mark.parametrize(("began", "code"), [("s3://s/1", 0), ("s3://s/0", 1)])
def test_a_start_that_began_elsewhere_than_it_was_told_to_has_failed(
    run: Run, world: World, supervisor: Play, began: str, code: int
) -> None:
    """The path could not be read; the job runs from what else is known."""
    world.job(phase="Stopped")

    def act() -> None:
        world.become("demo-one", "Starting")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Started", restorePath=began)

    supervisor(JOBS, "demo-one", "START", act)
    result = run(*FROM, "--yes", "--wait", "--timeout", "20s")
    assert result.exit_code == code
    assert ("runs from s3://s/0, not from s3://s/1" in result.stderr) == bool(code)


def test_start_of_what_its_spec_suspends_is_refused_at_once(run: Run, world: World) -> None:
    world.add(JOBS, "demo-one", {**JOB_SPEC, "suspend": True})
    result = run("job", "start", "demo-one")
    assert (result.exit_code, result.stderr) == (1, f"error: {JOB} cannot start: spec.suspend is true\n")
    assert PREFIX + "requested-action" not in world.annotations(JOBS, "demo-one")


def test_start_says_that_it_tries_what_was_refused(run: Run, world: World) -> None:
    world.job(rejected={"digest": "d", "failure": "UpdateRefused: no class X"})
    told = f"warning: {JOB}: tries its newest spec in spite of this: UpdateRefused: no class X\n"
    assert told in run("job", "start", "demo-one").stderr
    assert "no class X" not in run("job", "stop", "demo-one").stderr


@pytest.mark.defect(23)
def test_a_second_request_says_that_it_replaces_the_first(run: Run, world: World) -> None:
    world.job()
    run("job", "stop", "demo-one")
    assert "replaces STOP, which nobody has taken up yet" in run("job", "start", "demo-one").stderr


def test_scale_goes_through_the_subresource(run: Run, world: World) -> None:
    world.job()
    world.cluster()
    assert run("job", "scale", "demo-one", "--parallelism", "4").stdout == f"{JOB} scaled to 4\n"
    assert world.get(JOBS, "demo-one")["spec"]["jobParallelism"] == 4
    assert run("cluster", "scale", "--cluster-name", "demo", "--task-managers", "3").exit_code == 0
    assert world.get(CLUSTERS, "demo")["spec"]["taskManagers"] == 3
    assert run("job", "scale", "demo-one", "--parallelism", "-1").exit_code == 2


def test_scale_beyond_the_limits_is_told(run: Run, world: World) -> None:
    world.job()
    result = run("job", "scale", "demo-one", "--parallelism", "99")
    assert "minJobParallelism and maxJobParallelism make it 32" in result.stderr


def test_scale_beyond_what_the_cluster_can_have_is_told(run: Run, world: World) -> None:
    world.add(CLUSTERS, "demo", {**CLUSTER_SPEC, "maxTaskManagers": 2})
    world.job(clusterName="demo")
    result = run("job", "scale", "demo-one", "--parallelism", "3")
    assert "waits for ever: it needs 3 slots; demo may have 2 TaskManagers of 1 slots; raise max" in result.stderr
    assert run("job", "scale", "demo-one", "--parallelism", "2").stderr == ""


def test_scale_to_none_suspends_whatever_the_limits_say(run: Run, world: World) -> None:
    world.add(JOBS, "demo-one", {**JOB_SPEC, "minJobParallelism": 1})
    result = run("job", "scale", "demo-one", "--parallelism", "0")
    assert (result.stdout, result.stderr) == (f"{JOB} scaled to 0\n", "")


# ---- savepoints ----------------------------------------------------------------------------------------------------


def test_trigger_prints_the_path_alone(run: Run, world: World, supervisor: Play) -> None:
    world.job(savepointPath="file:/old", savepointTimestamp="2026-01-01T00:00:00Z")

    def act() -> None:
        on_its_way = {"savepointTriggerId": "ab", "savepointRequestTimestamp": "2026-01-02T00:00:00Z"}
        world.become("demo-one", "Started", **on_its_way)
        world.consume(JOBS, "demo-one")
        done = {"savepointTriggerId": "", "savepointPath": "file:/new", "savepointTimestamp": "2026-01-02T00:00:01Z"}
        world.become("demo-one", "Started", **done)

    supervisor(JOBS, "demo-one", "TRIGGER_SAVEPOINT", act)
    result = run("savepoint", "trigger", "demo-one", "--timeout", "20s")
    assert (result.exit_code, result.stdout) == (0, "file:/new\n")


def test_trigger_fails_with_flinks_reason(run: Run, world: World, supervisor: Play) -> None:
    world.job(savepointPath="file:/old", savepointTimestamp="2026-01-01T00:00:00Z")

    def act() -> None:
        world.become("demo-one", "Started", savepointTriggerId="ab")
        world.consume(JOBS, "demo-one")
        world.become("demo-one", "Started", savepointTriggerId="", failure="SavepointFailed: no such bucket")

    supervisor(JOBS, "demo-one", "TRIGGER_SAVEPOINT", act)
    result = run("savepoint", "trigger", "demo-one", "--timeout", "20s")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {JOB}: SavepointFailed: no such bucket" in result.stderr


def test_trigger_needs_a_running_job(run: Run, world: World) -> None:
    world.job(phase="Stopped")
    result = run("savepoint", "trigger", "demo-one")
    assert result.exit_code == 1
    assert result.stderr == f"error: {JOB} is Stopped: only a running job can take a savepoint\n"


def test_list_shows_the_recovery_points(run: Run, world: World) -> None:
    point = {"type": "SAVEPOINT", "path": "file:/a", "timestamp": "2026-01-01T00:00:00Z", "jobId": "00"}
    world.job(recoveryPoints=[point])
    assert [line.split() for line in run("savepoint", "list", "demo-one").stdout.splitlines()] == [
        ["TYPE", "TIME", "CHECKPOINT-ID", "PATH"],
        ["SAVEPOINT", "2026-01-01T00:00:00Z", "file:/a"],
    ]
    assert run("savepoint", "list", "demo-one", "-o", "name").stdout == "file:/a\n"


# ---- pages ---------------------------------------------------------------------------------------------------------


def test_status_is_1_when_something_is_degraded(run: Run, world: World) -> None:
    world.job()
    assert run("status", "job/demo-one").exit_code == 0
    world.become("demo-one", "Started", conditions=conditions(1, Ready=(False, "no"), Degraded=(True, "disk full")))
    result = run("job", "status", "demo-one")
    assert result.exit_code == 1
    assert "Waits for:      no; disk full" in result.stdout
    assert run("describe", "job", "demo-one").exit_code == 0


def test_the_page_of_a_cluster_tells_the_trouble_of_its_pods(run: Run, world: World) -> None:
    world.cluster()
    labels = {"clusterName": "demo", "owner": "flink-operator", "component": "flink", "role": "jobmanager"}
    body = {"metadata": {"name": "jm", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    world.client.create(resources.PODS, body, namespace="default")
    ended = {"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    ended["state"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = {"status": {"phase": "Failed", "containerStatuses": [ended]}}
    world.client.patch(resources.PODS, "jm", status, namespace="default", subresource="status")
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "jm", "namespace": "default"},
        "reason": "Killed",
        "message": "out of memory",
        "type": "Warning",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    for number in "12":
        world.client.create(resources.EVENTS, {**event, "metadata": {"name": f"e{number}"}}, namespace="default")
    text = run("describe", "fc", "demo").stdout
    assert "OOMKilled, exit code 137" in text
    assert "Killed x2" in text


def test_events_of_the_same_second_are_in_the_order_in_which_they_were_written(run: Run, world: World) -> None:
    world.job()
    about = {"kind": "FlinkJob", "name": "demo-one", "namespace": "default"}
    for name, reason in [("e9", "JobRestarting"), ("e1", "JobStarted")]:
        event = {"involvedObject": about, "reason": reason, "message": "", "lastTimestamp": "2026-01-01T00:00:00Z"}
        world.client.create(resources.EVENTS, {**event, "metadata": {"name": name}}, namespace="default")
    text = run("describe", "fj", "demo-one").stdout
    assert text.index("JobRestarting") < text.index("JobStarted")


# ---- questions -----------------------------------------------------------------------------------------------------

DESTROYS = [
    ("job", "delete", "demo-one"),
    ("job", "stop", "demo-one", "--without-savepoint"),
    ("job", "stop", "demo-one", "--drain"),
    ("job", "restart", "demo-one", "--without-savepoint"),
    ("savepoint", "forget", "demo-one"),
]


@pytest.mark.parametrize("arguments", DESTROYS)
def test_what_destroys_something_is_asked_about_on_a_terminal(
    run: Run, world: World, arguments: tuple[str, ...]
) -> None:
    before = world.job()
    no = run(*arguments, input="n\n", terminal=True)
    assert (no.exit_code, no.stdout) == (1, "")
    assert world.get(JOBS, "demo-one")["metadata"] == before["metadata"]
    assert run(*arguments, input="y\n", terminal=True).stdout.startswith(JOB)


@pytest.mark.parametrize("arguments", DESTROYS)
@pytest.mark.parametrize("how", [{"terminal": True, "yes": ("--yes",)}, {"terminal": False, "yes": ()}])
def test_nobody_is_asked_after_yes_nor_without_a_terminal(
    run: Run, world: World, arguments: tuple[str, ...], how: dict[str, Any]
) -> None:
    world.job()
    assert run(*arguments, *how["yes"], terminal=how["terminal"], input="").stdout.startswith(JOB)
