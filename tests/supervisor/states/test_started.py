"""Started: what ends it, what changes it, its savepoints, and when it is ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clients.flink import Checkpoints, Snapshot
from core.job_status import SAVEPOINT
from core.states import Phase, StoppedBy
from supervisor import steps
from supervisor.decision import TakeSavepoint
from supervisor.states.started import decide, savepoint_failed

CHK = "s3://ckp/4f7a/chk-7"
SP = "s3://s/savepoint-cd"
TRIGGER = "cd" * 16
ASKED = {"savepoint_trigger_id": TRIGGER, "savepoint_job_id": "x"}

EDITED = {"bootstrap.arguments": ["new"]}
RESCALED = {"jobParallelism": 2}
SUSPENDED = {"suspend": True}
HOURLY = {"savepoint.savepointSchedule": "0 * * * *"}
AT_ZERO = {"jobParallelism": 0}
IN_MEMORY = {"checkpoints": Checkpoints(completed=1, latest_completed=Snapshot(7, None, False, 0, 0))}


# ---- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job", [{}, {"restart.restartPolicy": "Always"}, {"action": "STOP"}, {"deleting": True}, EDITED]
)
@pytest.mark.parametrize("cluster", ["lost", "renewed", "stopping, lost", "stopped"])
def test_lost_with_its_jobmanager_it_comes_back_whatever_the_policy(world, cluster, job):
    decision = decide(world("ready", cluster=cluster, flink="not asked", job=job))
    status = decision.status
    assert status.supervisor_status == Phase.STARTING
    assert (status.job_id, status.holds_cluster) == ("", False)
    assert status.recovery_points[0].path == CHK
    assert status.failures == 0
    assert [event.reason for event in decision.events] == ["JobLost"]


@pytest.mark.defect(2)
def test_a_jobmanager_that_forgot_the_job_has_lost_it(world):
    assert decide(world("ready", flink="missing")).status.supervisor_status == Phase.STARTING


@pytest.mark.defect(3)
@pytest.mark.parametrize("job", [{}, {"deleting": True}, {"action": "STOP"}, EDITED, SUSPENDED])
@pytest.mark.parametrize("cluster", ["mute", "stopping"])
@pytest.mark.parametrize("flink", ["silent", "not asked"])
def test_no_answer_is_no_news(world, cluster, flink, job):
    before = world("ready", cluster=cluster, flink=flink, job=job)
    decision = decide(before)
    assert decision.status.but(message="") == before.status
    assert decision.action is None
    assert not decision.handled


@pytest.mark.parametrize(("flink", "event"), [("finished", "JobFinished"), ("canceled", "JobCanceled")])
def test_over_in_flink(world, flink, event):
    decision = decide(world("ready", flink=flink, failures=2, failure="JobLost: x"))
    status = decision.status
    assert (status.supervisor_status, status.stopped_by) == (Phase.STOPPED, StoppedBy.FLINK)
    assert (status.failures, status.failure, status.holds_cluster) == (0, "", False)
    assert [each.reason for each in decision.events] == [event]


def test_a_savepoint_that_another_hand_took_with_the_end_is_a_way_back(world, taken):
    seen = Checkpoints(latest_savepoint=taken(SP, id=8, savepoint=True, at=0))
    assert decide(world("ready", flink=("finished", {"checkpoints": seen}))).status.recovery_points[0].path == SP


@pytest.mark.parametrize(("failures", "pause"), [(0, 60), (1, 120), (3, 480), (4, 600), (50, 600)])
def test_failures_in_a_row_wait_longer_and_longer(world, moment, failures, pause):
    status = decide(world("ready", flink="failed", failures=failures)).status
    assert (status.supervisor_status, status.stopped_by, status.job_status) == ("Stopped", "Flink", "FAILED")
    assert status.retry_at == moment(pause)
    assert status.failures == failures + 1
    assert status.failure == "JobFailed: IOException: disk full"


def test_the_longest_pause_is_never_shorter_than_the_delay(world, moment):
    job = {"restart.restartMaxDelay": 5}
    assert decide(world("ready", flink="failed", job=job)).status.retry_at == moment(60)


def test_an_edit_before_the_failure_is_not_taken_for_what_failed(world):
    before = world("ready", flink="failed", job=EDITED)
    assert decide(before).status.digest["bootstrap"] != before.job.bootstrap_digest


def test_an_older_state_is_no_way_out_of_a_failure_of_a_job_that_ran(world, known):
    points = (known(CHK), known(SP, type=SAVEPOINT, at=-99))
    missing = {"exception": f"FileNotFoundException: {CHK}/x"}
    status = decide(world("ready", flink=("failed", missing), restore_path=CHK, recovery_points=points)).status
    assert (status.supervisor_status, status.unreadable) == (Phase.STOPPED, ())


# ---- stops ---------------------------------------------------------------------------------------------------------

STOPS = {
    "delete": ({"job": {"deleting": True}}, Phase.TERMINATED, StoppedBy.NOBODY, False),
    "delete with savepoint": (
        {"job": {"deleting": True, "savepoint.savepointOnDelete": True}},
        Phase.TERMINATED,
        StoppedBy.NOBODY,
        True,
    ),
    "new revision": ({"cluster": "stopping"}, Phase.STARTING, StoppedBy.CLUSTER, True),
    "suspended cluster": ({"cluster": "suspending"}, Phase.STARTING, StoppedBy.CLUSTER, True),
    "stopped cluster": ({"cluster": "being stopped"}, Phase.STOPPED, StoppedBy.CLUSTER, True),
    "deleted cluster": ({"cluster": "deleting"}, Phase.STOPPED, StoppedBy.CLUSTER, True),
    "cluster without savepoint": (
        {"cluster": ("being stopped", {"without_savepoint": True})},
        Phase.STOPPED,
        StoppedBy.CLUSTER,
        False,
    ),
    "stop": ({"job": {"action": "STOP"}}, Phase.STOPPED, StoppedBy.PERSON, True),
    "stop without": ({"job": {"action": "STOP", "without": "true"}}, Phase.STOPPED, StoppedBy.PERSON, False),
    "restart": ({"job": {"action": "START"}}, Phase.STARTING, StoppedBy.PERSON, True),
    "restart without": ({"job": {"action": "START", "without": "true"}}, Phase.STARTING, StoppedBy.PERSON, False),
    "edit": ({"job": EDITED}, Phase.STARTING, StoppedBy.SPEC, True),
    "edit, annotation left over": ({"job": {**EDITED, "without": "true"}}, Phase.STARTING, StoppedBy.SPEC, True),
    "rescale": ({"job": RESCALED}, Phase.STARTING, StoppedBy.SPEC, True),
    "suspend": ({"job": SUSPENDED}, Phase.STOPPED, StoppedBy.SPEC, True),
    "parallelism 0": ({"job": AT_ZERO}, Phase.STOPPED, StoppedBy.SPEC, True),
    "manual": (
        {"job": {"action": "STOP", "savepoint.savepointMode": "Manual"}},
        Phase.STOPPED,
        StoppedBy.PERSON,
        False,
    ),
    "manual, and only the JobManager has its checkpoint": (
        {"flink": ("runs", IN_MEMORY), "job": {**EDITED, "savepoint.savepointMode": "Manual"}},
        Phase.STARTING,
        StoppedBy.SPEC,
        True,
    ),
    "its tasks do not run, and its checkpoint is stored": (
        {"flink": ("runs", {"tasks_run": False}), "job": EDITED},
        Phase.STARTING,
        StoppedBy.SPEC,
        False,
    ),
    "its tasks do not run, and only the JobManager has its checkpoint": (
        {"flink": ("runs", {**IN_MEMORY, "tasks_run": False}), "job": EDITED},
        Phase.STARTING,
        StoppedBy.SPEC,
        True,
    ),
}


@pytest.mark.parametrize(("changes", "next", "by", "savepoint"), STOPS.values(), ids=STOPS)
def test_stops(world, moment, changes, next, by, savepoint):
    decision = decide(world("ready", **{"flink": "runs", **changes}))
    status = decision.status
    assert status.supervisor_status == Phase.STOPPING
    assert (status.stop.next, status.stop.stopped_by, status.stop.savepoint) == (next, by, savepoint)
    assert len(status.stop.trigger_id) == 32
    assert status.stop.requested_at == moment(0)
    assert status.holds_cluster
    assert decision.action is None  # the intent is written first
    assert decision.handled == (by == StoppedBy.PERSON)


@pytest.mark.parametrize("mode", ["Automatic", "Manual"])
@pytest.mark.parametrize(("without", "forget"), [("true", True), ("false", False)])
def test_only_a_restart_without_savepoint_comes_back_empty(world, mode, without, forget):
    job = {"action": "START", "without": without, "savepoint.savepointMode": mode}
    assert decide(world("ready", flink="runs", job=job)).status.stop.forget == forget


@pytest.mark.parametrize("action", ["STOP", "START"])
def test_drain_only_when_a_person_asks(world, action):
    assert decide(world("ready", flink="runs", job={"action": action, "drain": "true"})).status.stop.drain
    assert not decide(world("ready", flink="runs", job={"action": action})).status.stop.drain
    assert not decide(world("ready", flink="runs", job={**EDITED, "drain": "true"})).status.stop.drain


def test_a_change_of_parallelism_waits_for_its_slots_and_the_job_goes_on(world):
    decision = decide(world("ready", cluster="full", flink="runs", job=RESCALED))
    assert decision.status.supervisor_status == Phase.STARTED
    assert "waiting for slots, 1 of 2" in decision.status.message


def test_its_own_slots_count(world):
    assert decide(world("ready", cluster="full", flink="runs", job=EDITED)).status.supervisor_status == Phase.STOPPING


@pytest.mark.parametrize("job", [RESCALED, EDITED, SUSPENDED])
def test_a_change_does_not_wait_for_a_savepoint_on_its_way(world, job):
    """Flink takes the stop's savepoint after the other one."""
    decision = decide(world("ready", flink=("runs", {"operation": ("IN_PROGRESS",)}), job=job, **ASKED))
    assert decision.status.supervisor_status == Phase.STOPPING


