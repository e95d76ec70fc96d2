"""An update is looked at while the job runs: nothing is stopped for a spec that cannot run."""

from __future__ import annotations

from typing import Any

import pytest

from clients.flink import Failed, NotFound, Rejected, TimedOut, Unknown

from .test_losses import recovered_by_flink
from .test_updates import BAD, GOOD, cannot_carry, update

FAILED = Failed("POST /plan: HTTP 500", "OutOfMemoryError: Metaspace")


def refused(stage: Any) -> bool:
    return stage.status.rejected.failure.startswith("UpdateRefused") and not stage.status.update.delivery.digest


def main_throws(stage: Any) -> None:
    stage.flink.broken.add(BAD)


def no_jar(stage: Any) -> None:
    pods = stage.pods
    stage.pods = lambda: tuple(cannot_carry(pod) if pod["metadata"]["name"] == "b" else pod for pod in pods())


def no_jar_of(stage: Any, image: str) -> None:
    """A pod that is there for the delivery of any other image ends well."""
    pods = stage.pods

    def found() -> tuple[Any, ...]:
        ordered = stage.status.ordered
        return pods()[:1] if ordered and ordered.bootstrap["image"] == image else pods()

    stage.pods = found


def jar_is_late(stage: Any) -> None:
    pods = stage.pods
    stage.pods = lambda: pods()[:1]


def main_hangs(stage: Any) -> None:
    def plan(jar_id: str, **more: Any) -> str:
        stage.wait(more["timeout_seconds"])
        raise TimedOut("no answer in time")

    stage.flink.plan = plan


def no_plan(stage: Any) -> None:
    """As Flink answers to a setting that it cannot read: not with a refusal."""

    def plan(jar_id: str, **more: Any) -> str:
        raise Failed("POST /plan: HTTP 500", "Time interval unit label 'parsecs' does not match")

    stage.flink.plan = plan


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (main_throws, "main() throws"),
        (main_hangs, "did not come to a plan in 180 s"),
        (no_plan, "unit label 'parsecs' does not match"),
    ],
)
def test_a_spec_that_cannot_run_stops_nothing(ready, fault, told):
    run = ready.status.job_id
    fault(ready)
    update(ready, "img:2")
    ready.play(lambda: refused(ready), steps=2000)
    ready.settle(60)
    assert (ready.alive, len(ready.flink.history), ready.flink.savepoints) == ([run], 1, 0)
    assert told in ready.status.rejected.failure
    assert ready.conditions == {"Degraded": "UpdateRefused", "Stalled": "UpdateRefused"}
    assert "UpdateRefused" in ready.kube.events


@pytest.mark.parametrize(("fault", "told"), [(no_jar, "cannot read the JAR"), (jar_is_late, "did not arrive in time")])
def test_a_jar_that_does_not_come_is_carried_again_while_the_job_runs(ready, fault, told):
    """Later and later; the registry may be well again."""
    run = ready.status.job_id
    fault(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.failures == 2, steps=2000)
    assert (ready.alive, ready.flink.savepoints, ready.status.update.delivery.number) == ([run], 0, 3)
    assert told in ready.status.failure
    assert ready.conditions == {"Degraded": "BootstrapFailed", "Progressing": "Updating"}
    del ready.pods
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2, steps=1000)
    assert ready.conditions == {"Ready": "Running"}


def test_a_jar_that_is_gone_again_is_carried_again(ready):
    plan, gone = ready.flink.plan, NotFound(500, f"RestHandlerException: Jar file {BAD} does not exist")

    def lost(jar_id: str, **more: Any) -> str:
        if jar_id == BAD:
            raise gone
        return str(plan(jar_id, **more))

    ready.flink.plan = lost
    update(ready, "img:2")
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2, steps=1000)
    assert (ready.status.jar_id, ready.status.failure) == (GOOD, "")


