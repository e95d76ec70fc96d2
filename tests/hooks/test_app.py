"""The Flask application: what is not a complete answer is never a 200."""

from __future__ import annotations

import json

import pytest

from hooks.app import create_app
from hooks.cluster import sync as cluster
from hooks.protocol import LAST_APPLIED

from .worlds import (
    Post,
    applied,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    job_body,
    jobmanager,
    resource,
)

SYNC = ("/deployment/sync", "/cluster/sync", "/job/sync", "/cluster/finalize", "/job/finalize")
CUSTOMIZE = ("/cluster/customize", "/job/customize")
GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>",
    "half of it": b'{"parent": {',
    "not UTF-8": b'{"parent": "\xff"}',
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"7",
    "an empty object": b"{}",
    "no metadata": b'{"parent": {}, "object": {}, "children": {}, "attachments": {}, "related": {}}',
    "metadata is null": b'{"parent": {"metadata": null}, "object": {"metadata": null}, "children": {}}',
    "no name": b'{"parent": {"metadata": {}}, "object": {"metadata": {}}, "children": {}, "attachments": {}}',
    "a name that is none": b'{"parent": {"metadata": {"name": 7}}, "object": {"metadata": {"name": 7}}}',
    "a parent that is a list": b'{"parent": [], "object": [], "children": {}, "attachments": {}}',
    "very deep": b'{"parent":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("path", [*SYNC, *CUSTOMIZE])
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_never_a_200(path, body):
    status, text = Post()(path, body)
    assert 400 <= status < 600
    assert set(json.loads(text)) == {"error"}
    assert len(text) < 500


def bodies():
    return {
        "/deployment/sync": deployment_body(resource("FlinkDeployment", "demo", {"cluster": flink_cluster()["spec"]})),
        "/cluster/sync": cluster_body(flink_cluster()),
        "/cluster/finalize": cluster_body(flink_cluster(), finalizing=True),
        "/job/sync": job_body(flink_job()),
        "/job/finalize": job_body(flink_job(), finalizing=True),
    }


BAD_MAPS = {
    "null": None,
    "a list": [],
    "a text": "x",
    "objects that are none": {"Pod.v1": None},
    "a list of objects": {"Pod.v1": []},
    "an object that is null": {"Pod.v1": {"a/b": None}},
    "an object without metadata": {"Pod.v1": {"a/b": {"kind": "Pod"}}},
    "an object without name": {"Pod.v1": {"a/b": {"kind": "Pod", "metadata": {}}}},
}


@pytest.mark.parametrize("path", SYNC)
@pytest.mark.parametrize("value", BAD_MAPS.values(), ids=BAD_MAPS)
def test_a_bad_object_map_is_a_400(path, value):
    post, body = Post(), bodies()[path]
    assert post(path, body)[0] == 200
    for key in ("children", "attachments", "related"):
        if key in body:
            assert post(path, {**body, key: value})[0] == 400


@pytest.mark.parametrize("path", SYNC)
def test_an_answer_that_is_no_json_is_not_sent(path):
    """A lone surrogate and a NaN can be read, and must not be written."""
    body = json.dumps(bodies()[path])
    status, text = Post()(path, body.replace('"demo', '"\\ud800demo', 1).encode())
    assert status in (400, 500) or path.startswith("/job")  # whose answers do not hold the name
    status, text = Post()(path, body.replace('"generation": 1', '"generation": NaN', 1).encode())
    assert status == 500 or b"NaN" not in text


@pytest.mark.parametrize("path", [*SYNC, *CUSTOMIZE])
def test_only_post(path):
    response = create_app().test_client().get(path)
    assert (response.status_code, set(response.json)) == (405, {"error"})


def test_an_unknown_path_is_a_404_in_json():
    status, text = Post()("/cluster/synk", {})
    assert status == 404 and json.loads(text)["error"].startswith("Not Found")


