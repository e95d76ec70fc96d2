"""Stopping: the savepoint, the end of the job, and when the cluster is let go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clients.flink import Checkpoints
from core.job_status import SAVEPOINT, Stop
from core.states import Phase, StoppedBy
from supervisor.decision import Cancel, StopJob
from supervisor.states.stopping import decide, savepoint_failed

SP = "s3://s/savepoint-ab"
TRIGGER = "ab" * 16
DONE, WORKING, FAILED = ("COMPLETED", SP), ("IN_PROGRESS",), ("FAILED", None, "IOException: read-only")


@pytest.fixture
def stop(moment):
    """A stop, by default a person's, with a savepoint, that leads to Stopped."""

    def make(**changes):
        by_person = Stop(TRIGGER, True, "s3://s", stopped_by=StoppedBy.PERSON, reason="r", requested_at=moment(-3))
        return replace(by_person, **changes)

    return make


def test_flink_is_asked_under_the_id_that_is_in_the_status(world, stop):
    decision = decide(world("stopping", flink="runs", stop=stop(drain=True)))
    assert decision.action == StopJob(decision.status.job_id, TRIGGER, "s3://s", True, "CANONICAL")
    assert decision.status.stop.trigger_id == TRIGGER
    assert decision.status.holds_cluster


def test_an_operation_on_its_way_is_not_asked_for_again(world, stop):
    decision = decide(world("stopping", flink=("runs", {"operation": WORKING}), stop=stop()))
    assert decision.action is None
    assert decision.status.supervisor_status == Phase.STOPPING


def test_the_path_is_stored_while_the_job_still_ends(world, stop):
    decision = decide(world("stopping", flink=("runs", {"operation": DONE}), stop=stop()))
    assert decision.status.recovery_points[0].path == SP
    assert decision.status.savepoint_path == SP
    assert decision.status.holds_cluster


def test_a_savepoint_that_flink_showed_before_its_operation_is_the_savepoint_path(world, stop, known):
    points = (known(SP, type=SAVEPOINT, at=-1),)
    decision = decide(world("stopping", flink=("finished", {"operation": DONE}), stop=stop(), recovery_points=points))
    assert decision.status.savepoint_path == SP
    assert [point.path for point in decision.status.recovery_points] == [SP]


@pytest.mark.parametrize("next", [Phase.STOPPED, Phase.STARTING, Phase.TERMINATED])
def test_the_cluster_is_let_go_with_the_path_stored(world, stop, next):
    decision = decide(world("stopping", flink=("finished", {"operation": DONE}), stop=stop(next=next)))
    status = decision.status
    assert status.supervisor_status == next
    assert status.recovery_points[0].path == SP
    assert not status.holds_cluster
    assert (status.job_id, status.job_parallelism, status.stop) == ("", 0, Stop())


def test_a_job_that_ended_without_its_path_waits_for_it(world, stop):
    decision = decide(world("stopping", flink=("finished", {"operation": WORKING}), stop=stop()))
    assert decision.status.holds_cluster
    assert decision.action is None


@pytest.mark.parametrize("skew", [-3600, 0, 3600])
def test_a_result_that_flink_has_dropped_is_found_in_the_history(world, stop, taken, skew):
    """Also when Flink's clock is not ours."""
    seen = Checkpoints(latest_savepoint=taken(SP, id=9, savepoint=True, at=skew))
    by = stop(next=Phase.STARTING, stopped_by=StoppedBy.CLUSTER)
    decision = decide(world("stopping", flink=("finished", {"checkpoints": seen}), stop=by))
    assert decision.status.supervisor_status == Phase.STARTING
    assert decision.status.recovery_points[0].path == SP


def test_a_path_that_is_stored_already_counts_as_the_stops(world, stop, known, taken, moment):
    """Killed after the path was stored, and too late for the result: the job did not finish by itself."""
    seen = Checkpoints(latest_savepoint=taken(SP, id=9, savepoint=True))
    points = (known(SP, type=SAVEPOINT, at=-1),)
    by = stop(next=Phase.STARTING, stopped_by=StoppedBy.CLUSTER)
    decision = decide(world("stopping", flink=("finished", {"checkpoints": seen}), stop=by, recovery_points=points))
    assert decision.status.supervisor_status == Phase.STARTING


