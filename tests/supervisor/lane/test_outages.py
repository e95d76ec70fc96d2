"""Nobody looks at Flink for a while, and the job goes on: what it wrote meanwhile counts when somebody looks again."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Checkpoints
from clients.kube import Unreachable

from .test_losses import recovered_by_flink
from .test_updates import update

LONG = 200.0  # seconds; more than restartTimeout


def supervisor(stage: Any) -> None:
    """It is away, with its node."""
    for _ in range(int(LONG / 5)):
        stage.wait(5.0)
    stage.new_supervisor()


def jobmanager(stage: Any) -> None:
    """It does not answer."""
    stage.flink.answers = False
    stage.settle(LONG)
    stage.flink.answers = True


def submitted(stage: Any) -> None:
    stage.play(lambda: stage.status.attempt == 2 and len(stage.flink.history) == 2)


def started(stage: Any) -> None:
    submitted(stage)
    stage.play(lambda: stage.is_in("Started"))


def has_failed(run: Any) -> None:
    run.status = "FAILED"


def restarts(run: Any) -> None:
    run.restart()
    run.status = "RESTARTING"


def restarted(run: Any) -> None:
    run.restart()


def runs(run: Any) -> None:
    pass


@pytest.fixture
def running(stage: Any) -> Any:
    """A first run that nobody has seen with its tasks, and the work that is in its checkpoints."""

    def play(away: Any, becomes: Any) -> tuple[Any, float]:
        made = stage()
        made.edit(restart={**made.job["spec"]["restart"], "restartPolicy": "Always", "restartDelay": 5})
        made.play(lambda: bool(made.flink.history))
        away(made)
        becomes(made.flink.history[0])
        return made, max(made.flink.disk.values())

    return play


@pytest.mark.parametrize("away", [supervisor, jobmanager])
def test_a_start_that_nobody_saw_is_no_failure_while_its_tasks_restart(running, away):
    stage, _ = running(away, restarts)
    run = stage.flink.history[0]
    stage.settle(300)
    assert (stage.alive, stage.conditions["Progressing"]) == ([run.id], "WaitingForTasks")
    run.status = "RUNNING"
    stage.play(stage.is_ready)
    assert len(stage.flink.history) == 1


@pytest.mark.parametrize("away", [supervisor, jobmanager])
def test_a_run_that_nobody_saw_comes_back_with_its_state(running, away):
    stage, work = running(away, has_failed)
    stage.play(lambda: len(stage.flink.history) > 1)
    assert stage.flink.disk[stage.flink.history[1].restored] >= work


@pytest.mark.parametrize("edit", [{}, {"suspend": True}], ids=["as it was", "suspended meanwhile"])
def test_what_the_first_look_shows_is_known_when_the_jobmanager_dies_then(running, edit):
    stage, work = running(supervisor, runs)
    stage.edit(**edit)
    stage.step()
    stage.lose_jobmanager()
    stage.settle(10)
    stage.edit(suspend=False)
    stage.play(stage.is_ready)
    assert stage.flink.disk[stage.flink.history[1].restored] >= work


@pytest.mark.parametrize("away", [supervisor, jobmanager])
@pytest.mark.parametrize("when", [submitted, started])
@pytest.mark.parametrize("becomes", [runs, restarted])
def test_an_update_that_works_is_not_taken_back(ready, when, away, becomes):
    """Flink says that its tasks began with a checkpoint of this very run."""
    update(ready, "img:2")
    when(ready)
    run = ready.flink.history[-1]
    away(ready)
    becomes(run)
    ready.play(ready.is_ready)
    assert ready.alive == [run.id]
    assert not ready.status.rejected.digest
    assert ready.status.stable.bootstrap["image"] == "img:2"


@pytest.mark.parametrize("becomes", [runs, restarts, restarted, has_failed])
def test_what_comes_next_begins_with_what_the_update_wrote(ready, becomes):
    """An edit, when nobody has seen that the one before was Ready."""
    update(ready, "img:2")
    submitted(ready)
    supervisor(ready)
    run = ready.flink.history[-1]
    becomes(run)
    work = max(work for path, work in ready.flink.disk.items() if run.id in path)
    update(ready, "img:3")
    ready.play(lambda: len(ready.flink.history) == 3 and ready.is_ready())
    assert ready.flink.disk[ready.flink.history[-1].restored] >= work


def test_an_update_of_the_cluster_that_works_is_where_the_next_one_begins(ready):
    ready.cluster(supervisorStatus="Stopping", targetRevision="r2")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Started", revision="r2", incarnation=2, onTrial=True)
    submitted(ready)
    supervisor(ready)
    work = max(ready.flink.disk.values())
    ready.cluster(supervisorStatus="Stopping", targetRevision="r3")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Started", revision="r3", incarnation=3, onTrial=True)
    ready.play(ready.is_ready)
    assert ready.flink.disk[ready.flink.history[-1].restored] >= work


def test_an_update_that_restores_something_else_proves_nothing(ready):
    """Whatever it writes: it is stopped, and the spec from before runs again."""
    update(ready, "img:2")
    submitted(ready)
    supervisor(ready)
    ready.flink.history[-1].restored = "s3://another/chk-1"
    ready.play(lambda: ready.status.rejected.digest and ready.is_ready())
    assert ready.status.rejected.failure.startswith("RestoreMismatch")
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


@pytest.mark.parametrize("away", [supervisor, jobmanager])
def test_a_plan_that_nobody_asked_for_is_not_refused(ready, away):
    update(ready, "img:2")
    ready.play(lambda: bool(ready.status.update.jar_id))
    away(ready)
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert not ready.status.rejected.digest


def refuse_writes(stage: Any, seconds: float) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise Unreachable("down", sent=False)

    write, stage.kube.replace = stage.kube.replace, down
    stage.settle(seconds)
    stage.kube.replace = write


def test_what_could_not_be_stored_is_not_forgotten(ready):
    """The API server refuses writes, and at the end of that the JobManager dies: what was stored is gone by then."""
    refuse_writes(ready, 120)
    newest = max(ready.flink.disk.values())
    ready.lose_jobmanager()
    ready.play(lambda: len(ready.flink.history) == 2)
    assert ready.flink.disk[ready.flink.history[-1].restored] >= newest


def test_what_flink_brought_a_run_back_with_is_a_way_back(ready):
    """Its own high availability, while nobody looked, from a checkpoint that nobody knows; then it is let go of."""
    supervisor(ready)
    run = recovered_by_flink(ready)
    run.stuck = True
    assert not any(point.path in ready.flink.disk for point in ready.status.recovery_points)
    ready.play(lambda: "JobAdopted" in ready.kube.events)
    ready.cluster(supervisorStatus="Stopping")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Started", incarnation=ready.incarnation + 1)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == run.own.external_path


@pytest.mark.parametrize("asked", ["STOP", "suspend"])
def test_a_job_that_nobody_could_ask_about_is_stopped_with_its_savepoint(stage, asked):
    made = stage()
    made.flink.checkpoint_every = 1e9
    made.play(lambda: bool(made.flink.history))
    made.flink.answers = False
    made.settle(100)
    made.edit(suspend=True) if asked == "suspend" else made.annotate(asked)
    made.settle(5)
    made.flink.answers = True
    made.play(lambda: made.is_in("Stopped"))
    assert made.flink.history[0].status == "FINISHED"
    assert made.status.savepoint_path


def test_a_main_that_takes_long_is_no_restore_mismatch(ready):
    """What Flink tells about its checkpoints is empty for its first seconds, which begin when main() has submitted."""
    begin, told = ready.flink.run, ready.flink.checkpoints

    def run(jar_id: str, **more: Any) -> str:
        ready.wait(20.0)
        return str(begin(jar_id, **more))

    ready.flink.run = run
    ready.flink.checkpoints = lambda job_id: Checkpoints() if ready.flink.runs[job_id].age < 3.0 else told(job_id)
    update(ready, "img:2")
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert len(ready.flink.history) == 2


def api_server(stage: Any) -> None:
    refuse_writes(stage, LONG)


@pytest.mark.parametrize("away", [jobmanager, api_server])
def test_the_time_of_a_jar_does_not_count_while_nobody_can_bring_it(stage, away):
    made = stage()
    pods = made.pods
    made.pods = lambda: pods()[:1]
    made.play(lambda: bool(made.status.started_at))
    away(made)
    made.settle(100)
    assert made.is_in("Starting"), made.status.message
    del made.pods
    made.play(made.is_ready)


def test_a_jar_that_does_not_come_fails_all_the_same(stage):
    made = stage()
    pods = made.pods
    made.pods = lambda: pods()[:1]
    made.play(lambda: bool(made.status.started_at))
    api_server(made)
    made.play(lambda: made.is_in("Stopped"))
    assert made.status.failure == "BootstrapFailed: the JAR did not arrive in time"


def test_it_is_not_ready_while_its_jobmanager_is_silent(ready):
    ready.flink.answers = False
    ready.settle(5)
    assert ready.conditions == {"Progressing": "JobManagerSilent", "Degraded": "JobManagerSilent"}
    ready.flink.answers = True
    ready.play(lambda: ready.conditions == {"Ready": "Running"})
