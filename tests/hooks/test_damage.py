"""A request that is damaged gets an error in JSON, and never a 200 that deletes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .worlds import (
    Post,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    flink_pod,
    job_body,
    resource,
    revision,
)

POST = Post()
few = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Resource = dict[str, Any]


def standing(phase: str) -> dict[str, Any]:
    """A cluster with pods and a job that holds it."""
    current = revision(flink_cluster())
    status = {
        "supervisorStatus": phase,
        "revision": current,
        "targetRevision": "" if phase == "Stopping" else current,
        "goingDown": phase == "Stopping",
        "incarnation": 1,
        "jobManagerPod": {"uid": "u"},
    }
    holder = flink_job(status={"supervisorStatus": "Started", "clusterRevision": current, "jobParallelism": 1})
    pods = [flink_pod("jobmanager", current, 1), flink_pod("taskmanager", current, 1, 0)]
    return cluster_body(flink_cluster(status=status, suspend=phase == "Stopping"), pods, [holder])


BODIES: dict[str, Resource] = {
    "/deployment/sync": deployment_body(resource("FlinkDeployment", "demo", {"cluster": flink_cluster()["spec"]})),
    "/cluster/sync": standing("Started"),
    "/cluster/finalize": {**standing("Stopping"), "finalizing": True},
    "/cluster/customize": {"controller": {}, "parent": flink_cluster()},
    "/job/sync": job_body(flink_job(), (), [flink_cluster()]),
    "/job/finalize": job_body(flink_job(), (), [flink_cluster()], finalizing=True),
    "/job/customize": {"controller": {}, "parent": flink_job()},
}
# Of each type of JSON one value.
VALUES: list[Any] = [None, True, 1, "x", [], {}]


def refused(path: str, body: bytes) -> bool:
    """With an error, and nothing but an error."""
    status, text = POST(path, body)
    return 400 <= status < 600 and set(json.loads(text)) == {"error"}


def test_the_whole_requests_are_answered() -> None:
    for path, body in BODIES.items():
        assert POST(path, body)[0] == 200, path


@few
@given(st.sampled_from(sorted(BODIES)), st.data())
def test_cut_off_anywhere(path: str, data: st.DataObject) -> None:
    text = json.dumps(BODIES[path]).encode()
    assert refused(path, text[: data.draw(st.integers(0, len(text) - 1))])


def places(value: Any, depth: int, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict) or not depth:
        return [here]
    return [here, *(place for key in value for place in places(value[key], depth - 1, (*here, key)))]


def damaged(body: Resource, place: tuple[Any, ...], value: Any, *, remove: bool = False) -> Any:
    if not place:
        return value
    body = copy.deepcopy(body)
    target = body
    for key in place[:-1]:
        target = target[key]
    if remove:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return body


@pytest.mark.parametrize("path", BODIES)
def test_without_one_of_its_parts(path: str) -> None:
    for part in BODIES[path]:
        assert refused(path, json.dumps(damaged(BODIES[path], (part,), None, remove=True)).encode()), part


@pytest.mark.parametrize("path", BODIES)
def test_with_another_type_in_a_place_of_the_protocols(path: str) -> None:
    """In each place whose type Metacontroller gives: the request's parts, its maps, its objects and their identity."""
    body = BODIES[path]
    key = "object" if "object" in body else "parent"
    identity = [(key, name) for name in ("apiVersion", "kind", "metadata")] + [(key, "metadata", "name")]
    maps = [(part, *place) for part in ("children", "attachments", "related") for place in places(body.get(part, 0), 2)]
    objects = [(*place, name) for place in maps if len(place) == 3 for name in ("apiVersion", "kind", "metadata")]
    parts = [(part,) for part in body]
    for place in {*parts, *identity, *(place for place in maps if place[0] in body), *objects}:
        was = body
        for name in place:
            was = was[name]
        for value in VALUES:
            if type(value) is not type(was):
                assert refused(path, json.dumps(damaged(body, place, value)).encode()), (place, value)


def test_another_hooks_request() -> None:
    """A path that was mixed up in the controllers' manifest answers nothing."""
    for path in BODIES:
        for other, body in BODIES.items():
            alike = "customize" in path and other.startswith(path.rpartition("/")[0]) and "parent" in body
            if other != path and not alike:
                assert refused(path, json.dumps(body).encode()), (path, other)


@settings(few, max_examples=300)
@given(st.sampled_from(["Starting", "Started", "Stopping"]), st.data(), st.sampled_from(VALUES), st.booleans())
def test_damage_of_a_request_never_deletes_pods(phase: str, data: st.DataObject, value: Any, remove: bool) -> None:
    """Of the request's own parts, and of the parent's: whole fields missing, or of another type."""
    body = standing(phase)
    place = data.draw(st.sampled_from([*places({**body, "parent": {}, "related": {}}, 2), *places(body, 4)]))
    if place == ("parent", "metadata", "name") and isinstance(value, str):
        return  # another cluster
    # What the request says in its own words is true: that there is no such pod or job, or what they are.
    if place and place[0] in ("children", "related") and len(place) > 2:
        return
    if (
        place[:2] in (("children", "Pod.v1"), ("related", "FlinkJob.nextbreakpoint.com/v1"))
        and value == {}
        and not remove
    ):
        return
    status, text = POST("/cluster/sync", damaged(body, place, value, remove=remove and bool(place)))
    if status == 200:
        kept = {child["metadata"]["name"] for child in json.loads(text)["children"] if child["kind"] == "Pod"}
        assert {item["metadata"]["name"] for item in body["children"]["Pod.v1"].values()} <= kept, place
