"""The deployment hook: one cluster, its jobs, what belongs to the scale subresource, and what is told about them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

import crds
from core import schema
from local.metacontroller.apply import apply, with_last_applied

from .worlds import CLUSTER_SPEC, JOB_SPEC, Post, applied, deployment_body, names_of, resource, taken

SAMPLES = Path(__file__).parent.parent / "data" / "toolbox"


def deployment(jobs=("a", "b"), *, cluster=None, status=None, generation=1):
    entries = [{"name": name, "spec": JOB_SPEC} for name in jobs]
    parent = taken(
        resource(
            "FlinkDeployment",
            "demo",
            {"cluster": {**CLUSTER_SPEC, "taskManagers": 2, **(cluster or {})}, "jobs": entries},
            generation=generation,
        )
    )
    return {**parent, **({"status": status} if status is not None else {})}


def sync(parent, children=()):
    return Post().ok("/deployment/sync", deployment_body(parent, children))


def stored(answer):
    """The children as the API server has them after Metacontroller's apply: defaulted, and still as new."""
    return [applied(taken(child)) for child in answer["children"]]


def ready(child, phase="Started", **more):
    status = {
        "supervisorStatus": phase,
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Started", "message": "all is well"}],
        **more,
    }
    return {**child, "metadata": {**child["metadata"], "generation": 1}, "status": status}


def child(answer, name):
    return next(item for item in answer["children"] if item["metadata"]["name"] == name)


def condition(answer, type="Ready"):
    return next(item for item in answer["status"]["conditions"] if item["type"] == type)


def test_one_cluster_and_a_job_for_each_entry():
    answer = sync(deployment())
    assert names_of(answer, "FlinkCluster") == ["demo"]
    assert names_of(answer, "FlinkJob") == ["demo-a", "demo-b"]
    job = child(answer, "demo-a")
    assert (job["spec"]["clusterName"], job["metadata"]["labels"]["clusterName"]) == ("demo", "demo")
    assert job["metadata"]["labels"]["jobName"] == "a"


@pytest.mark.parametrize("jobs", [None, []])
def test_a_cluster_without_jobs(jobs):
    parent = deployment(())
    parent["spec"]["jobs"] = jobs
    assert names_of(sync(parent), "FlinkJob") == []


@pytest.mark.defect(18)
def test_children_are_what_their_crds_take():
    """Else the API server refuses them, again and again."""
    whole = deployment()
    nulls = deployment(cluster={"taskManager": {"taskSlots": None}, "maxTaskManagers": None})
    samples = [
        item
        for path in sorted(SAMPLES.glob("*.yaml"))
        for item in yaml.safe_load_all(path.read_text("utf-8"))
        if item["kind"] == "FlinkDeployment"
    ]
    parents = [taken({**item, "metadata": {**item["metadata"], "namespace": "team"}}) for item in samples]
    for parent in [whole, nulls, *parents]:
        for item in sync(parent)["children"]:
            assert schema.unknown_fields(crds.schema(item["kind"]), item) == []
            assert taken(item)
            assert schema.cel_errors(crds.schema(item["kind"]), None, taken(item)) == []


def test_nothing_changes_when_the_stored_children_come_back():
    """What the API server filled in is not taken for an edit."""
    first = sync(deployment())
    assert sync(deployment(), stored(first))["children"] == first["children"]


def scaled(children, name, field, value):
    children = deepcopy(children)
    next(item for item in children if item["metadata"]["name"] == name)["spec"][field] = value
    return children


@pytest.mark.parametrize(("name", "field"), [("demo", "taskManagers"), ("demo-a", "jobParallelism")])
def test_a_scale_is_never_fought_over(name, field):
    children = scaled(stored(sync(deployment())), name, field, 7)
    answer = sync(deployment(), children)
    assert child(answer, name)["spec"][field] == 7
    assert child(answer, "demo-b")["spec"]["jobParallelism"] == 1


def test_an_edit_of_the_declared_value_is_passed_on_once():
    children = scaled(stored(sync(deployment())), "demo", "taskManagers", 7)
    edited = deployment(cluster={"taskManagers": 4})
    answer = sync(edited, children)
    assert child(answer, "demo")["spec"]["taskManagers"] == 4
    again = scaled(stored(answer), "demo", "taskManagers", 9)
    assert child(sync(edited, again), "demo")["spec"]["taskManagers"] == 9


