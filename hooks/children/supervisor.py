"""The supervisor's Deployment, and what it needs to work in its namespace: an account and its role."""

from __future__ import annotations

from typing import Any

from core import canonical, names, quantities
from core.cluster import Cluster
from hooks.children import pod

USER = 65532
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
PORT = 8080


def make_all(cluster: Cluster, *, role: str) -> list[dict[str, Any]]:
    """The Deployment, the binding of its ClusterRole `role` in the cluster's namespace only, and a service account
    unless the spec names one."""
    account = cluster.supervisor.service_account
    own = names.supervisor_deployment(cluster.name)
    accounts = [] if account else [_account(cluster, own)]
    return [*accounts, _role_binding(cluster, account or own, role), _deployment(cluster, account or own)]


def _metadata(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": names.supervisor_deployment(cluster.name),
        "namespace": cluster.namespace,
        "labels": names.labels(cluster.name, role=names.SUPERVISOR),
    }


def _account(cluster: Cluster, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**_metadata(cluster), "name": name}}


def _role_binding(cluster: Cluster, account: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(cluster),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": cluster.namespace}],
    }


def _deployment(cluster: Cluster, account: str) -> dict[str, Any]:
    labels = names.labels(cluster.name, role=names.SUPERVISOR)
    selector = {key: labels[key] for key in (names.LABEL_CLUSTER, names.LABEL_ROLE)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(cluster),
        "spec": {
            # Never two that act: new ones start when the old ones are gone, and of several the holder of a Lease acts.
            "replicas": max(1, cluster.supervisor.replicas),
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": labels},
                "spec": canonical.stripped(
                    {
                        "serviceAccountName": account,
                        "imagePullSecrets": pod.pull_secrets({"pullSecrets": cluster.supervisor.pull_secrets}),
                        "securityContext": pod.pod_security(USER),
                        "terminationGracePeriodSeconds": 10,
                        "enableServiceLinks": False,
                        "containers": [_container(cluster)],
                    }
                ),
            },
        },
    }


def _container(cluster: Cluster) -> dict[str, Any]:
    supervisor = cluster.supervisor
    lease = f"--lease={cluster.namespace}/{names.supervisor_deployment(cluster.name)}"
    return {
        "name": names.SUPERVISOR,
        "image": supervisor.image,
        "imagePullPolicy": supervisor.pull_policy,
        "args": [
            "supervisor",
            "run",
            f"--namespace={cluster.namespace}",
            f"--cluster-name={cluster.name}",
            f"--port={PORT}",
            *([lease] if supervisor.replicas > 1 else []),
        ],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": quantities.resources(supervisor.resources) or RESOURCES,
        "securityContext": pod.container_security({"readOnlyRootFilesystem": True, **supervisor.security_context}),
        "livenessProbe": _probe("/healthz", initialDelaySeconds=10, periodSeconds=10, failureThreshold=3),
        "readinessProbe": _probe("/readyz", periodSeconds=5, failureThreshold=3),
    }


def _probe(path: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5, **timing}
