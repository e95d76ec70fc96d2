"""Small resources around the wordcount example. A change of a deep field is a path: `{"restart.restartDelay": 3}`."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from core import names

from .places import Place

Manifest = dict[str, Any]
RESCALE_DELAY = 3  # seconds
JAR = "/opt/flinkctl/examples/wordcount.jar"


def cluster(place: Place, *, slots: int = 1, changes: Mapping[str, Any] | None = None) -> Manifest:
    """The spec of a cluster that keeps its state in the place's folder, with the least memory that Flink takes."""
    volumes = [{"name": "state", **place.volume}]
    mounts = [{"name": "state", "mountPath": place.state}]
    body = {
        "minTaskManagers": 0,
        "maxTaskManagers": 4,
        "runtime": {"image": place.flink_image, "pullPolicy": "IfNotPresent"},
        "flinkConfiguration": {
            "execution.checkpointing.dir": f"file://{place.state}/checkpoints",
            "jobmanager.memory.process.size": "800m",
            "taskmanager.memory.process.size": "900m",
            "taskmanager.memory.managed.size": "16m",
            "metrics.fetcher.update-interval": "250",
        },
        "jobManager": {"serviceMode": "ClusterIP", "volumes": volumes, "volumeMounts": mounts},
        "taskManager": {"taskSlots": slots, "volumes": volumes, "volumeMounts": mounts},
        "supervisor": {
            "image": place.own_image,
            "pollingInterval": 1,
            "rescaleDelay": RESCALE_DELAY,
            "rescalePolicy": "JobParallelism",
        },
    }
    return changed(body, changes)


def job(
    place: Place,
    *arguments: str,
    policy: str = "Always",
    parallelism: int = 1,
    changes: Mapping[str, Any] | None = None,
) -> Manifest:
    """The spec of a word count; `arguments` of its main() come after a rate of 200 and a checkpoint each 500 ms."""
    body = {
        "jobParallelism": parallelism,
        "bootstrap": {
            "image": place.own_image,
            "jarPath": JAR,
            "className": "WordCount",
            "arguments": ["--rate", "200", "--checkpoint-interval", "500", *arguments],
        },
        "savepoint": {
            "savepointMode": "Automatic",
            "savepointInterval": 0,
            "savepointTargetPath": f"file://{place.state}/savepoints",
        },
        "restart": {"restartPolicy": policy, "restartDelay": 1, "restartMaxDelay": 2, "restartTimeout": 90},
    }
    return changed(body, changes)


def changed(body: Manifest, changes: Mapping[str, Any] | None) -> Manifest:
    """A copy with the values at some dotted paths replaced."""
    copy = deepcopy(body)
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        part = copy
        for name in parents:
            part = part.setdefault(name, {})
        part[last] = value
    return copy


def flink_deployment(name: str, cluster: Manifest, jobs: Mapping[str, Manifest]) -> Manifest:
    listed = [{"name": key, "spec": spec} for key, spec in jobs.items()]
    return _resource(names.DEPLOYMENT, name, {"cluster": cluster, "jobs": listed})


def flink_cluster(name: str, spec: Manifest) -> Manifest:
    return _resource(names.CLUSTER, name, spec)


def flink_job(name: str, spec: Manifest) -> Manifest:
    """Bound to the cluster whose name begins its own, unless `spec.clusterName` says otherwise."""
    return _resource(names.JOB, name, spec)


def _resource(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