def test_an_edit_of_the_declared_parallelism_leaves_the_other_jobs_alone():
    children = stored(sync(deployment()))
    for name in ("demo-a", "demo-b"):
        children = scaled(children, name, "jobParallelism", 7)
    edited = deployment()
    edited["spec"]["jobs"][0]["spec"]["jobParallelism"] = 3
    answer = sync(edited, children)
    found = {name: child(answer, name)["spec"]["jobParallelism"] for name in ("demo-a", "demo-b")}
    assert found == {"demo-a": 3, "demo-b": 7}


def test_a_scale_to_zero_is_kept_too():
    children = scaled(stored(sync(deployment())), "demo-a", "jobParallelism", 0)
    assert child(sync(deployment(), children), "demo-a")["spec"]["jobParallelism"] == 0


def test_a_child_that_is_made_again_has_the_declared_value():
    children = [item for item in stored(sync(deployment())) if item["metadata"]["name"] != "demo"]
    assert child(sync(deployment(), children), "demo")["spec"]["taskManagers"] == 2


@pytest.mark.defect(16)
def test_a_field_that_is_removed_is_gone_from_the_child():
    with_it = deployment(cluster={"flinkConfiguration": {"a": "1"}})
    answer = sync(deployment(), stored(sync(with_it)))
    assert "flinkConfiguration" not in child(answer, "demo")["spec"]


@pytest.mark.defect(17)
def test_an_edit_that_did_not_arrive_is_answered_again():
    """Only what the child is counts, not what was once said about it."""
    children, edited = stored(sync(deployment())), deployment()
    edited["spec"]["jobs"][0]["spec"] = {**JOB_SPEC, "flinkConfiguration": {"a": "1"}}
    first = sync(edited, children)
    assert child(first, "demo-a")["spec"]["flinkConfiguration"] == {"a": "1"}
    assert sync({**edited, "status": first["status"]}, children)["children"] == first["children"]


def test_a_job_that_is_removed_is_not_answered_and_not_told_about():
    children = stored(sync(deployment()))
    answer = sync(deployment(("a",)), children)
    assert names_of(answer, "FlinkJob") == ["demo-a"]
    assert [job["name"] for job in answer["status"]["jobs"]] == ["demo-a"]


def test_a_job_that_is_removed_is_waited_for():
    """Its last savepoint may fail."""
    children = [ready(item) for item in stored(sync(deployment()))]
    assert "FlinkJob demo-b: is being deleted" in condition(sync(deployment(("a",)), children))["message"]
    children[2]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    children[2]["status"]["message"] = "SavepointFailed: no room"
    told = condition(sync(deployment(("a",)), children))
    assert (told["status"], told["message"]) == ("False", "FlinkJob demo-b: is being deleted: SavepointFailed: no room")
    assert condition(sync(deployment(("a",)), children[:2]))["status"] == "True"


# What is told.


def test_at_first_nothing_is_there_yet():
    answer = sync(deployment())
    assert (condition(answer)["status"], condition(answer)["reason"]) == ("False", "Waiting")
    assert "FlinkCluster demo: not there yet" in condition(answer)["message"]
    assert condition(answer, "Progressing")["status"] == "True"
    assert answer["status"]["resourceStatus"] == "Updating"


def test_ready_when_all_are():
    children = [ready(item) for item in stored(sync(deployment()))]
    answer = sync(deployment(), children)
    assert (condition(answer)["status"], answer["status"]["resourceStatus"]) == ("True", "Updated")
    assert answer["status"]["clusterStatus"] == "Started"
    assert [job["ready"] for job in answer["status"]["jobs"]] == [True, True]


def test_a_suspended_job_is_as_its_spec_wants_it():
    children = [ready(item) for item in stored(sync(deployment()))]
    children[2]["status"]["conditions"] = [
        {"type": "Ready", "status": "False"},
        {"type": "Suspended", "status": "True"},
    ]
    assert condition(sync(deployment(), children))["status"] == "True"


def test_what_a_child_waits_for_is_told():
    children = [ready(item) for item in stored(sync(deployment()))]
    children[1]["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": "waiting for slots"}]
    answer = sync(deployment(), children)
    assert condition(answer)["message"] == "FlinkJob demo-a: waiting for slots"