@pytest.mark.parametrize(("by", "retry"), [(StoppedBy.SPEC, 60), (StoppedBy.CLUSTER, 60), (StoppedBy.PERSON, None)])
def test_a_savepoint_that_fails_ends_the_stop_and_not_the_job(world, stop, moment, by, retry):
    """What a person asked for was asked for once."""
    decision = decide(world("stopping", flink=("runs", {"operation": FAILED}), stop=stop(stopped_by=by)))
    status = decision.status
    assert (status.supervisor_status, status.stop) == (Phase.STARTED, Stop())
    assert status.failure == "SavepointFailed: IOException: read-only"
    assert status.retry_at == (moment(retry) if retry else "")
    assert status.holds_cluster
    assert [event.reason for event in decision.events] == ["SavepointFailed"]
    assert decision.action is None


@pytest.fixture
def deleting(world, stop):
    """Its last savepoint has failed."""

    def make(**job):
        by = stop(next=Phase.TERMINATED, stopped_by=StoppedBy.NOBODY)
        return world("stopping", flink=("runs", {"operation": FAILED}), stop=by, job={"deleting": True, **job})

    return make


def test_the_last_savepoint_of_a_job_is_tried_again(deleting, world, stop, moment):
    seen = deleting(**{"savepoint.savepointOnDelete": True})
    failed = decide(seen)
    again = failed.status.stop
    assert (again.savepoint, again.trigger_id == TRIGGER, failed.status.retry_at) == (True, False, moment(10))
    assert [event.reason for event in failed.events] == ["SavepointFailed"]
    seen = replace(seen, status=failed.status, flink=replace(seen.flink, operation=None))
    assert decide(seen).action is None
    asked = decide(replace(seen, now=seen.now + timedelta(seconds=10))).action
    assert (type(asked), asked.trigger_id) == (StopJob, again.trigger_id)


@pytest.mark.parametrize("job", [{}, {"savepoint.savepointOnDelete": True, "deletionDeadline": 39}])
def test_a_deletion_goes_on_without_the_savepoint_that_failed(deleting, job):
    """Where none is asked for any more, or the deletion cannot wait."""
    seen = deleting(**job)
    decision = decide(seen)
    assert decision.status.supervisor_status == Phase.STOPPING
    assert not decision.status.stop.savepoint
    cancelling = decide(replace(seen, status=decision.status))
    assert cancelling.action == Cancel(decision.status.job_id)


def test_where_the_state_of_a_deleted_job_is_stays_in_an_event(world, stop):
    by = stop(savepoint=False, next=Phase.TERMINATED, stopped_by=StoppedBy.NOBODY)
    decision = decide(world("stopping", flink="canceled", stop=by, job={"deleting": True}, recovery_points=()))
    assert "its newest state is s3://ckp/4f7a/chk-7" in decision.events[0].message


@pytest.mark.parametrize(("flink", "savepoint"), [(("finished", {"operation": DONE}), True), ("canceled", False)])
def test_that_a_savepoint_failed_is_over_with_the_stop(world, stop, flink, savepoint):
    failure = "SavepointFailed: IOException: read-only"
    decision = decide(world("stopping", flink=flink, stop=stop(savepoint=savepoint), failure=failure))
    assert (decision.status.supervisor_status, decision.status.failure) == (Phase.STOPPED, "")


@pytest.mark.defect(22)
def test_without_a_savepoint_it_is_cancelled_until_it_is_over(world, stop):
    decision = decide(world("stopping", flink="runs", stop=stop(savepoint=False)))
    assert decision.action == Cancel(decision.status.job_id)
    assert decision.status.holds_cluster
    over = decide(world("stopping", flink="canceled", stop=stop(savepoint=False), recovery_points=()))
    assert over.status.supervisor_status == Phase.STOPPED
    assert over.status.recovery_points[0].path == "s3://ckp/4f7a/chk-7"
    assert not over.status.holds_cluster


