"""A TaskManager's pod."""

from __future__ import annotations

from typing import Any

from core import names
from core.cluster import Cluster
from hooks.children import pod

PORTS = {"data": 6121, "ipc": 6122}
# The TaskManager's id in Flink is its pod's name: that is how an idle one is found again.
ARGUMENTS = ["taskmanager", "-Dtaskmanager.resource-id=$(POD_NAME)"]


def make_pod(cluster: Cluster, *, revision: str, incarnation: int, number: int = 0) -> dict[str, Any]:
    """All of an incarnation are alike but for the number in their names."""
    part = cluster.task_manager
    slots = {"name": "TASK_MANAGER_NUMBER_OF_TASK_SLOTS", "value": str(cluster.task_slots)}
    arguments = part.get("args") or ["taskmanager"]
    container = pod.flink_container(
        part,
        cluster.runtime,
        {
            "name": names.TASKMANAGER,
            "args": ARGUMENTS if arguments == ["taskmanager"] else arguments,
            "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in PORTS.items()],
            "env": pod.environment(cluster, part, [slots]),
        },
    )
    return pod.flink_pod(
        cluster,
        part,
        name=names.taskmanager_pod(cluster.name, revision, incarnation, number),
        labels=names.pod_labels(cluster.name, role=names.TASKMANAGER, revision=revision, incarnation=incarnation),
        container=container,
    )