@pytest.mark.parametrize("path", SYNC)
def test_the_answer_is_complete(path):
    """`{}` with 200 would delete every child."""
    answer = Post().ok(path, bodies()[path])
    assert "status" in answer
    assert isinstance(answer["attachments" if path.startswith("/job") else "children"], list)
    assert ("finalized" in answer) is path.endswith("finalize")


@pytest.mark.parametrize("path", CUSTOMIZE)
def test_customize_answers_with_an_object(path):
    parent = flink_job() if path.startswith("/job") else flink_cluster()
    assert set(Post().ok(path, {"controller": {}, "parent": parent})) == {"relatedResources"}


def test_an_error_of_ours_is_a_500_with_a_short_text_and_nothing_of_the_parents(monkeypatch, caplog):
    def broken(request, problems, now):
        raise RuntimeError("secret " * 1000)

    monkeypatch.setattr(cluster, "sync", broken)
    status, text = Post()("/cluster/sync", bodies()["/cluster/sync"])
    assert (status, json.loads(text)) == (500, {"error": "internal error: RuntimeError"})
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize("parent", [None, "text", [], {"runtime": []}, {"unknown": 1}, {"taskManagers": -1}])
def test_a_wrong_spec_is_answered_with_what_runs(parent):
    child = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}, "spec": {"a": "b"}}
    body = cluster_body({**flink_cluster(), "spec": parent}, [applied(child)])
    answer = Post().ok("/cluster/sync", body)
    assert answer["children"] == [child]
    assert next(item for item in answer["status"]["conditions"] if item["type"] == "Ready")["reason"] == "InvalidSpec"


@pytest.mark.parametrize("annotation", [None, "", "{", "[]", "null", '{"kind": "Pod"}'])
def test_a_child_whose_last_answer_is_unknown_is_named_all_the_same(annotation):
    """Else it would be deleted."""
    child = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}, "spec": {"a": "b"}}
    if annotation is not None:
        child["metadata"]["annotations"] = {LAST_APPLIED: annotation}
    answer = Post().ok("/cluster/sync", cluster_body({**flink_cluster(), "spec": {}}, [child]))
    assert answer["children"] == [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}}]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes(path):
    response = create_app().test_client().get(path)
    assert (response.status_code, response.text) == (200, "ok")


def test_metrics_count_the_answers_by_hook_and_code():
    post = Post()
    post("/cluster/sync", bodies()["/cluster/sync"])
    post("/cluster/sync", b"{")
    post("/nowhere", b"{")
    text = post.client.get("/metrics").text
    assert 'flink_hooks_requests_total{code="200",hook="/cluster/sync"} 1.0' in text
    assert 'flink_hooks_requests_total{code="400",hook="/cluster/sync"} 1.0' in text
    assert 'flink_hooks_request_seconds_count{hook="/cluster/sync"} 2.0' in text
    assert "/nowhere" not in text


def test_each_application_has_metrics_of_its_own():
    Post()("/cluster/sync", b"{")
    assert "/cluster/sync" not in Post().client.get("/metrics").text


def test_answers_are_logged_in_short_if_asked_for(caplog):
    """Names and phases, and nothing of what a spec may hold."""
    caplog.set_level("INFO", "hooks")
    client = create_app(log_answers=True).test_client()
    for path in ("/cluster/sync", "/cluster/customize"):
        assert client.post(path, json=cluster_body(flink_cluster(), [jobmanager("0badcafe", 1)])).status_code == 200
    (line,) = caplog.messages
    told = json.loads(line.removeprefix("answered "))
    assert (told["hook"], told["namespace"], told["name"]) == ("/cluster/sync", "team", "demo")
    assert told["observed"] == ["Pod jobmanager-demo-0badcafe-1"]
    assert (told["phase"], told["finalized"]) == ("Stopping", False)
    assert "Deployment supervisor-demo" in told["children"]
    assert "flink:2.3.0" not in line


def test_answers_are_not_logged_otherwise(caplog):
    caplog.set_level("INFO", "hooks")
    Post().ok("/cluster/sync", cluster_body(flink_cluster()))
    assert caplog.messages == []
