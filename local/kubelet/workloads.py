"""The controllers of batch/v1 Job and apps/v1 Deployment: pods from a template, a status from the pods."""

import hashlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from clients.kube import KubeClient
from clients.kube import resources as r
from clients.kube.errors import KubeError, NotFound
from clients.kube.resources import Resource
from local.kubelet.mirror import Mirror
from local.kubelet.status import TERMINAL, Backoff, Object, keep_times, replacing, seconds, timestamp

log = logging.getLogger(__name__)
_RETRY = 0.5  # seconds after an answer of the API that was no use
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes: no vowels, nothing that looks alike


class Plan(NamedTuple):
    """What to do for one Job or Deployment now, and when to look again if nothing happens (seconds)."""

    status: Object
    create: int = 0
    delete: tuple[str, ...] = ()
    delay: float | None = None


class Workloads:
    """Keeps Jobs and Deployments. One thread; woken by every change of them and of pods."""

    def __init__(self, client: KubeClient, pods: Mirror, backoff: Backoff) -> None:
        self._client, self._pods, self._backoff = client, pods, backoff
        self._mirrors = {r.JOBS: Mirror(client, r.JOBS), r.DEPLOYMENTS: Mirror(client, r.DEPLOYMENTS)}
        self._wake = threading.Event()
        for mirror in (pods, *self._mirrors.values()):
            mirror.listen(lambda _item, _gone: self._wake.set())

    def start(self, stop: threading.Event) -> list[threading.Thread]:
        """Begin; all threads end after `stop` is set and `wake` called."""
        keeper = threading.Thread(target=self._run, args=(stop,), name="workloads", daemon=True)
        keeper.start()
        return [keeper, *(mirror.start(stop) for mirror in self._mirrors.values())]

    def wake(self) -> None:
        self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        while not (self._pods.synced.wait(0.1) or stop.is_set()):
            pass  # without the pods there are, every owner would seem to want new ones
        delay: float | None = 0.0
        while not stop.is_set():
            self._wake.wait(delay)
            self._wake.clear()
            if not stop.is_set():
                delay = self._round()

    def _round(self) -> float | None:
        delays = []
        for resource, mirror in self._mirrors.items():
            decide = self._job if resource == r.JOBS else deployment_plan
            for item in mirror.objects():
                if "deletionTimestamp" in item["metadata"]:
                    continue
                try:
                    delays.append(self._keep(resource, item, decide))
                except NotFound:
                    log.debug("%s %s is gone", resource.kind, item["metadata"]["name"])
                except KubeError as problem:
                    log.warning("%s %s: %s", resource.kind, item["metadata"]["name"], problem)
                    delays.append(_RETRY)
        return min((delay for delay in delays if delay is not None), default=None)

    def _job(self, job: Object, pods: Sequence[Object], now: float) -> Plan:
        return job_plan(job, pods, now, self._backoff)

    def _keep(
        self, resource: Resource, item: Object, decide: Callable[[Object, Sequence[Object], float], Plan]
    ) -> float | None:
        metadata = item["metadata"]
        namespace, now = metadata["namespace"], time.time()
        plan = decide(item, owned(item, self._pods.objects()), now)
        if plan.create or plan.delete:  # the mirrors may lag behind our own writes: look again before acting
            item = self._client.get(resource, metadata["name"], namespace=namespace)
            plan = decide(item, owned(item, self._client.list(r.PODS, namespace=namespace)["items"]), now)
        for name in plan.delete:
            self._client.delete(r.PODS, name, namespace=namespace)
        for _ in range(plan.create):
            self._client.create(r.PODS, pod_from(resource, item), namespace=namespace)
        before = item.get("status", {})
        if before != plan.status:
            patch = {"metadata": {"uid": metadata["uid"]}, "status": replacing(before, plan.status)}
            self._client.patch(resource, metadata["name"], patch, namespace=namespace, subresource="status")
        return plan.delay


