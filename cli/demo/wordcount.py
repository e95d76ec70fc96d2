"""What the example job says about its own state: the gauges of its last operator."""

from __future__ import annotations

from dataclasses import dataclass

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
    service = names.jobmanager_service(cluster)
    wanted = ("total", "errors", "restored")
    try:
        job = client.service_proxy(namespace, service, 8081, f"/jobs/{job_id}")
        vertex = next(item["id"] for item in job["vertices"] if item["name"] == "report")
        path = f"/jobs/{job_id}/vertices/{vertex}/metrics"
        keys = ",".join(f"0.report.{name}" for name in wanted)
        found = client.service_proxy(namespace, service, 8081, path, {"get": keys})
    except (KubeError, StopIteration, KeyError, TypeError):
        return None
    values = {item["id"].rsplit(".", 1)[1]: int(item["value"]) for item in found}
    return Gauges(**values) if set(values) == set(wanted) else None


def running(client: KubeClient, namespace: str, cluster: str) -> list[str]:
    """The ids of the jobs that are not over, in the JobManager; empty while nobody answers."""
    try:
        found = client.service_proxy(namespace, names.jobmanager_service(cluster), 8081, "/jobs")
    except KubeError:
        return []
    return [job["id"] for job in found["jobs"] if job["status"] not in ("FINISHED", "CANCELED", "FAILED")]
