"""Kubernetes Events on a FlinkJob: what a person wants to know, with a stable reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from clients.kube import KubeClient, KubeError, resources
from core import canonical, times
from supervisor.decision import Event, Reason

COMPONENT = "flink-supervisor"


class Recorder:
    """Writes events, and counts them; one that cannot be written is only logged."""

    def __init__(self, kube: KubeClient) -> None:
        self.told: Counter[Reason] = Counter()
        self._kube = kube

    def record(self, resource: Mapping[str, Any], events: Iterable[Event]) -> None:
        for event in events:
            self.told[event.reason] += 1
            body = manifest(resource, event, datetime.now(UTC))
            try:
                self._kube.create(resources.EVENTS, body, namespace=body["metadata"]["namespace"])
            except KubeError as error:
                logging.getLogger("supervisor").warning("event %s not written: %s", event.reason, error)


def manifest(resource: Mapping[str, Any], event: Event, now: datetime) -> dict[str, Any]:
    """A core/v1 Event about the resource."""
    metadata = resource["metadata"]
    moment = times.to_text(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name']}.{canonical.digest([event.reason, event.message, now.isoformat()], 16)}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": resource.get("apiVersion"),
            "kind": resource.get("kind"),
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "reason": event.reason,
        "message": event.message[:1024],
        "type": event.type,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
