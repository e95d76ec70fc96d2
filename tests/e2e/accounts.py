"""Callers with few rights, for a real API server."""

from __future__ import annotations

from clients.kube import Resource

from .world import World

RBAC = "rbac.authorization.k8s.io"
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
BINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")


def token(world: World, name: str, role: str = "") -> str:
    """Of a new account that has this ClusterRole in the namespace, or none, and nothing else."""
    head = {"metadata": {"name": name, "namespace": world.namespace}}
    world.client.create(ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", **head})
    if role:
        ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
        subjects = [{"kind": "ServiceAccount", **head["metadata"]}]
        binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "roleRef": ref, "subjects": subjects, **head}
        world.client.create(BINDINGS, binding)
    path = ACCOUNTS.path(world.namespace, name, "token")
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(world.client.request("POST", path, json=asked).json()["status"]["token"])