@pytest.mark.parametrize("errors", [[FAILED, FAILED], [FAILED, Unknown("broken"), Unknown("broken")]])
def test_an_error_that_passes_refuses_no_update(ready, errors):
    plan, errors = ready.flink.plan, list(errors)

    def recovering(jar_id: str, **more: Any) -> str:
        if errors:
            raise errors.pop()
        return str(plan(jar_id, **more))

    ready.flink.plan = recovering
    update(ready, "img:2")
    ready.play(lambda: "OutOfMemoryError" in ready.status.message)
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2, steps=1000)
    assert "UpdateRefused" not in ready.kube.events


def test_main_is_not_run_again_in_haste_while_its_plan_gets_lost(ready):
    """Each answer is a proxy's 502. A savepoint on request is taken all the same."""
    asked = []

    def plan(jar_id: str, **more: Any) -> str:
        asked.append(jar_id)
        raise Unknown("502 Bad Gateway")

    ready.flink.plan = plan
    update(ready, "img:2")
    ready.play(lambda: bool(asked))
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.settle(60)
    assert len(asked) < 15
    assert (ready.status.savepoint_path, ready.status.savepoint_trigger_id) == ("s3://s/savepoint-1", "")


@pytest.mark.parametrize("comes", [True, False], ids=["the JAR comes", "the JAR never comes"])
def test_a_run_that_flink_brings_back_meanwhile_is_of_the_spec_that_it_was_made_of(ready, comes):
    pods = ready.pods
    jar_is_late(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    ready.flink.answers = False
    recovered_by_flink(ready)
    ready.settle(5)
    ready.flink.answers = True
    ready.play(lambda: "JobAdopted" in ready.kube.events)
    ready.settle(30)
    assert ready.status.stable.bootstrap["image"] == ready.status.delivery.bootstrap["image"] == "img:1"
    if comes:
        ready.pods = pods
        ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.status.update.delivery.number < 6


def test_savepoints_are_taken_while_it_waits(ready):
    """Those that people ask for, and those of the period."""
    no_jar(ready)
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "savepointInterval": 60})
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.failures)
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.flink.savepoints == 3 and not ready.status.savepoint_trigger_id, steps=1000)
    assert ready.status.update.failures
    assert ready.status.savepoint_path == "s3://s/savepoint-3"


def test_an_update_whose_jar_did_not_come_is_taken_back_by_hand(ready):
    no_jar(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.failures)
    update(ready, "img:1")
    ready.play(lambda: ready.conditions == {"Ready": "Running"})
    assert (ready.status.attempt, ready.status.failure) == (1, "")


def test_the_trouble_with_an_edit_is_over_with_it(ready):
    """The second one's image does not come either; then what runs is declared again."""
    no_jar(ready)
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.failures)
    del ready.pods
    no_jar_of(ready, "img:3")
    update(ready, "img:3")
    ready.settle(10)
    assert ready.status.failure == ""
    update(ready, "img:1")
    ready.play(lambda: ready.conditions == {"Ready": "Running"})
    assert ready.status.failure == ""


@pytest.mark.parametrize("first", [False, True], ids=["a good one first", "a bad one first"])
def test_each_edit_is_looked_at_also_when_its_jar_is_the_same(ready, first):
    """The id of a JAR follows from its content."""
    jars = {"exitCode": 0, "message": '{"jarId": "1_app.jar"}'}
    ready.carry = lambda number: jars
    planned = []

    def plan(jar_id: str, *, arguments: tuple[str, ...], **more: Any) -> str:
        planned.append(arguments)
        if "bad" in arguments:
            raise Rejected(500, "main() throws")
        return "a plan"

    ready.flink.plan = plan
    for bad in (first, not first):
        arguments = ["bad" if bad else "good"]
        ready.edit(bootstrap={**ready.job["spec"]["bootstrap"], "arguments": arguments})
        ready.play(lambda bad=bad: refused(ready) if bad else ready.is_ready() and ready.status.attempt == 2)
        assert planned.pop() == tuple(arguments)
    assert ready.status.attempt == 2


def test_it_is_not_ready_while_it_is_looked_at(ready):
    """Flux and Argo CD must not take the new generation for done."""
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    assert ready.status.observed_generation == ready.job["metadata"]["generation"]
    assert ready.conditions == {"Progressing": "Updating"}
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.conditions == {"Ready": "Running"}


