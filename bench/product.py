"""The same life by the product: a FlinkDeployment, and what people do to it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from bench.floor import OTHER_ARGUMENTS
from bench.rest import Rest
from bench.waiting import until
from clients.kube import Changed, watch
from clients.kube import resources as r
from core import conditions, names
from tests.e2e import places
from tests.e2e.manifests import Manifest, flink_deployment
from tests.e2e.places import Place

NAME, JOB = "ours", "main"


class Product:
    """One FlinkDeployment with one job."""

    title = "product"

    def __init__(self, place: Place, cluster: Manifest, job: Manifest) -> None:
        self._place, self._client = place, place.client
        self._cluster, self._job = cluster, job
        self._ready, self._over = False, threading.Event()

    def __enter__(self) -> Product:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        places.remove_all(self._client, self._place.namespace)
        until("the pods are gone", lambda: not self._pods(names.JOBMANAGER, names.TASKMANAGER, names.SUPERVISOR))

    @property
    def flink(self) -> Rest:
        service = f"{names.jobmanager_service(NAME)}:8081"
        return Rest(self._client, r.SERVICES.path(self._place.namespace, service, "proxy"))

    def ready(self) -> bool:
        return self._ready

    def _watch(self) -> None:
        """As `kubectl wait` does."""
        for seen in watch(self._client, r.FLINK_DEPLOYMENTS, namespace=self._place.namespace, stop=self._over):
            if isinstance(seen, Changed):
                self._ready = conditions.is_true(seen.object, conditions.READY)

    def deploy(self) -> None:
        body = flink_deployment(NAME, self._cluster, {JOB: self._job})
        self._client.create(r.FLINK_DEPLOYMENTS, body, namespace=self._place.namespace)

    def edit_arguments(self) -> None:
        self._edit("jobs/0/spec/bootstrap/arguments", [*self._job["bootstrap"]["arguments"], *OTHER_ARGUMENTS])

    def edit_parallelism(self, parallelism: int) -> None:
        patch = {"spec": {"replicas": parallelism}}
        name, namespace = f"{NAME}-{JOB}", self._place.namespace
        self._client.patch(r.FLINK_JOBS, name, patch, namespace=namespace, subresource="scale")

    def edit_cluster(self, path: str, value: Any) -> None:
        self._edit(f"cluster/{path.replace('.', '/')}", value)

    def lose_jobmanager(self) -> None:
        (pod,) = self._pods(names.JOBMANAGER)
        self._place.kill(pod)

    def _edit(self, path: str, value: Any) -> None:
        patch = [{"op": "add", "path": f"/spec/{path}", "value": value}]
        self._client.patch(r.FLINK_DEPLOYMENTS, NAME, patch, namespace=self._place.namespace, kind="json")

    def _pods(self, *roles: str) -> list[Manifest]:
        selector = f"{names.LABEL_CLUSTER}={NAME},{names.LABEL_ROLE} in ({','.join(roles)})"
        found: list[Manifest] = self._client.list(r.PODS, namespace=self._place.namespace, label_selector=selector)[
            "items"
        ]
        return found
