"""What a submission adds to the job's Flink configuration: never over what a user wrote."""

from __future__ import annotations

import pytest

from supervisor.settings import RETENTION, for_job


@pytest.mark.parametrize(
    ("spec", "cluster", "value"),
    [
        ({}, {}, "RETAIN_ON_CANCELLATION"),
        ({}, {RETENTION: "DELETE_ON_CANCELLATION"}, None),
        ({RETENTION: "NO_EXTERNALIZED_CHECKPOINTS"}, {}, "NO_EXTERNALIZED_CHECKPOINTS"),
        ({RETENTION: "a"}, {RETENTION: "b"}, "a"),
    ],
)
def test_checkpoints_outlive_the_job_unless_somebody_says_otherwise(spec, cluster, value):
    assert for_job(spec, cluster).get(RETENTION) == value


def test_the_jobs_own_configuration_goes_along():
    assert for_job({"a": "1"}, {"b": "2"})["a"] == "1"
    assert "b" not in for_job({"a": "1"}, {"b": "2"})
