"""What an install says of itself, the same for all its resources; see metacontroller/."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Install:
    # The ClusterRole that each supervisor gets in its own namespace.
    supervisor_role: str = "flink-supervisor"
    # The JAR's image is mounted as a volume, which not every Kubernetes can; else an init container copies the JAR.
    image_volumes: bool = False
    # One supervisor serves the clusters of all namespaces: no cluster gets one of its own.
    shared_supervisor: bool = False


DEFAULT = Install()
