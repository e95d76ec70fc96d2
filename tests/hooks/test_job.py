"""The job hook: the bootstrap Job while it is ordered, the label that binds, and the end of a job."""

from __future__ import annotations

import json

import pytest

import crds
from core import names
from core.job_status import Delivery
from hooks import job as hook

from .worlds import Post, flink_cluster, flink_job, job_body, job_request

LONG_AGO, FAR_AWAY = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
ORDERED = {
    "supervisorStatus": "Starting",
    "delivery": {
        "number": 3,
        "incarnation": 1,
        "image": "flinkctl:1",
        "bootstrap": {"image": "jobs:1", "className": "Main", "jarPath": "/jobs/main.jar"},
    },
}
AHEAD = {
    **ORDERED,
    "supervisorStatus": "Started",
    "jarId": "uploaded.jar",
    "update": {"delivery": {**ORDERED["delivery"], "number": 4}},
}


def sync(job, attachments=(), clusters=()):
    return Post().ok("/job/sync", job_body(job, attachments, clusters))


def finalize(job, clusters=()):
    return Post().ok("/job/finalize", job_body(job, (), clusters, finalizing=True))


def test_the_status_is_left_alone():
    """It is the supervisor's: null, and there."""
    answer = sync(flink_job(status=ORDERED))
    assert "status" in answer and answer["status"] is None
    assert answer["annotations"] == {}
    assert "finalized" not in answer


@pytest.mark.parametrize(
    ("status", "attached"),
    [
        (None, []),
        ({}, []),
        ({"supervisorStatus": "Starting"}, []),
        (ORDERED, ["bootstrap-demo-a-3"]),
        ({**ORDERED, "jarId": "uploaded.jar"}, []),
        ({**ORDERED, "supervisorStatus": "Started"}, []),
        (AHEAD, ["bootstrap-demo-a-4"]),
        ({**AHEAD, "update": {**AHEAD["update"], "jarId": "uploaded.jar"}}, []),
        ({**AHEAD, "supervisorStatus": "Stopping"}, []),
        ({**ORDERED, "supervisorStatus": "Stopping"}, []),
        ({**ORDERED, "supervisorStatus": "Stopped"}, []),
        ({**ORDERED, "supervisorStatus": "Terminated"}, []),
        ({**ORDERED, "delivery": {"number": 0, "image": "flinkctl:1"}}, []),
    ],
    ids=[
        "no status",
        "empty",
        "nothing ordered",
        "ordered",
        "stored",
        "started",
        "ordered ahead",
        "stored ahead",
        "stopping for it",
        "stopping",
        "stopped",
        "over",
        "zero",
    ],
)
def test_the_bootstrap_is_there_while_it_is_ordered_and_not_stored(status, attached):
    answer = sync(flink_job(status=status))
    assert [item["metadata"]["name"] for item in answer["attachments"]] == attached


@pytest.mark.defect(8)
def test_a_finished_bootstrap_stays_until_its_jar_is_stored():
    """One that vanished would be run again."""
    first = sync(flink_job(status=ORDERED))["attachments"]
    done = [{**first[0], "status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}}]
    assert sync(flink_job(status=ORDERED), done)["attachments"] == first


FAILED = {
    "supervisorStatus": "Stopped",
    "failure": "BootstrapFailed: cp: no such file",
    "delivery": {"number": 3},
}
FAILED_AHEAD = {**FAILED, "supervisorStatus": "Started", "jarId": "uploaded.jar", "update": {"delivery": {"number": 3}}}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (FAILED, ["bootstrap-demo-a-3"]),
        ({**FAILED, "supervisorStatus": "Starting"}, ["bootstrap-demo-a-3"]),
        (FAILED_AHEAD, ["bootstrap-demo-a-3"]),
        ({**FAILED, **AHEAD}, ["bootstrap-demo-a-4"]),
        ({**FAILED, "failure": ""}, []),
        ({**FAILED, "delivery": {"number": 4}}, []),
        ({**FAILED, "supervisorStatus": "Starting", "jarId": "uploaded.jar"}, []),
        ({**FAILED_AHEAD, "update": {**FAILED_AHEAD["update"], "jarId": "newer.jar"}}, []),
    ],
    ids=["stopped", "about to start", "ahead", "the next one", "forgotten", "another one", "there", "there ahead"],
)
def test_a_failed_bootstrap_stays_until_the_next_one(status, kept):
    """For its log. One that is gone is not made again."""
    (first,) = sync(flink_job(status=ORDERED))["attachments"]
    annotations = {"metacontroller.k8s.io/last-applied-configuration": json.dumps(first)}
    observed = {**first, "metadata": {**first["metadata"], "uid": "u", "annotations": annotations}}
    answers = sync(flink_job(status=status), [observed])["attachments"]
    assert [item["metadata"]["name"] for item in answers] == kept
    assert first in answers or kept != ["bootstrap-demo-a-3"]
    assert "bootstrap-demo-a-3" not in str(sync(flink_job(status=status)))


