"""What a cluster's supervisor tells Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from clients.kube import resources as r
from core import names

from .world import World

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
PORT = 8080
TYPES = {"counter": "_total"}


def scraped(world: World, cluster: str) -> list[Metric]:
    """By the pod's own address, or on a cluster through the API server."""
    (pod,) = world.pods(cluster, names.SUPERVISOR)
    if world.place.local:
        text = requests.get(f"http://{pod['status']['podIP']}:{PORT}/metrics", timeout=10).text
    else:
        door = r.PODS.path(world.namespace, f"{pod['metadata']['name']}:{PORT}", "proxy")
        text = world.client.request("GET", f"{door}/metrics", accept="text/plain").text
    return [found for found in text_string_to_metric_families(text) if found.name.startswith("flink_")]


def named(metrics: Iterable[Metric]) -> dict[str, str]:
    """Each name, as it is documented, with its type."""
    return {found.name + TYPES.get(found.type, ""): found.type for found in metrics}


def documented() -> dict[str, str]:
    """Those of the supervisor."""
    rows = re.findall(r"^\| `(flink_(?:job|supervisor)_\w+)` \| (\w+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return dict(rows)


def of_job(metrics: Iterable[Metric], name: str) -> dict[str, float]:
    """Its series by name; those of its Events by reason."""
    samples = (sample for found in metrics for sample in found.samples if sample.labels.get("job") == name)
    return {sample.labels.get("reason", sample.name): sample.value for sample in samples}
