"""What the supervisor says about its cluster, and what becomes of the requests for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.flink import Overview, TaskManager
from core import cluster as clusters
from core import names
from core.cluster import Report
from supervisor.jobmanager import Look
from supervisor.report import idle_since, tell

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = {"taskManager": {"taskSlots": 2}, "supervisor": {"rescaleDelay": 60}}
REVISION = clusters.revision(clusters.read({"metadata": {"name": "demo"}, "spec": SPEC}))
IDLE, HALF, BUSY = (TaskManager(f"tm-{free}", "pekko", 2, free) for free in (2, 1, 0))
LOOK = Look(Overview("2.3.0", 3, 6, 3, 1, 0, 0, 0), {}, (IDLE, HALF, BUSY))
STARTED = {"supervisorStatus": "Started", "revision": REVISION, "incarnation": 4, "taskManagers": 3}


def read(
    status: dict[str, Any], report: Report | None = None, spec: dict[str, Any] | None = None, **annotations: str
) -> tuple[clusters.Cluster, clusters.ClusterStatus]:
    words = {"action": names.REQUESTED_ACTION, "without": names.WITHOUT_SAVEPOINT}
    metadata = {
        "name": "demo",
        "annotations": {
            names.REPORT: (report or Report()).text(),
            **{words[key]: value for key, value in annotations.items()},
        },
    }
    resource = {"metadata": metadata, "spec": {**SPEC, **(spec or {})}, "status": status}
    return clusters.read(resource), clusters.read_status(resource)


def told(*args: Any, look: Look = LOOK, idle: Any = None, **annotations: Any) -> Any:
    return tell(*read(*args, **annotations), look, [], looked=True, idle=idle or {}, now=NOW)


def test_figures_and_where_they_come_from():
    assert told(STARTED).report == Report(
        revision=REVISION,
        incarnation=4,
        answering=True,
        flink_version="2.3.0",
        task_managers=3,
        stable=REVISION,
    )


def test_the_same_cluster_gives_the_same_report():
    first = told(STARTED).report
    assert told(STARTED, first).report == first


@pytest.mark.defect(3)
@pytest.mark.parametrize("phase", ["Started", "Starting", "Stopped"])
def test_a_jobmanager_that_does_not_answer(phase):
    report = told({**STARTED, "supervisorStatus": phase}, Report(flink_version="2.3.0"), look=Look()).report
    assert (report.answering, report.task_managers) == (False, 0)
    assert report.flink_version == "2.3.0"


# ---- requests ------------------------------------------------------------------------------------------------------

STOPPED = Report(stopped=True)


def test_stop():
    outcome = told(STARTED, action="STOP", without="true")
    assert (outcome.handled, outcome.report.stopped, outcome.report.without_savepoint) == (True, True, True)


def test_start_of_a_running_cluster_is_a_restart():
    outcome = told(STARTED, Report(restarts=2), action="START")
    assert (outcome.handled, outcome.report.restarts, outcome.report.stopped) == (True, 3, False)


@pytest.mark.parametrize("before", [Report(forgets=1), Report(stopped=True, forgets=1)], ids=["runs", "stopped"])
@pytest.mark.parametrize(("without", "forgets"), [("true", 2), ("false", 1)])
def test_a_start_without_savepoint_is_counted(before, without, forgets):
    assert told(STARTED, before, action="START", without=without).report.forgets == forgets


@pytest.mark.parametrize("phase", ["Stopped", "Stopping", "Started"])
def test_start_takes_a_stop_back_at_any_time(phase):
    """Also while it is under way: a savepoint that cannot be taken would hold it up for ever."""
    outcome = told({**STARTED, "supervisorStatus": phase}, STOPPED, action="START")
    assert (outcome.handled, outcome.report.stopped) == (True, False)


@pytest.mark.parametrize(
    ("action", "spec", "why"),
    [
        ("TRIGGER_SAVEPOINT", {}, "does not apply"),
        ("JUMP", {}, "does not apply"),
        ("START", {"suspend": True}, "suspend"),
    ],
)
def test_what_cannot_be_done_is_answered(action, spec, why):
    outcome = told(STARTED, Report(), spec, action=action)
    assert outcome.handled
    assert why in outcome.report.message
    assert not outcome.report.stopped


@pytest.mark.parametrize("action", ["", "NONE", "none"])
def test_no_request(action):
    assert not told(STARTED, action=action).handled


CARRIED_OUT = {
    "asked, not begun": (Report(restarts=1, without_savepoint=True), "Started", True),
    "the jobs stop": (Report(restarts=1, without_savepoint=True), "Stopping", True),
    "restarted": (Report(restarts=0, without_savepoint=True), "Starting", False),
    "long over": (Report(restarts=0, without_savepoint=True), "Started", False),
    "being stopped": (Report(stopped=True, without_savepoint=True), "Stopping", True),
    "asked to stop, not begun": (Report(stopped=True, without_savepoint=True), "Started", True),
    "stopped": (Report(stopped=True, without_savepoint=True), "Stopped", False),
}


@pytest.mark.defect(5)
@pytest.mark.parametrize(("report", "phase", "still"), CARRIED_OUT.values(), ids=CARRIED_OUT)
def test_without_savepoint_holds_for_one_stop_or_restart(report, phase, still):
    """Or every later edit would drop the jobs' state without a word. `revision` is that of no restart."""
    assert told({**STARTED, "supervisorStatus": phase}, report).report.without_savepoint == still


@pytest.mark.parametrize(("report", "phase", "still"), CARRIED_OUT.values(), ids=CARRIED_OUT)
@pytest.mark.parametrize("message", ["stopped on request", "restarted on request"])
def test_a_request_is_told_until_it_is_carried_out(report, phase, still, message):
    outcome = told({**STARTED, "supervisorStatus": phase}, replace(report, message=message))
    assert outcome.report.message == (message if still else "")


# ---- scaling down --------------------------------------------------------------------------------------------------


@pytest.mark.defect(12)
@pytest.mark.parametrize(
    ("wanted", "idle_for", "phase", "releasable"),
    [
        (2, 60, "Started", ("tm-2",)),
        (2, 59, "Started", ()),
        (3, 999, "Started", ()),  # no more than is wanted
        (2, 999, "Starting", ()),
    ],
)
def test_a_surplus_pod_that_is_idle_for_long_enough_may_go(wanted, idle_for, phase, releasable):
    status = {**STARTED, "taskManagers": wanted, "supervisorStatus": phase}
    assert told(status, idle={"tm-2": NOW - timedelta(seconds=idle_for)}).report.releasable == releasable


def test_idle_means_all_slots_free_and_counts_from_the_first_sight():
    earlier = NOW - timedelta(seconds=30)
    assert idle_since({}, LOOK, NOW) == {"tm-2": NOW}
    assert idle_since({"tm-2": earlier, "tm-0": earlier}, LOOK, NOW) == {"tm-2": earlier}


def test_a_task_manager_without_slots_is_not_idle():
    assert idle_since({}, replace(LOOK, task_managers=(TaskManager("x", "p", 0, 0),)), NOW) == {}