def test_what_is_carried_is_what_was_ordered_not_what_the_spec_says_now():
    before = sync(flink_job(status=ORDERED))["attachments"]
    bootstrap = {"image": "jobs:2", "className": "Other", "jarPath": "/other.jar"}
    assert sync(flink_job(status=ORDERED, bootstrap=bootstrap))["attachments"] == before


def test_the_next_delivery_is_another_job():
    order = {**ORDERED, "delivery": {**ORDERED["delivery"], "number": 4}}
    assert [item["metadata"]["name"] for item in sync(flink_job(status=order))["attachments"]] == ["bootstrap-demo-a-4"]


# The label.

UNBOUND = {"metadata": {"labels": {}}}


@pytest.mark.parametrize(
    ("name", "changes", "clusters", "label"),
    [
        ("demo-a", {"clusterName": "demo"}, [], "demo"),
        ("x", {"clusterName": "demo", "metadata": {"labels": {"clusterName": "old"}}}, ["old", "demo"], "demo"),
        ("x", {"metadata": {"labels": {"clusterName": "demo"}}}, [], "demo"),
        ("demo-a", UNBOUND, ["demo"], "demo"),
        ("demo-a", UNBOUND, [], None),
        ("demo", UNBOUND, ["demo"], None),
        ("demolition-a", UNBOUND, ["demo"], None),
        ("demo-two-a", UNBOUND, ["demo", "demo-two"], "demo-two"),
        ("demo-two-a", UNBOUND, ["demo-two", "demo"], "demo-two"),
        ("demo-two", UNBOUND, ["demo", "demo-two"], "demo"),
        ("demo-a", UNBOUND, ["demo", "demo-two"], "demo"),
    ],
)
def test_the_label_names_the_cluster(name, changes, clusters, label):
    answer = sync(flink_job(name, **changes), (), [flink_cluster(item) for item in clusters])
    assert answer["labels"] == ({"clusterName": label} if label else {})


RUNS_ON_DEMO = {"supervisorStatus": "Started", "clusterRevision": "0badcafe", "clusterName": "demo"}


@pytest.mark.parametrize("changes", [{"metadata": {"labels": {"clusterName": "new"}}}, {"clusterName": "new"}])
@pytest.mark.parametrize(
    ("status", "clusters", "label"),
    [
        (RUNS_ON_DEMO, ["demo", "new"], "demo"),
        (RUNS_ON_DEMO, ["new"], "new"),
        ({**RUNS_ON_DEMO, "clusterRevision": ""}, ["demo", "new"], "new"),
    ],
    ids=["it runs there", "that cluster is gone", "it does not run"],
)
def test_a_job_moves_when_it_runs_nowhere(changes, status, clusters, label):
    answer = sync(flink_job(status=status, **changes), (), [flink_cluster(item) for item in clusters])
    assert answer["labels"] == {"clusterName": label}


def test_customize_asks_for_the_named_cluster_only():
    rule = {"apiVersion": "nextbreakpoint.com/v1", "resource": "flinkclusters", "namespace": "team"}
    assert hook.customize(flink_job(clusterName="demo")) == {"relatedResources": [{**rule, "names": ["demo"]}]}
    assert hook.customize(flink_job()) == {"relatedResources": [rule]}


def test_the_cluster_that_it_ran_on_when_its_spec_named_another_one_is_asked_for_too():
    (rule,) = hook.customize(flink_job(status=RUNS_ON_DEMO, clusterName="new"))["relatedResources"]
    assert rule["names"] == ["demo", "new"]


