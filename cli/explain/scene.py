"""An object and everything that may say why it is as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli import verdicts
from core import names
from core import pods as podlib

Object = Mapping[str, Any]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """For a FlinkDeployment `children` are its cluster and jobs, for a cluster its jobs; `cluster` is that of a job.

    `pods` are all of the cluster: Flink's, the supervisor's, the bootstraps'. `exception`: Flink's newest about a job.
    """

    item: Object
    cluster: Object | None = None
    children: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    exception: str = ""
    warnings: tuple[str, ...] = ()  # of the last events
    now: datetime = LONG_AGO

    @property
    def name(self) -> str:
        return str(self.item["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.item["metadata"].get("namespace", ""))

    @property
    def status(self) -> Mapping[str, Any]:
        return verdicts.status_of(self.item)

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.item.get("spec") or {}

    @property
    def cluster_name(self) -> str:
        if self.item["kind"] == names.CLUSTER:
            return self.name
        if self.cluster is not None:
            return str(self.cluster["metadata"]["name"])
        return str(self.status.get("clusterName") or names.bound_cluster(self.item["metadata"], self.spec, ()))

    def of(self, *roles: str) -> list[Object]:
        return [pod for pod in self.pods if role(pod) in roles]

    def troubles(self, *roles: str) -> Iterable[tuple[Object, str]]:
        """The pods of these roles that do not run, each with the kubelet's or scheduler's words."""
        found = ((pod, " ".join(podlib.trouble(pod).split())) for pod in self.of(*roles))
        return [(pod, text) for pod, text in found if text]


def role(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE, ""))
