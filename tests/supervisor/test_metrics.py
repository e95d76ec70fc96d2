"""What Prometheus is told, and that each word of it is documented."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from core.states import Phase
from hooks.app import create_app
from supervisor.decide import decide
from supervisor.decision import REASONS
from supervisor.metrics import STATES, Metrics

LABELS = {"namespace": "test", "cluster": "demo", "job": "demo-count"}


def registry(*cycles):
    made = CollectorRegistry()
    made.register(Metrics(lambda: cycles))
    return made


def cycle(status=None, told=None):
    lanes = [("demo-count", SimpleNamespace(seen=status, told=told or {}))]
    return SimpleNamespace(namespace="test", name="demo", heartbeat=0.0, ticks=4, busy=2.5, lanes=lambda: lanes)


@pytest.fixture
def value(world):
    """What a metric of a ready job is."""
    status = decide(world("ready", flink="runs", failures=2, savepoint_timestamp="2026-03-01T11:00:00Z")).status
    found = registry(cycle(status.but(attempt=3), {"JobLost": 2}))

    def get(name, **labels):
        return found.get_sample_value(name, {**LABELS, **labels})

    return get


def test_a_job(value):
    assert (value("flink_job_state"), value("flink_job_ready"), value("flink_job_degraded")) == (2, 1, 0)
    assert (value("flink_job_failures"), value("flink_job_attempts_total")) == (0, 3)
    assert value("flink_job_last_savepoint_timestamp_seconds") == 1772362800
    assert value("flink_job_last_checkpoint_timestamp_seconds") == 1772366399


def test_its_events_count_from_0(value):
    assert value("flink_job_events_total", reason="JobLost") == 2
    assert value("flink_job_events_total", reason="SavepointFailed") == 0
    assert [reason for reason in REASONS if value("flink_job_events_total", reason=reason) is None] == ["RunLeftBehind"]


def test_a_cluster():
    found, labels = registry(cycle()), {"namespace": "test", "cluster": "demo"}
    assert found.get_sample_value("flink_supervisor_cycle_seconds_count", labels) == 4
    assert found.get_sample_value("flink_supervisor_cycle_seconds_sum", labels) == 2.5
    assert found.get_sample_value("flink_supervisor_heartbeat_age_seconds", labels) > 0


@pytest.mark.defect(26)
def test_what_is_not_known_is_no_figure(world):
    empty = registry(cycle(world("unknown").status))
    assert empty.get_sample_value("flink_job_last_checkpoint_timestamp_seconds", LABELS) is None
    assert b"flink_job" not in re.sub(rb"#.*", b"", generate_latest(registry(cycle())))  # no step was taken yet


def test_the_numbers_of_the_states_are_frozen():
    assert {str(phase): number for phase, number in STATES.items()} == {
        "Unknown": 0,
        "Starting": 1,
        "Started": 2,
        "Stopping": 3,
        "Stopped": 4,
        "Terminated": 5,
    }
    assert set(STATES) == set(Phase)


def test_every_metric_is_documented_with_its_type_and_labels(documented):
    told = {
        each.name + ("_total" if each.type == "counter" else ""): [each.type, ", ".join(each._labelnames)]
        for each in Metrics(list).describe()
    }
    rows = documented("metrics.md")
    assert {name: row[:2] for name, row in rows.items() if not name.startswith("flink_hooks")} == told
    text = create_app().test_client().get("/metrics").text
    hooks = dict(re.findall(r"^# TYPE (flink_hooks\S+) (\w+)", text, re.MULTILINE))
    assert hooks == {name: row[0] for name, row in rows.items() if name.startswith("flink_hooks")}


def test_the_numbers_of_the_states_are_documented(documented):
    text = documented("metrics.md")["flink_job_state"][2]
    assert {phase: int(number) for number, phase in re.findall(r"(\d) ([A-Z]\w+)", text)} == {
        str(phase): number for phase, number in STATES.items()
    }