def test_customize_looks_at_the_spec_only():
    """Its answer is cached for as long as the generation lasts: labels and status may not matter."""
    assert hook.customize(flink_job(status=ORDERED)) == hook.customize(flink_job(metadata={"labels": {}}))


# Deletion.

HOLDING = {"supervisorStatus": "Stopping", "clusterRevision": "0badcafe", "jobId": "f"}
STOPPED = {"supervisorStatus": "Stopped"}


def deleted(at, status, **spec):
    labels = {"labels": {"clusterName": "demo"}, "deletionTimestamp": at}
    return flink_job(status=status, metadata=labels, **spec)


@pytest.mark.parametrize(
    ("at", "status", "clusters", "spec", "finalized"),
    [
        (FAR_AWAY, HOLDING, ["demo"], {}, False),
        (FAR_AWAY, STOPPED, ["demo"], {}, False),
        (FAR_AWAY, {"supervisorStatus": "Terminated"}, ["demo"], {}, True),
        (FAR_AWAY, {"supervisorStatus": "Terminated", "clusterRevision": "0badcafe"}, ["demo"], {}, False),
        (FAR_AWAY, None, ["demo"], {}, True),
        (FAR_AWAY, {**HOLDING, "supervisorStatus": None}, ["demo"], {}, False),
        (FAR_AWAY, HOLDING, [], {}, True),
        (FAR_AWAY, HOLDING, ["demo-two"], {}, True),
        (FAR_AWAY, RUNS_ON_DEMO, ["demo", "new"], {"clusterName": "new"}, False),
        (LONG_AGO, HOLDING, ["demo"], {}, True),
        (LONG_AGO, HOLDING, ["demo"], {"deletionDeadline": 2147483647}, False),
        (FAR_AWAY, HOLDING, ["demo"], {"deletionDeadline": 0}, False),
    ],
    ids=[
        "it holds the cluster",
        "stopped, and the supervisor has not said good-bye",
        "the supervisor is done",
        "not while it holds",
        "never seen",
        "never seen, and yet it holds",
        "no cluster",
        "another cluster",
        "it holds the cluster from before",
        "after the deadline",
        "before a long deadline",
        "the deadline counts from the deletion",
    ],
)
def test_finalize(at, status, clusters, spec, finalized):
    answer = finalize(deleted(at, status, **spec), [flink_cluster(item) for item in clusters])
    assert answer["finalized"] is finalized
    assert (answer["status"], answer["attachments"]) == (None, [])
    assert answer["resyncAfterSeconds"] > 0


@pytest.mark.parametrize("path", ["/job/sync", "/job/finalize"])
def test_clusters_that_were_not_looked_for_are_not_taken_for_absent(path):
    """Else a job would be let go whose cluster is there."""
    body = job_body(deleted(FAR_AWAY, HOLDING), (), [flink_cluster()])
    body["related"] = {}
    assert Post()(path, body)[0] == 400


def test_the_builder_knows_every_field_of_a_delivery_that_the_crd_has():
    """What the supervisor orders is stored in the status: nothing of it may be dropped there."""
    known = crds.schema(names.JOB)["properties"]["status"]["properties"]["delivery"]["properties"]
    delivery = Delivery(1, 2, "d", "i", "p", {"image": "x"}, {}, "2026-01-01T00:00:00Z")
    assert set(delivery.to_json()) <= set(known)


def test_no_request_is_changed():
    request = job_request(flink_job(status=ORDERED))
    before = str(request)
    hook.sync(request)
    assert str(request) == before


@pytest.mark.parametrize("spec", [None, {}, {"deletionDeadline": "soon", "clusterName": "demo"}])
def test_a_wrong_spec_does_not_hold_a_deletion_up(spec):
    job = {**deleted(LONG_AGO, HOLDING), "spec": spec}
    assert finalize(job, [flink_cluster()])["finalized"] is True


def test_the_deadline_of_a_spec_of_which_the_rest_is_wrong_counts():
    """The supervisor, which reads it too, is at its last savepoint."""
    job = deleted(LONG_AGO, HOLDING, deletionDeadline=10**9)
    job["spec"]["jobParallelism"] = "many"
    assert finalize(job, [flink_cluster()])["finalized"] is False
