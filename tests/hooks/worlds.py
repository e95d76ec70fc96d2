"""Worlds as Metacontroller would send them, and the little of Kubernetes that turns an answer into the next request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import crds
from core import cluster as clusters
from core import schema
from hooks.app import create_app
from hooks.install import DEFAULT, Install
from hooks.protocol import CLUSTER, DEPLOYMENT, JOB, LAST_APPLIED, Request, decode

NS = "team"
Resource = dict[str, Any]
KINDS = {
    "Pod": "Pod.v1",
    "Service": "Service.v1",
    "ServiceAccount": "ServiceAccount.v1",
    "Deployment": "Deployment.apps/v1",
    "RoleBinding": "RoleBinding.rbac.authorization.k8s.io/v1",
    "Job": "Job.batch/v1",
    "FlinkCluster": "FlinkCluster.nextbreakpoint.com/v1",
    "FlinkJob": "FlinkJob.nextbreakpoint.com/v1",
}
CLUSTER_CHILDREN = ("Pod", "Service", "ServiceAccount", "Deployment", "RoleBinding")
CLUSTER_SPEC: Resource = {
    "runtime": {"image": "flink:2.3.0"},
    "jobManager": {"serviceMode": "ClusterIP"},
    "taskManager": {"taskSlots": 2},
    "supervisor": {"image": "flinkctl:1"},
}
JOB_SPEC: Resource = {
    "jobParallelism": 1,
    "bootstrap": {"image": "jobs:1", "className": "Main", "jarPath": "/jobs/main.jar"},
    "savepoint": {"savepointInterval": 0, "savepointTargetPath": "file:///savepoints"},
    "restart": {"restartPolicy": "Always"},
}

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def taken(manifest: Resource) -> Resource:
    """The manifest as an API server stores it: pruned, defaulted, and valid."""
    whole = crds.schema(manifest["kind"])
    stored = schema.apply_defaults(whole, schema.prune(whole, deepcopy(manifest)))
    assert schema.errors(whole, stored) == []
    return dict(stored)


def resource(kind: str, name: str, spec: Resource, **metadata: Any) -> Resource:
    return {
        "apiVersion": "nextbreakpoint.com/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NS,
            "uid": f"uid-of-{name}",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **metadata,
        },
        "spec": spec,
    }


def flink_cluster(name: str = "demo", *, status: Resource | None = None, **changes: Any) -> Resource:
    """A stored FlinkCluster; `metadata` in the changes is its metadata, all else its spec."""
    metadata = changes.pop("metadata", {})
    stored = taken(resource("FlinkCluster", name, {**CLUSTER_SPEC, **changes}, **metadata))
    return {**stored, **({"status": status} if status is not None else {})}


def flink_job(name: str = "demo-a", *, status: Resource | None = None, **changes: Any) -> Resource:
    metadata = {"labels": {"clusterName": "demo"}, **changes.pop("metadata", {})}
    stored = taken(resource("FlinkJob", name, {**JOB_SPEC, **changes}, **metadata))
    return {**stored, **({"status": status} if status is not None else {})}


def revision(cluster: Resource, restarts: int = 0) -> str:
    return clusters.revision(clusters.read(cluster), restarts)


def flink_pod(
    role: str, revision: str, incarnation: int, number: int | None = None, *, cluster: str = "demo", **more: Any
) -> Resource:
    """An observed Flink pod; `phase`, `deleted` (a timestamp) and `status` may be given."""
    name = f"{role}-{cluster}-{revision}-{incarnation}" + ("" if number is None else f"-{number}")
    metadata = {
        "name": name,
        "namespace": NS,
        "uid": f"uid-of-{name}",
        "labels": {
            "role": role,
            "nextbreakpoint.com/revision": revision,
            "nextbreakpoint.com/incarnation": str(incarnation),
        },
    }
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NS}, "spec": {"from": "then"}}
    metadata["annotations"] = {LAST_APPLIED: json.dumps(applied)}
    if more.get("deleted"):
        metadata["deletionTimestamp"] = more["deleted"]
    status = {"phase": more.get("phase", "Running"), **more.get("status", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"from": "then"}, "status": status}


def jobmanager(revision: str, incarnation: int, **more: Any) -> Resource:
    return flink_pod("jobmanager", revision, incarnation, **more)


def taskmanager(revision: str, incarnation: int, number: int, **more: Any) -> Resource:
    return flink_pod("taskmanager", revision, incarnation, number, **more)


def object_map(kinds: Iterable[str], objects: Iterable[Resource]) -> Resource:
    found: Resource = {KINDS[kind]: {} for kind in kinds}
    for item in objects:
        found[KINDS[item["kind"]]][f"{item['metadata'].get('namespace', NS)}/{item['metadata']['name']}"] = item
    return found


def cluster_body(
    parent: Resource, children: Iterable[Resource] = (), related: Iterable[Resource] = (), *, finalizing: bool = False
) -> Resource:
    """`related` are its jobs, and its supervisor's pods."""
    return {
        "controller": {"kind": "CompositeController", "metadata": {"name": "flink-cluster"}},
        "parent": parent,
        "children": object_map(CLUSTER_CHILDREN, children),
        "related": object_map(["FlinkJob", "Pod"], related),
        "finalizing": finalizing,
    }