# ---- after a stop that failed --------------------------------------------------------------------------------------

FAILED_STOP = {"failure": "SavepointFailed: read-only"}


@pytest.mark.parametrize(
    "changes", [{"cluster": "stopping"}, {"cluster": "being stopped"}, {"job": RESCALED}, {"job": SUSPENDED}]
)
def test_the_job_goes_on_until_the_next_try(world, moment, changes):
    """The failure stays in sight, and Flink is not asked again at once."""
    before = world("ready", flink="runs", retry_at=moment(10), **FAILED_STOP, **changes)
    decision = decide(before)
    status = decision.status
    assert status.supervisor_status == Phase.STARTED
    assert (status.failure, status.retry_at) == (before.status.failure, before.status.retry_at)
    assert status.message == f"SavepointFailed: read-only; next try at {moment(10)}"
    again = replace(before, status=status, now=before.now.replace(second=10))
    assert decide(again).status.supervisor_status == Phase.STOPPING


def test_a_person_need_not_wait(world, moment):
    job = {"action": "STOP", "without": "true"}
    decision = decide(world("ready", cluster="stopping", flink="runs", job=job, retry_at=moment(10), **FAILED_STOP))
    assert decision.status.supervisor_status in (Phase.STOPPING,)
    assert not decision.status.stop.savepoint