def test_forget_means_that_not_even_the_last_checkpoint_is_kept(world, stop):
    by = stop(savepoint=False, forget=True, next=Phase.STARTING)
    status = decide(world("stopping", flink="canceled", stop=by)).status
    assert status.supervisor_status == Phase.STARTING
    assert not status.recovery_points
    assert not status.had_state


@pytest.mark.defect(1)
@pytest.mark.parametrize("savepoint", [True, False])
@pytest.mark.parametrize("cluster", ["lost", "stopping, lost", "renewed"])
@pytest.mark.parametrize("next", [Phase.STOPPED, Phase.STARTING, Phase.TERMINATED])
def test_a_dead_jobmanager_is_not_waited_for(world, stop, savepoint, cluster, next):
    decision = decide(world("stopping", cluster=cluster, flink="silent", stop=stop(savepoint=savepoint, next=next)))
    assert decision.status.supervisor_status == next
    assert not decision.status.holds_cluster
    assert decision.status.recovery_points


def test_a_jobmanager_that_forgot_the_job_does_not_hold_it(world, stop):
    decision = decide(world("stopping", flink="missing", stop=stop()))
    assert decision.status.supervisor_status == Phase.STOPPED


@pytest.mark.parametrize("job", [{}, {"deleting": True}])
@pytest.mark.parametrize("flink", ["silent", "not asked"])
def test_no_answer_is_no_news(world, stop, flink, job):
    decision = decide(world("stopping", cluster="mute", flink=flink, stop=stop(), job=job))
    assert decision.status.supervisor_status == Phase.STOPPING
    assert decision.status.holds_cluster
    assert decision.action is None


def test_nothing_runs(world, stop):
    decision = decide(world("stopping", stop=stop(), job_id="", cluster_revision=""))
    assert decision.status.supervisor_status == Phase.STOPPED


# How the job can end by itself while it is being stopped.
UNASKED, REFUSED = {}, {"operation": FAILED}


@pytest.mark.parametrize(("savepoint", "how"), [(True, UNASKED), (True, REFUSED), (False, UNASKED)])
@pytest.mark.parametrize("by", [StoppedBy.CLUSTER, StoppedBy.SPEC, StoppedBy.FLINK])
@pytest.mark.parametrize("next", [Phase.STARTING, Phase.STOPPED])
def test_a_finite_job_that_finished_meanwhile_is_not_run_again(world, stop, how, by, next, savepoint):
    decision = decide(
        world("stopping", flink=("finished", how), stop=stop(next=next, stopped_by=by, savepoint=savepoint))
    )
    status = decision.status
    assert (status.supervisor_status, status.stopped_by) == (Phase.STOPPED, StoppedBy.FLINK)
    assert status.job_status == "FINISHED"
    assert not status.holds_cluster


@pytest.mark.parametrize("next", [Phase.STARTING, Phase.STOPPED])
def test_the_checkpoints_of_a_job_that_finished_meanwhile_are_gone(world, stop, next):
    by = stop(next=next, savepoint=False)
    status = decide(world("stopping", flink="finished", stop=by, recovery_points=())).status
    assert (status.recovery_points, status.had_state) == ((), False)


@pytest.mark.parametrize("how", [UNASKED, REFUSED])
def test_a_person_may_restart_a_job_that_finished_meanwhile(world, stop, how):
    decision = decide(world("stopping", flink=("finished", how), stop=stop(next=Phase.STARTING)))
    assert decision.status.supervisor_status == Phase.STARTING


@pytest.mark.parametrize("how", [UNASKED, REFUSED])
@pytest.mark.parametrize("next", [Phase.STARTING, Phase.STOPPED])
def test_a_job_that_failed_meanwhile_goes_where_the_stop_leads(world, stop, how, next):
    by = stop(next=next, stopped_by=StoppedBy.CLUSTER)
    decision = decide(world("stopping", flink=("failed", how), stop=by, recovery_points=()))
    assert decision.status.supervisor_status == next
    assert decision.status.recovery_points[0].path == "s3://ckp/4f7a/chk-7"