def test_the_jar_is_there_when_the_job_stops(ready):
    update(ready, "img:2")
    ready.play(lambda: ready.status.supervisor_status == "Stopping")
    number = ready.status.update.delivery.number
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert (ready.status.delivery.number, ready.status.jar_id) == (number, BAD)
    assert not ready.status.update.delivery.number


@pytest.mark.parametrize("image", ["img:1", "img:3"], ids=["taken back", "edited again"])
def test_an_edit_while_it_is_looked_at(ready, image):
    jar_is_late(ready)
    run = ready.status.job_id
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    del ready.pods
    update(ready, image)
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == image and ready.conditions)
    ready.settle(20)
    assert (ready.status.job_id == run) == (image == "img:1")
    assert ready.flink.savepoints == (0 if image == "img:1" else 1)
    assert ready.status.delivery.number == (1 if image == "img:1" else 3)
    assert not ready.status.update.delivery.digest


def test_a_refused_spec_is_tried_when_a_person_says_so(ready):
    main_throws(ready)
    update(ready, "img:2")
    ready.play(lambda: refused(ready))
    ready.flink.broken.clear()
    ready.annotate("START")
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:2")
    assert ready.conditions == {"Ready": "Running"}
    assert ready.flink.history[-1].restored == "s3://s/savepoint-1"


def test_a_refused_spec_is_not_tried_after_a_loss(ready):
    main_throws(ready)
    update(ready, "img:2")
    ready.play(lambda: refused(ready))
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.attempt == 2 and bool(ready.status.ready_at))
    assert ready.status.delivery.bootstrap["image"] == "img:1"
    assert ready.conditions["Stalled"] == "UpdateRefused"


def test_the_jobmanager_goes_while_it_is_looked_at(ready):
    """The job is not down for a JAR that may never come."""
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.attempt == 2 and bool(ready.status.ready_at))
    assert ready.status.delivery.bootstrap["image"] == "img:1"
    ready.play(lambda: ready.status.update.failures)
    del ready.pods
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 3)
    assert ready.status.delivery.bootstrap["image"] == "img:2"
    assert [run.restored for run in ready.flink.history][2] == "s3://s/savepoint-1"


@pytest.mark.parametrize("edited", ["img:1", "img:3"], ids=["taken back", "edited again"])
def test_an_edit_while_a_job_comes_back_that_was_looked_ahead_of(ready, edited):
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.delivery.incarnation == 2)
    update(ready, edited)
    ready.play(lambda: ready.conditions == {"Ready": "Running"})
    assert ready.status.delivery.bootstrap["image"] == edited
    assert (ready.status.attempt, ready.status.update.delivery.digest) == (2 if edited == "img:1" else 3, "")


def test_a_job_that_keeps_losing_its_jobmanager_gets_the_edit_that_may_mend_it(ready):
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.attempt == 2 and ready.is_in("Starting"))
    ready.lose_jobmanager()
    del ready.pods
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 3)
    assert ready.status.delivery.bootstrap["image"] == "img:2"


def test_its_lane_goes_on_while_main_runs(ready):
    """For as long as main() likes: checkpoints are noted, and people are listened to."""
    begun = []
    ready.begin = begun.append
    update(ready, "img:2")
    ready.play(lambda: len(begun) == 1)
    points = ready.status.recovery_points
    ready.settle(200)
    assert (len(begun), ready.alive) == (1, [ready.status.job_id])
    assert ready.status.recovery_points[0] != points[0]
    ready.annotate("TRIGGER_SAVEPOINT")
    ready.play(lambda: ready.flink.savepoints == 1 and not ready.status.savepoint_trigger_id)
    begun.pop()()
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)


def test_a_plan_of_an_edit_before_says_nothing(ready):
    begun = []
    ready.begin = begun.append
    ready.flink.broken.add(BAD)
    update(ready, "img:2")
    ready.play(lambda: len(begun) == 1)
    update(ready, "img:3")
    ready.settle(30)
    begun.pop()()
    ready.play(lambda: len(begun) == 1)
    begun.pop()()
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.status.delivery.bootstrap["image"] == "img:3"