def test_that_a_savepoint_failed_is_told_until_the_next_one_is_there(world):
    before = world("ready", flink="runs", **FAILED_STOP)
    assert decide(before).status.failure == "SavepointFailed: read-only"
    done = decide(world("ready", flink=("runs", {"operation": ("COMPLETED", SP)}), **ASKED, **FAILED_STOP))
    assert done.status.failure == ""


# ---- requests ------------------------------------------------------------------------------------------------------


def test_a_savepoint_on_request(world, moment):
    decision = decide(world("ready", flink="runs", job={"action": "TRIGGER_SAVEPOINT"}))
    status = decision.status
    assert decision.handled
    assert status.supervisor_status == Phase.STARTED
    assert status.savepoint_request_timestamp == moment(0)
    assert decision.action == TakeSavepoint(status.job_id, status.savepoint_trigger_id, "s3://s", "CANONICAL")


def test_one_savepoint_at_a_time(world):
    job = {"action": "TRIGGER_SAVEPOINT"}
    decision = decide(world("ready", flink=("runs", {"operation": ("IN_PROGRESS",)}), job=job, **ASKED))
    assert not decision.handled
    assert decision.status.savepoint_trigger_id == TRIGGER


def test_forget_savepoint(world, known):
    decision = decide(world("ready", flink="new", job={"action": "FORGET_SAVEPOINT"}, savepoint_path=SP))
    assert decision.handled
    assert (decision.status.recovery_points, decision.status.savepoint_path) == ((), "")