def test_deleted_while_it_was_stopping(world, stop):
    """The savepoint on its way is not thrown away; what follows is the end."""
    decision = decide(world("stopping", flink="runs", stop=stop(next=Phase.STARTING), job={"deleting": True}))
    assert decision.status.stop.next == Phase.TERMINATED
    assert decision.status.stop.trigger_id == TRIGGER


def test_a_restart_by_a_person_carries_the_jar_anew(world, stop):
    restart = world("stopping", flink=("finished", {"operation": DONE}), stop=stop(next=Phase.STARTING))
    assert decide(restart).status.jar_id == ""
    by = stop(next=Phase.STARTING, stopped_by=StoppedBy.SPEC)
    assert decide(replace(restart, status=restart.status.but(stop=by))).status.jar_id == "1_app.jar"


def test_a_start_that_took_too_long_is_a_failure(world, stop, moment):
    by = stop(savepoint=False, stopped_by=StoppedBy.FLINK)
    status = decide(world("stopping", flink="canceled", stop=by, failure="StartTimedOut: no slots")).status
    assert (status.supervisor_status, status.job_status, status.failures) == (Phase.STOPPED, "FAILED", 1)
    assert status.failure == "StartTimedOut: no slots"
    assert status.retry_at == moment(60)


@pytest.mark.parametrize("flink", ["canceled", "failed", "finished"])
@pytest.mark.parametrize(("why", "learns"), [("StartTimedOut: x", True), ("RestoreMismatch: x", False)])
def test_what_a_run_wrote_that_was_given_up_is_a_way_back_unless_it_began_wrongly(world, stop, flink, why, learns):
    by = stop(savepoint=False, stopped_by=StoppedBy.FLINK, reason=why)
    status = decide(world("stopping", flink=flink, stop=by, failure=why, recovery_points=())).status
    done = learns and flink == "finished"  # and Flink has discarded them
    assert [point.path for point in status.recovery_points] == (["s3://ckp/4f7a/chk-7"] if learns and not done else [])
    assert status.job_status == ("FINISHED" if done else "FAILED")


def test_a_pause_does_not_outlive_the_stop(world, stop, moment):
    """A person restarts a job whose last stop failed: it starts at once."""
    by = stop(next=Phase.STARTING, savepoint=False)
    assert decide(world("stopping", flink="canceled", stop=by, retry_at=moment(50))).status.retry_at == ""


def test_a_definite_no_to_the_stop_leaves_the_job_alone(world, stop):
    decision = savepoint_failed(world("stopping", flink="runs", stop=stop()), "no directory")
    assert decision.status.supervisor_status == Phase.STARTED
    assert decision.status.failure == "SavepointFailed: no directory"


def test_deleted_while_a_run_that_began_wrong_is_cancelled(world, known, taken):
    """What it wrote is no way back, and so not what the Event of the deletion names."""
    why = "RestoreMismatch: told to start from s3://s/savepoint-1, Flink says nothing"
    stop = Stop(reason=why, next=Phase.STOPPED, stopped_by=StoppedBy.FLINK)
    right = known("s3://s/savepoint-1", type="SAVEPOINT")
    wrong = Checkpoints(completed=1, latest_completed=taken("s3://ckp/wrong/chk-1", id=1))
    seen = world(
        "stopping",
        flink=("runs", {"checkpoints": wrong}),
        job={"deleting": True},
        stop=stop,
        recovery_points=(right,),
        restore_path=right.path,
        failure=why,
    )
    status = decide(seen).status
    over = replace(seen, status=status, flink=replace(seen.flink, status="CANCELED", tasks_run=False))
    decision = decide(over)
    assert decision.status.supervisor_status == Phase.TERMINATED
    assert "wrong" not in decision.why and right.path in decision.why, decision.why