def deployment_body(parent: Resource, children: Iterable[Resource] = ()) -> Resource:
    return {
        "controller": {"kind": "CompositeController", "metadata": {"name": "flink-deployment"}},
        "parent": parent,
        "children": object_map(["FlinkCluster", "FlinkJob"], children),
        "related": {},
        "finalizing": False,
    }


def job_body(
    job: Resource, attachments: Iterable[Resource] = (), clusters: Iterable[Resource] = (), *, finalizing: bool = False
) -> Resource:
    return {
        "controller": {"kind": "DecoratorController", "metadata": {"name": "flink-job"}},
        "object": job,
        "attachments": object_map(["Job"], attachments),
        "related": object_map(["FlinkCluster"], clusters),
        "finalizing": finalizing,
    }


def cluster_request(parent: Resource, children: Iterable[Resource] = (), jobs: Iterable[Resource] = ()) -> Request:
    return decode(json.loads(json.dumps(cluster_body(parent, children, jobs))), CLUSTER)


def deployment_request(parent: Resource, children: Iterable[Resource] = ()) -> Request:
    return decode(json.loads(json.dumps(deployment_body(parent, children))), DEPLOYMENT)


def job_request(job: Resource, attachments: Iterable[Resource] = (), clusters: Iterable[Resource] = ()) -> Request:
    return decode(json.loads(json.dumps(job_body(job, attachments, clusters))), JOB)


def applied(child: Resource, uid: str = "") -> Resource:
    """The child as it is observed after Metacontroller made it."""
    observed = deepcopy(child)
    metadata = observed["metadata"]
    annotations = {**metadata.get("annotations", {}), LAST_APPLIED: json.dumps(child)}
    metadata.update(uid=uid or f"uid-of-{metadata['name']}", annotations=annotations)
    if observed["kind"] == "Pod":
        observed["status"] = {"phase": "Running"}
    return observed


class Post:
    """Flask's client: `post(path, body)` gives (status, bytes)."""

    def __init__(self, install: Install = DEFAULT) -> None:
        self.client = create_app(install).test_client()

    def __call__(self, path: str, body: Any) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.client.post(path, data=data, content_type="application/json")
        return response.status_code, response.data

    def ok(self, path: str, body: Any) -> Resource:
        status, data = self(path, body)
        assert status == 200, data
        answer: Resource = json.loads(data)
        return answer


class World:
    """One cluster under the real hook: sync, apply, sync again, as Metacontroller does."""

    def __init__(self, parent: Resource, jobs: Iterable[Resource] = ()) -> None:
        self.parent, self.jobs = parent, list(jobs)
        self.children: dict[tuple[str, str], Resource] = {}
        self.answer: Resource = {}
        self.post = Post()

    def sync(self, path: str = "/cluster/sync") -> Resource:
        body = cluster_body(self.parent, self.children.values(), self.jobs, finalizing=path.endswith("finalize"))
        self.answer = self.post.ok(path, body)
        generation = self.parent["metadata"]["generation"]
        self.parent = {**self.parent, "status": {**self.answer["status"], "observedGeneration": generation}}
        wanted = {(child["kind"], child["metadata"]["name"]): child for child in self.answer["children"]}
        self.children = {key: self.children.get(key) or applied(child) for key, child in wanted.items()}
        return self.answer

    def request(self) -> Request:
        return cluster_request(self.parent, self.children.values(), self.jobs)

    def settle(self, path: str = "/cluster/sync") -> Resource:
        """Until an answer changes nothing any more; a hook that never settles fails."""
        for _ in range(10):
            before = (self.parent, self.children)
            self.sync(path)
            if (self.parent, self.children) == before:
                return self.answer
        raise AssertionError(f"the answers never settle: {self.answer}")

    @property
    def status(self) -> Resource:
        return dict(self.parent["status"])

    @property
    def phase(self) -> str:
        return str(self.status["supervisorStatus"])

    def pods(self) -> list[str]:
        return sorted(name for kind, name in self.children if kind == "Pod")

    def edit(self, **changes: Any) -> None:
        self.parent = deepcopy(self.parent)
        self.parent["spec"].update(changes)
        self.parent["metadata"]["generation"] += 1

    def report(self, **values: Any) -> None:
        """The supervisor says so about the incarnation that the status names."""
        about = {"revision": self.status["revision"], "incarnation": self.status["incarnation"], **values}
        self.parent = deepcopy(self.parent)
        annotations = self.parent["metadata"].setdefault("annotations", {})
        annotations["supervisor.nextbreakpoint.com/report"] = clusters.Report(**about).text()

    def delete(self, at: str) -> None:
        self.parent = deepcopy(self.parent)
        self.parent["metadata"].update(deletionTimestamp=at, generation=self.parent["metadata"]["generation"] + 1)

    def fail(self, name: str) -> None:
        self.children["Pod", name]["status"] = {"phase": "Failed"}


def names_of(answer: Resource, kind: str) -> list[str]:
    return [child["metadata"]["name"] for child in answer["children"] if child["kind"] == kind]