def test_what_a_running_job_completed_before_is_forgotten_for_good(world, taken):
    """The next look shows the same checkpoint and the same savepoint again."""
    seen = Checkpoints(
        completed=2, latest_completed=taken("s3://c/chk-8", id=8), latest_savepoint=taken(SP, id=6, savepoint=True)
    )
    flink = ("runs", {"checkpoints": seen})
    forgotten = decide(world("ready", flink=flink, job={"action": "FORGET_SAVEPOINT"})).status
    again = decide(replace(world("ready", flink=flink), status=forgotten)).status
    assert (again.recovery_points, again.had_state) == ((), False)
    newer = replace(seen, latest_completed=taken("s3://c/chk-9", id=9))
    later = decide(replace(world("ready", flink=("runs", {"checkpoints": newer})), status=again)).status
    assert [point.path for point in later.recovery_points] == ["s3://c/chk-9"]
    assert later.had_state


def test_a_savepoint_that_flink_lists_late_stays_forgotten(world, taken):
    """Its path came with the answer to who asked for it; Flink's list was some seconds old then."""
    old = Checkpoints(completed=1, latest_completed=taken("s3://c/chk-4", id=4))
    job = {"action": "FORGET_SAVEPOINT"}
    forgotten = decide(world("ready", flink=("runs", {"checkpoints": old}), job=job, savepoint_path=SP)).status
    twice = decide(replace(world("ready", flink=("runs", {"checkpoints": old}), job=job), status=forgotten)).status
    assert twice.forgotten_savepoint == SP
    late = replace(old, completed=2, latest_completed=taken(SP, id=6, savepoint=True))
    late = replace(late, latest_savepoint=late.latest_completed)
    again = decide(replace(world("ready", flink=("runs", {"checkpoints": late})), status=twice)).status
    assert (again.recovery_points, again.had_state) == ((), False)


@pytest.mark.parametrize(
    ("cluster", "followed"),
    [({}, True), ({"without_savepoint": True}, False), ({"phase": Phase.STOPPING}, False)],
    ids=["it did not stop this job", "it is yet to stop it", "it stops it"],
)
def test_a_start_of_the_cluster_without_savepoint_is_over_when_it_did_not_stop_the_job(world, cluster, followed):
    """Or the next loss of the JobManager, weeks later, would be the end of its state."""
    status = decide(world("ready", cluster=("up", {"forgets": 1, **cluster}), flink="runs")).status
    assert (status.forgets == 1) == followed
    assert status.recovery_points


@pytest.mark.parametrize("action", ["", "NONE", "none", "JUMP"])
def test_other_words_change_nothing(world, action):
    decision = decide(world("ready", flink="runs", job={"action": action}))
    assert not decision.handled
    assert decision.action is None


