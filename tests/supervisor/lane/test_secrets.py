"""Flink quotes a secret of the spec: no line of the log has it."""

from __future__ import annotations

import logging

import pytest

from cli.logs import WithoutSecrets
from clients.flink import Duplicate, Unknown

SECRETS = {"flinkConfiguration": {"s3.secret-key": "letmein-first"}}
BOOTSTRAP = {"image": "img:1", "className": "Main", "jarPath": "/app.jar", "arguments": ["--db-pass", "letmein-second"]}


@pytest.fixture
def log(caplog):
    """The lines so far, as a supervisor writes them that knows what the stage's lane does."""
    caplog.set_level(logging.INFO, "supervisor")

    def lines(stage):
        shown = WithoutSecrets("%(message)s", lambda: stage.lane.secrets)
        return [shown.format(record) for record in caplog.records]

    return lines


@pytest.mark.parametrize("error", [Unknown, lambda text: Duplicate(400, text)])
def test_what_flink_answers(stage, log, error):
    def says(where):
        raise error(f"{where}: denied to letmein-first and letmein-second")

    made = stage()
    made.edit(**SECRETS, bootstrap=BOOTSTRAP)
    made.knife.at, made.knife.when, made.knife.only, made.knife.do = 0, "before", "flink run", says
    made.play(made.is_ready)
    lines = log(made)
    assert any("flink run: denied to *** and ***" in line for line in lines)
    assert not any("letmein" in line for line in lines)


def test_what_flink_says_of_a_job_is_short_and_without_them(ready):
    ready.edit(**SECRETS)
    ready.play(ready.is_ready)
    run = ready.flink.history[-1]
    ready.flink.exceptions = lambda _: f"{'x' * 640} denied to letmein-first, {'y' * 9000}"
    run.status = "FAILED"
    ready.play(lambda: ready.is_in("Stopped"))
    assert "denied to ***, yyy" in ready.status.failure and len(ready.status.failure) == 700
    assert "letmein" not in str(ready.job["status"])
