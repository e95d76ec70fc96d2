"""What holds in every state: the table of transitions, requests, a wrong spec, timestamps, strays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.flink import Checkpoints
from core.job_status import Stop
from core.states import Phase, StoppedBy
from supervisor import decide as module
from supervisor.decide import decide, stamped
from supervisor.decision import Cancel, Decision, StopJob
from supervisor.transitions import TRANSITIONS, allowed

STOP = Stop("ab" * 16, savepoint=True, requested_at="2026-03-01T11:59:57Z", stopped_by=StoppedBy.PERSON)


def stop(next: Phase, **changes: object) -> dict[str, object]:
    return {"stop": replace(STOP, next=next, **changes)}  # type: ignore[arg-type]


# One world for each way of the table.
WAYS = {
    (Phase.UNKNOWN, Phase.STARTING): ("unknown", {}),
    (Phase.UNKNOWN, Phase.TERMINATED): ("unknown", {"job": {"deleting": True}}),
    (Phase.STARTING, Phase.STARTED): ("submitted", {"flink": "runs"}),
    (Phase.STARTING, Phase.STOPPING): ("submitted", {"flink": "runs", "job": {"action": "STOP"}}),
    (Phase.STARTING, Phase.STOPPED): ("submitted", {"flink": "failed"}),
    (Phase.STARTING, Phase.TERMINATED): ("carried", {"job": {"deleting": True}}),
    (Phase.STARTED, Phase.STARTING): ("ready", {"cluster": "lost"}),
    (Phase.STARTED, Phase.STOPPING): ("ready", {"flink": "runs", "cluster": "stopping"}),
    (Phase.STARTED, Phase.STOPPED): ("ready", {"flink": "finished"}),
    (Phase.STOPPING, Phase.STARTING): ("stopping", {"cluster": "lost", **stop(Phase.STARTING)}),
    (Phase.STOPPING, Phase.STARTED): ("stopping", {"flink": ("runs", {"operation": ("FAILED", None, "x")})}),
    (Phase.STOPPING, Phase.STOPPED): ("stopping", {"cluster": "lost", **stop(Phase.STOPPED)}),
    (Phase.STOPPING, Phase.TERMINATED): ("stopping", {"cluster": "lost", **stop(Phase.TERMINATED)}),
    (Phase.STOPPED, Phase.STARTING): ("stopped", {"stopped_by": StoppedBy.SPEC}),
    (Phase.STOPPED, Phase.TERMINATED): ("stopped", {"job": {"deleting": True}}),
}


@pytest.mark.parametrize(("way", "how"), WAYS.items(), ids=[f"{a} to {b}" for a, b in WAYS])
def test_every_way_of_the_table_is_gone(world, way, how):
    status, changes = how
    before = world(status, **changes)
    assert before.status.supervisor_status == way[0]
    assert decide(before).status.supervisor_status == way[1]


def test_the_table_has_no_other_ways():
    assert {(before, after) for before, all_after in TRANSITIONS.items() for after in all_after} == set(WAYS)


def test_every_state_has_its_module_and_its_row():
    assert set(module.STATES) == set(TRANSITIONS) == set(Phase)


def test_staying_is_always_allowed():
    assert all(allowed(phase, phase) for phase in Phase)


def test_what_is_not_in_the_table_does_not_happen(world, monkeypatch):
    def leap(seen):
        return Decision(seen.status.but(supervisor_status=Phase.STARTED), "a leap", 0.0)

    monkeypatch.setitem(module.STATES, Phase.STOPPED, leap)
    with pytest.raises(RuntimeError, match="no way from Stopped to Started: a leap"):
        decide(world("stopped"))


# ---- requests ------------------------------------------------------------------------------------------------------

STATES = {
    "unknown": {},
    "carried": {"cluster": "full"},
    "submitted": {"flink": "waits"},
    "ready": {"flink": "runs"},
    "stopping": {"flink": "runs"},
    "stopped": {"stopped_by": StoppedBy.PERSON},
    "terminated": {},
}
DONE, REFUSED, KEPT = "done", "refused", "kept"
REQUESTS = {
    "unknown": {"START": KEPT, "STOP": KEPT, "TRIGGER_SAVEPOINT": KEPT, "FORGET_SAVEPOINT": KEPT, "JUMP": KEPT},
    "carried": {
        "START": REFUSED,
        "STOP": DONE,
        "TRIGGER_SAVEPOINT": REFUSED,
        "FORGET_SAVEPOINT": DONE,
        "JUMP": REFUSED,
    },
    "submitted": {
        "START": REFUSED,
        "STOP": DONE,
        "TRIGGER_SAVEPOINT": REFUSED,
        "FORGET_SAVEPOINT": KEPT,
        "JUMP": REFUSED,
    },
    "ready": {"START": DONE, "STOP": DONE, "TRIGGER_SAVEPOINT": DONE, "FORGET_SAVEPOINT": DONE, "JUMP": REFUSED},
    "stopping": {"START": KEPT, "STOP": KEPT, "TRIGGER_SAVEPOINT": KEPT, "FORGET_SAVEPOINT": KEPT, "JUMP": KEPT},
    "stopped": {"START": DONE, "STOP": DONE, "TRIGGER_SAVEPOINT": REFUSED, "FORGET_SAVEPOINT": DONE, "JUMP": REFUSED},
    "terminated": {
        "START": REFUSED,
        "STOP": REFUSED,
        "TRIGGER_SAVEPOINT": REFUSED,
        "FORGET_SAVEPOINT": REFUSED,
        "JUMP": REFUSED,
    },
}


@pytest.mark.defect(28)
@pytest.mark.parametrize(
    ("status", "action", "outcome"),
    [(status, action, outcome) for status, row in REQUESTS.items() for action, outcome in row.items()],
)
def test_what_becomes_of_a_request(world, status, action, outcome):
    decision = decide(world(status, job={"action": action, "at": "t1"}, **STATES[status]))
    assert decision.handled == (outcome != KEPT)
    assert decision.status.handled_action == ("" if outcome == KEPT else f"{action}@t1")
    ignored = [event.message for event in decision.events if event.reason == "RequestIgnored"]
    assert bool(ignored) == (outcome == REFUSED)
    if ignored:
        assert action in ignored[0]
        assert ("there are FORGET_SAVEPOINT, START, STOP" in ignored[0]) == (action == "JUMP")


@pytest.mark.parametrize("action", ["STOP", "START", "TRIGGER_SAVEPOINT", "FORGET_SAVEPOINT"])
@pytest.mark.parametrize("flink", ["silent", "not asked"])
def test_a_request_is_kept_while_the_jobmanager_does_not_answer(world, action, flink):
    decision = decide(world("ready", cluster="mute", flink=flink, job={"action": action}))
    assert not decision.handled
    assert not decision.events


@pytest.mark.parametrize("word", ["stop", " Stop "])
def test_words_are_read_as_the_toolbox_reads_them(world, word):
    assert decide(world("ready", flink="runs", job={"action": word})).status.supervisor_status == Phase.STOPPING


@pytest.mark.parametrize(
    ("status", "action"),
    [("stopped", "START"), ("ready", "STOP"), ("ready", "START"), ("ready", "TRIGGER_SAVEPOINT"), ("carried", "STOP")],
)
def test_a_request_is_carried_out_once(world, status, action):
    """Its annotation could not be reset: it is only reset, not obeyed again."""
    how = {**STATES[status], "job": {"action": action, "at": "t1"}}
    decision = decide(world(status, handled_action=f"{action}@t1", **how))
    assert decision.handled
    assert decision.action is None or not isinstance(decision.action, StopJob)
    assert decision.status.supervisor_status == world(status).status.supervisor_status
    assert not decision.events


@pytest.mark.defect(23)
def test_the_same_word_at_another_time_is_another_request(world):
    before = world("ready", flink="runs", handled_action="STOP@t1", job={"action": "STOP", "at": "t2"})
    assert decide(before).status.supervisor_status == Phase.STOPPING


def test_a_request_that_is_gone_is_forgotten(world):
    """So that the next one counts, also without a timestamp."""
    assert decide(world("ready", flink="runs", handled_action="STOP@")).status.handled_action == ""


# ---- a wrong spec --------------------------------------------------------------------------------------------------

WRONG = ("spec.bootstrap.jarPath: must be text",)


def held(seen):
    return decide(replace(seen, problems=WRONG))


@pytest.mark.parametrize("status", ["unknown", "carried", "submitted", "ready", "stopping", "stopped"])
@pytest.mark.parametrize("cluster", ["up", "lost", "stopping"])
@pytest.mark.parametrize("flink", ["runs", "missing", "silent", "failed"])
def test_a_wrong_spec_is_said_and_nothing_is_asked_of_flink(world, status, cluster, flink):
    decision = held(world(status, cluster=cluster, flink=flink, job={"action": "STOP"}))
    told = {item["type"]: item for item in decision.status.conditions}
    assert decision.action is None
    assert not decision.handled
    assert (told["Ready"]["status"], told["Ready"]["reason"]) == ("False", "InvalidSpec")
    assert (told["Stalled"]["status"], told["Stalled"]["message"]) == ("True", f"InvalidSpec: {WRONG[0]}")


@pytest.mark.parametrize("cluster", ["up", "stopping"])
def test_with_a_wrong_spec_a_running_job_goes_on_and_its_checkpoints_are_known(world, cluster, taken):
    newer = Checkpoints(completed=2, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    status = held(world("ready", cluster=cluster, flink=("runs", {"checkpoints": newer}))).status
    assert status.supervisor_status == Phase.STARTED
    assert status.recovery_points[0].path == "s3://ckp/4f7a/chk-8"


HELD = {
    "lost": ("ready", {"cluster": "lost"}, Phase.STARTING),
    "ended": ("ready", {"flink": "failed"}, Phase.STOPPED),
    "a submission that came true": ("submitted", {"flink": "runs"}, Phase.STARTED),
    "a stop that is done": ("stopping", {"flink": ("canceled", {"operation": ("COMPLETED", "s3://s/1", "")})}, None),
}


@pytest.mark.parametrize(("status", "how", "phase"), HELD.values(), ids=HELD)
def test_with_a_wrong_spec_what_happened_is_still_seen(world, status, how, phase):
    after = held(world(status, **how)).status
    assert after.supervisor_status == (phase or Phase.STOPPED)
    assert after.holds_cluster == (phase == Phase.STARTED)


def test_with_a_wrong_spec_no_start_takes_too_long(world, moment):
    """How long it may take is a part of the spec."""
    status = held(world("submitted", flink="waits", started_at=moment(-9999))).status
    assert status.supervisor_status == Phase.STARTING


def test_with_a_wrong_spec_no_recovery_point_is_dropped(world, known, taken):
    """How many are kept is a part of the spec."""
    points = tuple(known(f"s3://s/{number}", type="SAVEPOINT") for number in range(20))
    newer = Checkpoints(completed=2, latest_completed=taken("s3://ckp/4f7a/chk-8", id=8))
    seen = world("ready", flink=("runs", {"checkpoints": newer}), recovery_points=points)
    assert len(held(seen).status.recovery_points) == 21


def test_with_a_wrong_spec_a_stray_is_cancelled(world):
    seen = replace(world("stopped", stopped_by=StoppedBy.PERSON), strays=("f" * 32,))
    assert held(seen).action == Cancel("f" * 32)


def test_with_a_wrong_spec_a_cancellation_that_has_begun_is_gone_through_with(world):
    decision = held(world("stopping", flink="runs", stop=Stop(next=Phase.STOPPED)))
    assert isinstance(decision.action, Cancel)


def test_a_wrong_spec_does_not_keep_a_job_from_being_deleted(world):
    before = replace(world("carried", job={"deleting": True}), problems=WRONG)
    assert decide(before).status.supervisor_status == Phase.TERMINATED


# ---- timestamps ----------------------------------------------------------------------------------------------------


def test_the_timestamp_moves_with_a_change_and_only_then(world, moment):
    before = world("ready", flink="runs")
    first = decide(before).status
    assert first.timestamp == moment(0)
    later = replace(before, status=first, now=before.now.replace(minute=5))
    assert decide(later).status == first
    assert stamped(later, first.but(message="new")).timestamp == moment(300)


def test_a_condition_keeps_its_time_while_only_its_reason_changes(world, moment):
    before = world("submitted", flink="waits")
    first = decide(before).status
    later = decide(
        replace(before, status=first, now=before.now.replace(minute=1), cluster=world("ready", cluster="mute").cluster)
    )
    old, new = ({item["type"]: item for item in status.conditions} for status in (first, later.status))
    assert old["Ready"]["lastTransitionTime"] == new["Ready"]["lastTransitionTime"] == moment(0)


# ---- strays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["carried", "ready", "stopped"])
def test_a_run_of_an_earlier_attempt_is_cancelled(world, status):
    how = STATES[status] if status != "carried" else {}
    decision = decide(replace(world(status, **how), strays=("f" * 32,)))
    assert decision.action == Cancel("f" * 32)
    assert decision.status.supervisor_status == world(status).status.supervisor_status


# ---- secrets -------------------------------------------------------------------------------------------------------

TELLS = "S3Exception: hunter2-and-more and letmein-again are refused, password=x, at http://me:pw@minio"
TOLD = "S3Exception: *** and *** are refused, password=***, at http://me:***@minio"


def test_no_secret_of_job_or_cluster_is_told_to_anybody(world):
    secrets = frozenset({"letmein-again"})
    job = {"flinkConfiguration": {"my.token": "hunter2-and-more"}}
    decision = decide(
        world("ready", cluster=("up", {"secrets": secrets}), flink=("failed", {"exception": TELLS}), job=job)
    )
    status = decision.status
    conditions = [item["message"] for item in status.conditions if item["type"] in ("Ready", "Degraded")]
    assert all(TOLD in text for text in (decision.why, status.message, status.failure, *conditions))
    assert all(TOLD in event.message for event in decision.events)
    assert decision.events


def test_nor_is_one_in_the_reason_of_a_stop(world):
    seen = world("submitted", flink=("waits", {"exception": TELLS}), started_at="2026-03-01T11:00:00Z")
    decision = decide(seen)
    assert "password=***" in decision.status.stop.reason
    assert "password=x" not in str(decision)


def test_what_a_job_comes_back_from_is_used_as_it_is(world, known):
    path = "s3://me:pw@bucket/token=x/chk-7"
    status = decide(world("ready", flink="runs", recovery_points=(known(path),))).status
    assert path in [point.path for point in status.recovery_points]
