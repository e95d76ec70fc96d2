"""From API objects to the records of world.py. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core import cluster as clusters
from core import job as jobs
from core import names
from core.job_status import JobStatus
from core.pods import incarnation_of, is_dead
from core.redaction import secrets_of
from supervisor.jobmanager import Look
from supervisor.world import Bootstrap, ClusterView

Resource = Mapping[str, Any]
REMEMBERED_ATTEMPTS = 10


def cluster_view(resource: Resource, pods: Iterable[Resource], look: Look) -> ClusterView:
    """`pods` are those of the cluster, `look` is of the JobManager of the incarnation that the status names."""
    cluster, status = clusters.read(resource), clusters.read_status(resource)
    report = clusters.report(cluster, status)
    flink = [pod for pod in pods if _role(pod) in (names.JOBMANAGER, names.TASKMANAGER)]
    return ClusterView(
        name=cluster.name,
        uid=cluster.uid,
        phase=status.phase,
        revision=status.revision,
        incarnation=status.incarnation,
        deleting=bool(cluster.deleting),
        suspended=cluster.suspend,
        stopped=report.stopped,
        without_savepoint=report.without_savepoint,
        answering=look.answering,
        fenced=all(_owner(pod) == cluster.uid and incarnation_of(pod) == status.incarnation for pod in flink),
        jobmanager_gone=jobmanager_pod(flink, cluster.uid, status.incarnation) is None,
        slots_free=look.overview.slots_available if look.overview else 0,
        supervisor_image=cluster.supervisor.image,
        supervisor_pull_policy=cluster.supervisor.pull_policy,
        polling_interval=max(1, cluster.supervisor.polling_interval),
        task_timeout=max(1, cluster.supervisor.task_timeout),
        forgets=report.forgets,
        on_trial=status.on_trial,
        secrets=secrets(resource),
    )


def secrets(cluster: Resource) -> frozenset[str]:
    """Of its Flink configuration, also as it worked last."""
    stable = clusters.read_status(cluster).stable
    return secrets_of(clusters.read(cluster).flink_configuration) | secrets_of(stable.flink_configuration)


def jobmanager_pod(pods: Iterable[Resource], cluster: str, incarnation: int) -> Resource | None:
    """The live JobManager pod of an incarnation of the cluster with that uid."""
    own = (pod for pod in pods if _role(pod) == names.JOBMANAGER and incarnation_of(pod) == incarnation)
    return next((pod for pod in own if _owner(pod) == cluster and not is_dead(pod)), None)


def _owner(pod: Resource) -> str:
    """The uid of the FlinkCluster that it was made for: one that is gone may have had the same name."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner.get("uid", "")) for owner in owners if owner.get("controller")), "")


def rest_port(pod: Resource) -> int:
    """Where a JobManager's pod serves Flink's REST API; the spec may say something else by now."""
    containers = (pod.get("spec") or {}).get("containers") or []
    ports = [port for item in containers if item.get("name") == names.JOBMANAGER for port in item.get("ports") or []]
    return next((int(port["containerPort"]) for port in ports if port.get("name") == "ui"), 8081)


def _labels(pod: Resource) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def _role(pod: Resource) -> str:
    return _labels(pod).get(names.LABEL_ROLE, "")


def strays(uid: str, status: JobStatus, look: Look) -> tuple[str, ...]:
    """The last attempts other than the current one that are alive in Flink, by id: main() goes on inside the
    JobManager when nobody waits for it any more."""
    return tuple(run for run in runs(uid, status.attempt) if run in look.alive and run != status.job_id)


def runs(uid: str, attempt: int) -> tuple[str, ...]:
    """The ids of a job's last attempts."""
    attempts = range(max(1, attempt - REMEMBERED_ATTEMPTS), attempt + 1)
    return tuple(jobs.flink_job_id(uid, number) for number in attempts)


def bootstrap(pods: Iterable[Resource], job: Resource, status: JobStatus) -> Bootstrap:
    """The bootstrap Job of the delivery that the status orders, as its newest pod tells. One that is deleted or
    evicted has not failed: the Job makes another. What it has carried is there."""
    metadata, delivery = job["metadata"], status.ordered
    if delivery is None:
        return Bootstrap()
    wanted = {
        "batch.kubernetes.io/job-name": names.bootstrap_job(metadata["name"], delivery.number),
        names.LABEL_JOB_UID: metadata["uid"],
    }
    own = [pod for pod in pods if wanted.items() <= _labels(pod).items()]
    if not own:
        return Bootstrap()
    # Times are whole seconds: the one that was made instead may be of the same.
    newest = max(own, key=lambda pod: (str(pod["metadata"].get("creationTimestamp")), not _disrupted(pod)))
    found = _bootstrap(newest.get("status") or {})
    return Bootstrap(jar_id=found.jar_id) if _disrupted(newest) else found


def _disrupted(pod: Resource) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    evicted = any(one.get("type") == "DisruptionTarget" and one.get("status") == "True" for one in conditions)
    return evicted or bool(pod["metadata"].get("deletionTimestamp"))


def _bootstrap(status: Mapping[str, Any]) -> Bootstrap:
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        state = container.get("state") or {}
        if ended := state.get("terminated"):
            if ended.get("exitCode"):
                return Bootstrap(failure=_failure(container, ended))
            if container.get("name") == names.BOOTSTRAP:
                return Bootstrap(jar_id=str(_message(ended).get("jarId", "")))
        elif (state.get("waiting") or {}).get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            waiting = state["waiting"]
            return Bootstrap(waiting=f"{waiting['reason']}: {waiting.get('message', '')}")
    if status.get("phase") == "Failed":
        return Bootstrap(failure=f"{status.get('reason', 'Failed')}: {status.get('message', 'the pod failed')}")
    return Bootstrap(waiting=_unscheduled(status))


def _failure(container: Mapping[str, Any], ended: Mapping[str, Any]) -> str:
    """Our own program says what went wrong; `cp` of the user's image does so in its last line."""
    told = _message(ended).get("error") or str(ended.get("message") or "").strip()
    return told or f"container {container.get('name')} ended with {ended.get('exitCode')} ({ended.get('reason')})"


def _message(ended: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        value = json.loads(ended.get("message") or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _unscheduled(status: Mapping[str, Any]) -> str:
    conditions = status.get("conditions") or []
    found = next((item for item in conditions if item.get("reason") == "Unschedulable"), None)
    return f"Unschedulable: {found.get('message', '')}" if found else ""
