"""What no schema says about a spec."""

import pytest

from core import validation

SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def test_a_problem_names_the_field():
    bad = {"savepoint": {"savepointSchedule": "61 * * * *"}}
    (job,) = validation.problems(SCHEMA, bad)
    assert job.startswith('spec.savepoint.savepointSchedule: Invalid value: "61 * * * *": ')
    (deployed,) = validation.problems(SCHEMA, {"jobs": [{"name": "a", "spec": {}}, {"name": "b", "spec": bad}]})
    assert deployed.startswith("spec.jobs[1].spec.savepoint.savepointSchedule: ")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"savepoint": 1}, {"jobs": [None, 1]}, {"jobs": {}}, {"savepoint": {"savepointSchedule": 1}}]
)
def test_what_is_no_spec_has_no_more_problems_than_its_schema_finds(body):
    assert list(validation.beyond_schema(body, "spec")) == []


def test_what_nothing_can_be_made_of_when_it_is_empty():
    job = {"name": "a", "spec": {"bootstrap": {"image": "", "jarPath": "", "className": "Main"}}}
    cluster = {"runtime": {"image": ""}, "supervisor": {"image": ""}}
    assert validation.problems(SCHEMA, {"cluster": cluster, "jobs": [job]}) == [
        "spec.cluster.runtime.image: must not be empty",
        "spec.cluster.supervisor.image: must not be empty",
        "spec.jobs[0].spec.bootstrap.image: must not be empty",
        "spec.jobs[0].spec.bootstrap.jarPath: must not be empty",
    ]


@pytest.mark.parametrize(("value", "refused"), [("true", True), (" True", True), (True, True), ("false", False)])
def test_flink_that_speaks_tls_only_is_refused(value, refused):
    body = {"flinkConfiguration": {"security.ssl.rest.enabled": value, "security.ssl.internal.enabled": "true"}}
    found = validation.problems(SCHEMA, {"cluster": body, "jobs": [{"name": "a", "spec": {"bootstrap": {}, **body}}]})
    assert [text.split(":")[0] for text in found] == (
        ["spec.cluster.flinkConfiguration.security.ssl.rest.enabled"] if refused else []
    )


@pytest.mark.parametrize(
    ("value", "refused"),
    [("savepoints", True), ("./x", True), ("/mnt/x", False), ("s3://bucket/x", False), ("file:/x", False), ("", False)],
)
@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("savepoint", "savepointTargetPath"),
        ("savepoint", "savepointPath"),
        ("flinkConfiguration", "execution.checkpointing.dir"),
        ("flinkConfiguration", "state.savepoints.dir"),
    ],
)
def test_state_in_a_relative_directory_would_go_with_its_container(part, field, value, refused):
    found = validation.problems(SCHEMA, {part: {field: value}})
    assert [text.split(": ")[0] for text in found] == ([f"spec.{part}.{field}"] if refused else [])


@pytest.mark.parametrize("path", ['"s3://bucket/savepoint-1"', " s3://bucket/savepoint-1"])
def test_what_is_read_is_what_is_judged(path):
    """core.job strips these of one field, as the Toolbox does; Flink would take the others for relative."""
    assert not list(validation.beyond_schema({"savepoint": {"savepointPath": path}}, "spec"))
    assert list(validation.beyond_schema({"savepoint": {"savepointTargetPath": path}}, "spec"))
