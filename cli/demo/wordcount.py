"""What the example job says about its own state: the gauges of its last operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clients.kube import KubeClient, KubeError
from core import names


@dataclass(frozen=True)
class Gauges:
    """`total` records are in the state, `errors` of them came twice or never, `restored` were there at the start
    (-1 for an empty start)."""

    total: int
    errors: int
    restored: int


def read(client: KubeClient, namespace: str, cluster: str, job_id: str) -> Gauges | None:
    """None while nobody answers or the job has not reported yet."""

    def get(path: str, params: Mapping[str, str] | None = None) -> Any:
        try:
            return client.service_proxy(namespace, names.jobmanager_service(cluster), 8081, path, params)
        except KubeError:
            return None

    wanted = ("total", "errors", "restored")
    values = gauges(get, job_id, *wanted)
    return Gauges(**values) if set(values) == set(wanted) else None


def gauges(get: Callable[..., Any], job_id: str, *wanted: str) -> dict[str, int]:
    """By name, those that it shows already; `get` asks Flink's REST API for a path with parameters."""
    try:
        vertex = next(item["id"] for item in get(f"/jobs/{job_id}")["vertices"] if item["name"] == "report")
        keys = ",".join(f"0.report.{name}" for name in wanted)
        found = get(f"/jobs/{job_id}/vertices/{vertex}/metrics", {"get": keys})
        return {item["id"].rsplit(".", 1)[1]: int(item["value"]) for item in found}
    except (StopIteration, KeyError, TypeError):
        return {}


def running(client: KubeClient, namespace: str, cluster: str) -> list[str]:
    """The ids of the jobs that are not over, in the JobManager; empty while nobody answers."""
    try:
        found = client.service_proxy(namespace, names.jobmanager_service(cluster), 8081, "/jobs")
    except KubeError:
        return []
    return [job["id"] for job in found["jobs"] if job["status"] not in ("FINISHED", "CANCELED", "FAILED")]
