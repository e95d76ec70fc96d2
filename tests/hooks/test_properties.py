"""Any object that the schemas allow gets a 200 and stable bytes; a damaged request never gets a 200 that deletes."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crds
from core import schema

from .worlds import (
    CLUSTER_SPEC,
    JOB_SPEC,
    Post,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    flink_pod,
    job_body,
    resource,
    revision,
    taken,
)

POST = Post()
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONG_AGO = "2020-01-01T00:00:00Z"
TIMES = st.sampled_from([None, LONG_AGO, "2999-01-01T00:00:00Z"])
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
SMALL = st.integers(0, 5)
REVISIONS = st.sampled_from([revision(flink_cluster()), "0badcafe", ""])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


PARTS = optional(
    serviceAccount=st.none() | NAMES,
    annotations=st.none() | st.dictionaries(NAMES, TEXTS, max_size=2),
    command=st.none() | st.lists(TEXTS, max_size=2),
    args=st.none() | st.lists(TEXTS, max_size=2),
    environment=st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"value": TEXTS}), max_size=3),
    environmentFrom=st.lists(optional(prefix=TEXTS, configMapRef=optional(name=NAMES)), max_size=2),
    volumes=st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"emptyDir": st.just({})}), max_size=2),
    volumeMounts=st.lists(st.fixed_dictionaries({"name": NAMES, "mountPath": TEXTS}), max_size=2),
    extraPorts=st.lists(st.fixed_dictionaries({"containerPort": st.integers(1, 65535)}), max_size=2),
    sideContainers=st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"image": TEXTS}), max_size=2),
    resources=optional(limits=st.dictionaries(NAMES, st.integers(0, 9) | TEXTS, max_size=2)),
    securityContext=optional(runAsUser=st.integers(0, 9), privileged=st.booleans()),
    podTemplate=optional(
        metadata=optional(labels=st.dictionaries(NAMES, TEXTS, max_size=2)),
        spec=optional(nodeSelector=st.dictionaries(NAMES, TEXTS, max_size=2), containers=st.just([{"name": "x"}])),
    ),
)
CLUSTER_SPECS = st.fixed_dictionaries(
    {
        "runtime": st.just(CLUSTER_SPEC["runtime"]),
        "jobManager": PARTS.map(lambda part: {"serviceMode": "ClusterIP", **part}),
        "taskManager": st.tuples(PARTS, st.none() | st.integers(1, 4)).map(lambda it: {**it[0], "taskSlots": it[1]}),
        "supervisor": optional(
            rescalePolicy=st.sampled_from(["None", "JobParallelism"]),
            replicas=st.none() | SMALL,
            serviceAccount=st.none() | NAMES,
        ).map(lambda part: {"image": "flinkctl:1", **part}),
    },
    optional={
        "taskManagers": st.none() | SMALL,
        "minTaskManagers": st.none() | SMALL,
        "maxTaskManagers": st.none() | SMALL,
        "suspend": st.booleans(),
        "deletionDeadline": st.integers(0, 2**31 - 1),
        "flinkConfiguration": st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=3),
    },
)
JOB_SPECS = st.fixed_dictionaries(
    {
        "bootstrap": st.just(JOB_SPEC["bootstrap"]),
        "savepoint": st.just(JOB_SPEC["savepoint"]),
        "restart": st.just({}),
    },
    optional={
        "clusterName": st.sampled_from(["demo", "demo-two"]),
        "jobParallelism": SMALL,
        "minJobParallelism": SMALL,
        "maxJobParallelism": SMALL,
        "suspend": st.booleans(),
    },
)
PHASES = st.sampled_from(["Unknown", "Starting", "Started", "Stopping", "Stopped", "Terminated"])
CLUSTER_STATUSES = optional(
    supervisorStatus=PHASES,
    revision=REVISIONS,
    targetRevision=REVISIONS,
    incarnation=SMALL,
    taskManagers=SMALL,
    goingDown=st.booleans(),
    jobManagerPod=st.just({"uid": "u"}),
    timestamp=st.just(LONG_AGO),
    conditions=st.lists(
        st.fixed_dictionaries({"type": st.just("Ready"), "status": st.sampled_from(["True", "False", "Unknown"])}),
        max_size=1,
    ),
)
JOB_STATUSES = optional(
    supervisorStatus=PHASES,
    clusterRevision=REVISIONS,
    jobParallelism=SMALL,
    jarId=st.sampled_from(["", "x.jar"]),
    delivery=optional(number=SMALL, image=NAMES, bootstrap=st.just(JOB_SPEC["bootstrap"])),
    stop=optional(next=st.sampled_from(["Starting", "Stopped"])),
)
REPORTS = (
    optional(
        revision=REVISIONS,
        incarnation=SMALL,
        answering=st.booleans(),
        taskManagers=SMALL,
        releasable=st.lists(NAMES, max_size=2),
        stopped=st.booleans(),
        restarts=SMALL,
    ).map(json.dumps)
    | TEXTS
)
PODS = st.builds(
    lambda role, revision, incarnation, number, phase, deleted: flink_pod(
        role, revision, incarnation, number, phase=phase, deleted=deleted
    ),
    st.sampled_from(["jobmanager", "taskmanager"]),
    REVISIONS,
    SMALL,
    SMALL,
    st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
    TIMES,
)
JOBS = st.builds(lambda name, spec, status: flink_job(name, status=status, **spec), NAMES, JOB_SPECS, JOB_STATUSES)


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    metadata: dict[str, Any] = {"annotations": {"supervisor.nextbreakpoint.com/report": draw(REPORTS)}}
    if deleted := draw(TIMES):
        metadata["deletionTimestamp"] = deleted
    return flink_cluster(status=draw(CLUSTER_STATUSES), metadata=metadata, **draw(CLUSTER_SPECS))


def check(path: str, body: dict[str, Any], kind: str) -> dict[str, Any]:
    """200, stable, complete, and a status that the CRD takes."""
    status, text = POST(path, body)
    assert status == 200, text
    assert POST(path, copy.deepcopy(body)) == (status, text)
    answer: dict[str, Any] = json.loads(text)
    children = answer["attachments" if "/job" in path else "children"]
    identities = [(child["kind"], child["metadata"]["name"]) for child in children]
    assert len(set(identities)) == len(identities)
    if answer["status"] is not None:
        whole = {**body["parent"], "status": answer["status"]}
        assert schema.unknown_fields(crds.schema(kind), whole) == []
        assert schema.errors(crds.schema(kind), whole) == []
    return answer


@few
@given(clusters(), st.lists(PODS, max_size=5), st.lists(JOBS, max_size=3), st.sampled_from(["sync", "finalize"]))
def test_any_cluster(parent: dict[str, Any], pods: list[Any], jobs: list[Any], verb: str) -> None:
    check(f"/cluster/{verb}", cluster_body(parent, pods, jobs, finalizing=verb == "finalize"), "FlinkCluster")


@few
@given(clusters(), st.lists(PODS, max_size=5), st.lists(JOBS, max_size=3))
def test_a_cluster_that_jobs_hold_loses_no_live_jobmanager(
    parent: dict[str, Any], pods: list[Any], jobs: list[Any]
) -> None:
    """Of the newest incarnation, unless its own status says that the pods are gone already."""
    newest = max((int(pod["metadata"]["labels"]["nextbreakpoint.com/incarnation"]) for pod in pods), default=0)
    phase, current = (parent["status"].get(key, "") for key in ("supervisorStatus", "revision"))
    if newest == parent["status"].get("incarnation", 0) and (
        phase in ("Stopped", "Terminated", "Unknown", "") or not current
    ):
        return
    holder = flink_job("holder", status={"supervisorStatus": "Started", "clusterRevision": "x"})
    answer = check("/cluster/sync", cluster_body(parent, pods, [*jobs, holder]), "FlinkCluster")
    kept = {child["metadata"]["name"] for child in answer["children"]}
    live = [
        pod
        for pod in pods
        if pod["metadata"]["labels"]["role"] == "jobmanager"
        and pod["metadata"]["labels"]["nextbreakpoint.com/revision"] == answer["status"]["revision"] != ""
        and int(pod["metadata"]["labels"]["nextbreakpoint.com/incarnation"]) == answer["status"]["incarnation"]
        and not pod["metadata"].get("deletionTimestamp")
        and pod["status"]["phase"] in ("Pending", "Running")
    ]
    stopping = answer["status"]["supervisorStatus"] == "Stopping"
    assert not stopping or {pod["metadata"]["name"] for pod in live} <= kept


@few
@given(CLUSTER_SPECS, st.lists(st.tuples(NAMES, JOB_SPECS), max_size=3, unique_by=lambda it: it[0]), st.data())
def test_any_deployment(cluster: dict[str, Any], jobs: list[Any], data: st.DataObject) -> None:
    entries = [{"name": name, "spec": spec} for name, spec in jobs]
    parent = taken(resource("FlinkDeployment", "demo", {"cluster": cluster, "jobs": entries}))
    children = [flink_cluster(status=data.draw(CLUSTER_STATUSES)), *data.draw(st.lists(JOBS, max_size=2))]
    answer = check("/deployment/sync", deployment_body(parent, children), "FlinkDeployment")
    for child in answer["children"]:
        assert taken(child)


@few
@given(JOBS, st.lists(st.sampled_from(["demo", "demo-two"]), unique=True), TIMES, st.sampled_from(["sync", "finalize"]))
def test_any_job(job: dict[str, Any], names: list[str], deleted: str | None, verb: str) -> None:
    if deleted:
        job["metadata"]["deletionTimestamp"] = deleted
    body = job_body(job, (), [flink_cluster(name) for name in names], finalizing=verb == "finalize")
    answer = check(f"/job/{verb}", body, "FlinkJob")
    assert answer["status"] is None


# Damage.

VALUES = st.none() | st.booleans() | st.integers(-1, 1) | st.text(max_size=3) | st.just([]) | st.just({})


def places(value: Any, depth: int, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict) or not depth:
        return [here]
    return [here, *(place for key in value for place in places(value[key], depth - 1, (*here, key)))]


def damaged(body: dict[str, Any], place: tuple[Any, ...], value: Any, *, remove: bool) -> Any:
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


@settings(few, max_examples=300)
@given(st.sampled_from(["Starting", "Started", "Stopping"]), st.data(), VALUES, st.booleans())
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