# ---- savepoints ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "last", "due"),
    [(0, -9999, False), (600, -600, False), (600, -660, True), (200, None, True), (400, None, False)],
)
def test_periodic_savepoints_count_from_the_last_one_or_from_ready(world, moment, interval, last, due):
    """`ready` is since 300 s; the jitter of this uid is some seconds of the at most 60."""
    asked = moment(last) if last else ""
    job = {"savepoint.savepointInterval": interval}
    decision = decide(world("ready", flink="runs", job=job, savepoint_request_timestamp=asked))
    assert (decision.action is not None) == due


@pytest.mark.parametrize(("last", "due"), [(-3601, True), (-1, True), (1, False), (None, True)])
def test_periodic_savepoints_by_the_clock(world, moment, last, due):
    """It is a minute past noon, with the jitter of this uid some seconds past when the savepoint of noon was due."""
    asked = moment(last) if last else ""
    before = world("ready", flink="runs", job=HOURLY, savepoint_request_timestamp=asked)
    assert (decide(replace(before, now=before.now + timedelta(seconds=60))).action is not None) == due


@pytest.mark.parametrize("end", ["done", "failed"])
def test_what_fell_due_while_a_savepoint_was_on_its_way_is_left_out(world, moment, end):
    operation = ("COMPLETED", SP) if end == "done" else ("FAILED", None, "read-only")
    asked = {**ASKED, "savepoint_request_timestamp": moment(-1300)}
    job = {"savepoint.savepointInterval": 600}
    before = world("ready", flink=("runs", {"operation": operation}), job=job, ready_at=moment(-9999), **asked)
    after = replace(before, status=decide(before).status)
    assert decide(replace(after, now=after.now + timedelta(seconds=499))).action is None  # 1300 s + 499 s < 3 periods
    assert isinstance(decide(replace(after, now=after.now + timedelta(seconds=560))).action, TakeSavepoint)


def test_a_job_that_is_not_ready_takes_no_periodic_savepoint(world):
    assert decide(world("started", flink="waits", job={"savepoint.savepointInterval": 1})).action is None


def test_a_savepoint_is_done(world, moment):
    decision = decide(world("ready", flink=("runs", {"operation": ("COMPLETED", SP)}), **ASKED))
    status = decision.status
    assert (status.savepoint_path, status.savepoint_timestamp, status.savepoint_trigger_id) == (SP, moment(0), "")
    assert status.recovery_points[0].path == SP


def test_a_savepoint_fails_and_the_job_goes_on(world):
    failed = decide(world("ready", flink=("runs", {"operation": ("FAILED", None, "read-only")}), **ASKED))
    refused = savepoint_failed(world("ready", flink="runs", **ASKED), "read-only")
    for decision in (failed, refused):
        assert decision.status.supervisor_status == Phase.STARTED
        assert (decision.status.savepoint_trigger_id, decision.status.failure) == ("", "SavepointFailed: read-only")
        assert [event.reason for event in decision.events] == ["SavepointFailed"]


def test_a_savepoint_that_flink_does_not_know_is_asked_for_under_the_same_id(world):
    decision = decide(world("ready", flink="runs", **ASKED))
    assert decision.action == TakeSavepoint(decision.status.job_id, TRIGGER, "s3://s", "CANONICAL")
    assert decision.status.savepoint_trigger_id == TRIGGER


@pytest.mark.parametrize("skew", [-3600, 0, 3600])
def test_a_result_that_flink_has_dropped_is_found_in_the_history(world, taken, skew):
    seen = Checkpoints(completed=9, latest_savepoint=taken(SP, id=9, savepoint=True, at=skew))
    decision = decide(world("ready", flink=("runs", {"checkpoints": seen}), **ASKED))
    assert decision.action is None
    assert decision.status.savepoint_path == SP