def test_a_job_that_is_to_be_mended_is_not_made_to_wait(stage):
    """It was never Ready: there is nothing to protect."""
    made = stage()
    made.flink.stuck.add("1_app.jar")
    made.play(lambda: made.alive)
    made.edit(restart={**made.job["spec"]["restart"], "restartTimeout": 60})
    update(made, "img:2")
    made.play(lambda: made.is_ready() and made.status.delivery.bootstrap["image"] == "img:2")
    assert "flink plan" not in made.knife.seen


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("broken", [False, True], ids=["good", "broken"])
def test_killed_at_any_call(stage, killed, when, broken):
    def life(at: int) -> Any:
        made = stage()
        made.play(made.is_ready)
        made.knife.seen.clear()
        made.knife.at, made.knife.when, made.knife.do = at, when, killed
        if broken:
            main_throws(made)
        update(made, "img:2")
        made.play(lambda: refused(made) if broken else made.is_ready() and made.status.attempt == 2)
        made.settle(10)
        return made

    calm = life(-1)
    assert "flink plan" in calm.knife.seen
    for number in range(len(calm.knife.seen)):
        made = life(number)
        assert made.flink.most_at_once == 1
        assert (made.status.attempt, made.flink.savepoints) == (calm.status.attempt, calm.flink.savepoints)
        assert made.flink.history[-1].restored == calm.flink.history[-1].restored


def test_a_job_that_comes_back_may_wait_for_a_person_on_its_way(ready):
    """Its state is too old; it is still not the update that starts."""
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "maxStateAge": 5})
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    ready.flink.checkpoint_every = 1e9
    ready.settle(30)
    ready.lose_jobmanager()
    ready.play(lambda: ready.status.failure.startswith("StateTooOld"))
    ready.flink.checkpoint_every = 10.0
    ready.annotate("START")
    ready.play(lambda: ready.status.attempt == 2 and bool(ready.status.ready_at), steps=100)
    assert ready.status.delivery.bootstrap["image"] == "img:1"


def test_an_update_of_the_cluster_takes_the_edit_of_its_job_along(ready):
    """One commit may hold both: what ran may not run on the new pods."""
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    del ready.pods
    ready.cluster(supervisorStatus="Stopping", targetRevision="r2")
    ready.play(lambda: not ready.status.holds_cluster)
    ready.flink.lose()
    ready.cluster(supervisorStatus="Started", revision="r2", incarnation=2)
    ready.play(lambda: ready.is_ready() and ready.status.attempt == 2)
    assert ready.status.delivery.bootstrap["image"] == "img:2"


def test_nobody_is_asked_while_main_runs_for_an_edit_before(ready):
    begun, asked, get = [], [], ready.kube.get
    ready.begin = begun.append
    update(ready, "img:2")
    ready.play(lambda: len(begun) == 1)
    update(ready, "img:3")
    ready.play(lambda: ready.status.update.jar_id == GOOD)
    ready.kube.get = lambda resource, name, **more: asked.append(name) or get(resource, name, **more)
    ready.settle(30)
    assert len(begun) == 1
    assert len(asked) < 5


def test_a_plan_of_a_jobmanager_that_is_gone_is_not_waited_for(ready):
    begun = []
    ready.begin = begun.append
    update(ready, "img:2")
    ready.play(lambda: len(begun) == 1)
    ready.lose_jobmanager()
    ready.play(lambda: len(begun) == 2, steps=200)
    begun[1]()
    ready.play(lambda: ready.is_ready() and ready.status.delivery.bootstrap["image"] == "img:2")
    begun[0]()
    ready.settle(5)
    assert ready.conditions == {"Ready": "Running"}


def test_tasks_that_do_not_run_are_the_trouble_whatever_waits(ready):
    no_jar_of(ready, "img:2")
    update(ready, "img:2")
    ready.play(lambda: ready.status.update.delivery.number)
    run = ready.flink.runs[ready.status.job_id]
    run.stuck, run.status = True, "RESTARTING"
    ready.settle(20)
    assert ready.status.failure.startswith("TasksNotRunning: ")
    assert ready.status.message.startswith(f"{ready.status.failure}; an update: ")