def owned(owner: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods that `owner` made, oldest first."""
    uid = owner["metadata"]["uid"]
    mine = (pod for pod in pods if any(one["uid"] == uid for one in pod["metadata"].get("ownerReferences", ())))
    return sorted(mine, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))


def pod_from(resource: Resource, owner: Object) -> Object:
    """A new pod of the owner's template, under a name of its own."""
    template, metadata = owner["spec"]["template"], owner["metadata"]
    name, uid = metadata["name"], metadata["uid"]
    suffix = "".join(random.choices(_LETTERS, k=5))
    if resource == r.JOBS:
        prefix = "batch.kubernetes.io/"
        labels = {"job-name": name, f"{prefix}job-name": name, "controller-uid": uid, f"{prefix}controller-uid": uid}
    else:
        labels = {"pod-template-hash": template_hash(owner)}
        suffix = f"{labels['pod-template-hash']}-{suffix}"
    reference = {"apiVersion": resource.api_version, "kind": resource.kind, "name": name, "uid": uid}
    given = template.get("metadata", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{suffix}",
            "namespace": metadata["namespace"],
            "labels": {**given.get("labels", {}), **labels},
            "annotations": given.get("annotations", {}),
            "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": template["spec"],
    }


def template_hash(deployment: Object) -> str:
    """The same for equal pod templates."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def job_plan(job: Object, pods: Sequence[Object], now: float, backoff: Backoff) -> Plan:
    """One completion, tries again after failures with back-off, gives up after backoffLimit of them."""
    before, spec = job.get("status", {}), job["spec"]
    if any(
        item["type"] in ("Complete", "Failed") and item["status"] == "True" for item in before.get("conditions", ())
    ):
        return Plan(before)
    phases = [pod.get("status", {}).get("phase", "Pending") for pod in pods]
    active = [
        pod
        for pod, phase in zip(pods, phases, strict=True)
        if phase not in TERMINAL and "deletionTimestamp" not in pod["metadata"]
    ]
    failed = max(before.get("failed", 0), phases.count("Failed"))
    status: Object = {
        "startTime": before.get("startTime") or timestamp(now),
        "active": len(active),
        "ready": sum(map(_is_ready, active)),
        "succeeded": min(1, phases.count("Succeeded")),
        "failed": failed,
    }
    if status["succeeded"]:
        return _ended(status, "Complete", ["SuccessCriteriaMet", "Complete"], "CompletionsReached", now, active)
    if any(_fails_job(spec, pod) for pod in pods):
        return _ended(status, "Failed", ["FailureTarget", "Failed"], "PodFailurePolicy", now, active)
    limit = spec.get("backoffLimit", 6)
    if failed + sum(map(_restarts, active)) > limit:
        return _ended(status, "Failed", ["FailureTarget", "Failed"], "BackoffLimitExceeded", now, active)
    deadline = spec.get("activeDeadlineSeconds")
    left = None if deadline is None else seconds(status["startTime"]) + deadline - now
    if left is not None and left <= 0:
        return _ended(status, "Failed", ["FailureTarget", "Failed"], "DeadlineExceeded", now, active)
    if active or any("deletionTimestamp" in pod["metadata"] for pod in pods):
        return Plan(status, delay=left)
    wait = _last_end(pods) + backoff.delay(failed) - now if failed else 0.0
    if wait > 0:
        return Plan(status, delay=wait if left is None else min(wait, left))
    return Plan({**status, "active": 1}, create=1, delay=left)


def deployment_plan(deployment: Object, pods: Sequence[Object], now: float) -> Plan:
    """The wanted number of pods of the present template; those of an older one go first, whatever the strategy says."""
    spec, current, before = deployment["spec"], template_hash(deployment), deployment.get("status", {})
    wanted = spec.get("replicas", 1)
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    ended = [pod for pod in living if pod.get("status", {}).get("phase") in TERMINAL]
    old = [pod for pod in living if pod["metadata"].get("labels", {}).get("pod-template-hash") != current]
    good = [pod for pod in living if pod not in ended and pod not in old]
    surplus = sorted(good, key=_is_ready)[: max(0, len(good) - wanted)]
    outdated = [pod for pod in pods if pod["metadata"].get("labels", {}).get("pod-template-hash") != current]
    missing = max(0, wanted - len(good)) if not outdated else 0
    ready = sum(map(_is_ready, good))
    status: Object = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": len(living) - len(ended),
        "updatedReplicas": len(good),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
    }
    available = ready >= wanted
    conditions = [
        {
            "type": "Available",
            "status": str(available),
            "reason": f"MinimumReplicas{'Available' if available else 'Unavailable'}",
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable" if available else "ReplicaSetUpdated",
        },
    ]
    kept = keep_times(before.get("conditions", ()), conditions, now)
    delete = tuple(pod["metadata"]["name"] for pod in [*ended, *(p for p in old if p not in ended), *surplus])
    return Plan({key: value for key, value in status.items() if value} | {"conditions": kept}, missing, delete)


def _ended(status: Object, kind: str, kinds: Sequence[str], reason: str, now: float, active: Sequence[Object]) -> Plan:
    stamp = timestamp(now)
    times = {"lastProbeTime": stamp, "lastTransitionTime": stamp}
    conditions: list[dict[str, Any]] = [{"type": name, "status": "True", "reason": reason, **times} for name in kinds]
    done = {"completionTime": stamp} if kind == "Complete" else {}
    names = tuple(pod["metadata"]["name"] for pod in active)
    return Plan({**status, "active": 0, "ready": 0, "conditions": conditions, **done}, delete=names)


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _fails_job(spec: Object, pod: Object) -> bool:
    """By the exit codes of podFailurePolicy; nobody disrupts pods here."""
    status = pod.get("status", {})
    ended = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    codes = {item.get("state", {}).get("terminated", {}).get("exitCode", 0) for item in ended} - {0}
    rules = spec.get("podFailurePolicy", {}).get("rules", ())
    asked = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob" and "onExitCodes" in rule]
    met = [codes & {*one["values"]} if one["operator"] == "In" else codes - {*one["values"]} for one in asked]
    return status.get("phase") == "Failed" and any(met)


def _restarts(pod: Object) -> int:
    return sum(item.get("restartCount", 0) for item in pod.get("status", {}).get("containerStatuses", ()))


def _last_end(pods: Iterable[Object]) -> float:
    """When the last container of these pods ended, Unix time; 0 if none did."""
    statuses = (item for pod in pods for item in pod.get("status", {}).get("containerStatuses", ()))
    ends = [item.get("state", {}).get("terminated", {}).get("finishedAt") for item in statuses]
    return max((seconds(end) for end in ends if end), default=0.0)
