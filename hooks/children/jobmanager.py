"""The JobManager's pod and its Service."""

from __future__ import annotations

from typing import Any

from core import names, spec
from core.cluster import Cluster
from hooks.children import pod

PORTS = {"ui": 8081, "rpc": 6123, "blob": 6124, "query": 6125}  # of the Service, and of the pod unless configured


def make_pod(cluster: Cluster, *, revision: str, incarnation: int) -> dict[str, Any]:
    part, ports = cluster.job_manager, {**PORTS, "ui": cluster.rest_port}
    container = pod.flink_container(
        part,
        cluster.runtime,
        {
            "name": names.JOBMANAGER,
            "args": part.get("args") or ["jobmanager"],
            "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()],
            "env": pod.environment(cluster, part, []),
            # A JobManager that does not answer is killed, and its incarnation with it.
            "livenessProbe": _probe(initialDelaySeconds=15, periodSeconds=30, failureThreshold=3, timeoutSeconds=5),
            "readinessProbe": _probe(periodSeconds=2, failureThreshold=5, timeoutSeconds=5),
        },
    )
    return pod.flink_pod(
        cluster,
        part,
        name=names.jobmanager_pod(cluster.name, revision, incarnation),
        labels=names.pod_labels(cluster.name, role=names.JOBMANAGER, revision=revision, incarnation=incarnation),
        container=container,
    )


def _probe(**timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": "/overview", "port": "ui"}, **timing}


def make_service(cluster: Cluster, *, revision: str, incarnation: int) -> dict[str, Any]:
    """Leads to one incarnation only: nobody reaches a JobManager that is being replaced."""
    role = names.JOBMANAGER
    selector = {
        names.LABEL_CLUSTER: cluster.name,
        names.LABEL_ROLE: role,
        names.LABEL_REVISION: revision,
        names.LABEL_INCARNATION: str(incarnation),
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.jobmanager_service(cluster.name),
            "namespace": cluster.namespace,
            "labels": names.labels(cluster.name, role=role),
        },
        "spec": {
            "type": spec.text(cluster.job_manager, "serviceMode", "ClusterIP"),
            "selector": selector,
            # TaskManagers register as soon as the JobManager listens, without waiting for a readiness probe.
            "publishNotReadyAddresses": True,
            "ports": [
                {"name": name, "port": port, "protocol": "TCP", "targetPort": name} for name, port in PORTS.items()
            ],
        },
    }