def test_an_older_savepoint_is_not_taken_for_the_answer(world, taken, known):
    seen = Checkpoints(completed=9, latest_savepoint=taken(SP, id=9, savepoint=True))
    points = (known(SP, type=SAVEPOINT),)
    decision = decide(world("ready", flink=("runs", {"checkpoints": seen}), recovery_points=points, **ASKED))
    assert isinstance(decision.action, TakeSavepoint)


# ---- ready ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flink", "ready"), [("runs", True), ("new", False), ("waits", False), ("stateless", True), ("restarting", False)]
)
def test_ready_means_that_all_tasks_run_and_one_checkpoint_is_there(world, moment, flink, ready):
    assert decide(world("started", flink=flink)).status.ready_at == (moment(0) if ready else "")


def test_ready_ends_with_the_tasks(world):
    decision = decide(world("ready", flink="restarting"))
    assert (decision.status.ready_at, decision.status.job_status) == ("", "RESTARTING")
    assert decision.status.supervisor_status == Phase.STARTED


@pytest.mark.parametrize(
    ("ready_for", "failures", "over"), [(None, 0, True), (None, 2, False), (59, 2, False), (60, 2, True)]
)
def test_failures_are_over_when_it_has_been_ready_for_as_long_as_the_pause(world, moment, ready_for, failures, over):
    ready_at = moment(-ready_for) if ready_for else ""
    status = decide(world("started", flink="runs", ready_at=ready_at, failures=failures, failure="JobLost: x")).status
    assert status.failure == ("" if over else "JobLost: x")
    assert status.failures == (0 if over else failures)


def test_a_job_that_runs_writes_nothing_new(world):
    settled = decide(world("ready", flink="runs")).status
    assert decide(world("ready", flink="runs", message="running")).status == settled


@pytest.mark.parametrize(("age", "delay"), [(0.0, steps.QUICK), (3.0, 0.3), (60.0, steps.SOON)])
def test_its_first_checkpoint_is_looked_for_often_at_first(world, age, delay):
    seen = ("runs", {"checkpointing": 60.0, "checkpoints": Checkpoints(), "age": age})
    assert decide(world("started", flink=seen)).delay == delay


@pytest.mark.parametrize(
    ("interval", "retained", "delay"),
    [(0, "5", 5), (60.0, "5", 5), (2.0, "5", 2.0), (0.1, "5", 0.5), (2.0, "3", 1.0), (60.0, "1", 0.5)],
)
def test_it_looks_often_enough_to_see_each_checkpoint_while_it_is_kept(world, interval, retained, delay):
    seen = world("ready", flink=("runs", {"checkpointing": interval}))
    assert decide(replace(seen, flink_settings={"state.checkpoints.num-retained": retained})).delay == delay


# ---- recovery points -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"cluster": "stopping"}, {"job": EDITED}, {"job": {"deleting": True}}])
def test_a_checkpoint_that_is_seen_is_a_way_back_whatever_is_decided(world, taken, changes):
    seen = Checkpoints(completed=8, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    status = decide(world("ready", flink=("runs", {"checkpoints": seen}), **changes)).status
    assert status.recovery_points[0].path == "s3://ckp/4f7a/chk-8"


MENDED = [
    ("restarting", {}, False),  # the edit may be what mends it: a savepoint would never complete
    ("runs", {}, True),
    ("restarting", {"execution.checkpointing.externalized-checkpoint-retention": "DELETE_ON_CANCELLATION"}, True),
]


@pytest.mark.parametrize(("flink", "settings", "savepoint"), MENDED)
def test_an_edit_of_a_job_whose_tasks_do_not_run_does_not_wait_for_a_savepoint(world, flink, settings, savepoint):
    """It is cancelled, and comes back from its newest checkpoint, if that outlives the cancellation."""
    before = replace(world("ready", flink=flink, job=EDITED), flink_settings=settings)
    after = decide(before).status
    assert (after.supervisor_status, after.stop.savepoint) == (Phase.STOPPING, savepoint)