def test_what_is_ready_for_an_older_spec_is_not_ready():
    children = [ready(item) for item in stored(sync(deployment()))]
    children[0]["metadata"]["generation"] = 2
    assert condition(sync(deployment(), children))["message"] == "FlinkCluster demo: ready, but for an older spec"


def test_a_child_that_waits_for_a_person_is_a_failure():
    children = [ready(item) for item in stored(sync(deployment()))]
    children[1]["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "message": "no recovery point"},
        {"type": "Stalled", "status": "True", "message": "no recovery point"},
    ]
    answer = sync(deployment(), children)
    assert (condition(answer)["reason"], condition(answer, "Stalled")["status"]) == ("Failed", "True")
    assert condition(answer, "Progressing")["status"] == "False"
    assert condition(answer, "Stalled")["message"] == "FlinkJob demo-a: no recovery point"


@pytest.mark.parametrize("when", ["not applied", "applied and not seen"])
def test_what_a_child_says_about_the_spec_before_is_no_failure_of_this_one(when):
    """Else the edit that mends it would be told to have failed."""
    children = [ready(item) for item in stored(sync(deployment()))]
    children[0]["status"]["conditions"] = [{"type": "Stalled", "status": "True", "message": "UpdateFailed: before"}]
    if when == "applied and not seen":
        children[0]["metadata"]["generation"] = 2
        answer = sync(deployment(), children)
    else:
        answer = sync(deployment(cluster={"maxTaskManagers": 9}), children)
    assert (condition(answer, "Stalled")["status"], condition(answer, "Progressing")["status"]) == ("False", "True")


def statuses():
    first = sync(deployment())
    yield first["status"]
    children = [ready(item, jobStatus="RUNNING") for item in stored(first)]
    second = sync(deployment(status=first["status"]), children)
    yield second["status"]
    yield sync({**deployment(status=second["status"]), "spec": {"cluster": {}}}, children)["status"]


@pytest.mark.parametrize("number", range(3))
def test_the_status_is_what_the_crd_says(number):
    found = deployment(status={**list(statuses())[number], "observedGeneration": 1})
    assert schema.unknown_fields(crds.schema("FlinkDeployment"), found) == []
    assert schema.errors(crds.schema("FlinkDeployment"), found) == []
    assert "null" not in json.dumps(found["status"])


def test_the_status_settles():
    answer = sync(deployment())
    children = stored(answer)
    answer = sync(deployment(status=answer["status"]), children)
    for _ in range(2):
        parent = deployment(status={**answer["status"], "observedGeneration": 1})
        parent["metadata"]["managedFields"] = [{"manager": "metacontroller", "time": "2026-02-02T00:00:00Z"}]
        answer = sync(parent, children)
    assert answer["status"]["timestamp"] == "2026-01-01T00:00:00Z"


def test_a_wrong_spec_keeps_all_children_as_they_were_applied():
    first = sync(deployment())
    children = [ready(item) for item in [applied(item) for item in first["children"]]]
    wrong = deployment(status=first["status"], generation=2)
    wrong["spec"]["jobs"][0]["spec"]["bootstrap"].pop("image")
    wrong["spec"]["jobs"].pop()
    answer = sync(wrong, children)
    assert answer["children"] == first["children"]
    assert (condition(answer)["reason"], condition(answer, "Stalled")["status"]) == ("InvalidSpec", "True")
    assert "spec.jobs[0].spec.bootstrap.image: Required value" in condition(answer)["message"]


def test_two_jobs_of_one_name_are_a_wrong_spec():
    parent = deployment(("a",))
    parent["spec"]["jobs"] *= 2
    assert condition(sync(parent))["reason"] == "InvalidSpec"


@pytest.mark.parametrize("sample", ["whole", "nulls"])
def test_what_the_api_server_fills_in_is_no_difference_to_metacontroller(sample):
    """Else each sync would write each child."""
    cluster = {"whole": {"flinkConfiguration": {"a": 1}}, "nulls": {"taskManager": {"taskSlots": None}}}[sample]
    for item in sync(deployment(cluster=cluster))["children"]:
        observed = with_last_applied(taken(item), item)
        assert apply(observed, item) == observed
