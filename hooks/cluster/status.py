"""The status of a FlinkCluster: the Toolbox's fields, ours, and the conditions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import canonical, conditions, names
from core.conditions import Condition
from core.states import HEALTHY, UNHEALTHY, Phase, ResourceStatus
from hooks.cluster.lifecycle import Lifecycle
from hooks.cluster.observed import Observed


def make_status(
    seen: Observed, life: Lifecycle, *, task_managers: int, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """`previous` is the status as it was observed, `now` the time of the newest write in the request."""
    cluster, report = seen.cluster, seen.report
    pods = sum(1 for pod in seen.pods if pod.role == names.TASKMANAGER and not pod.dead)
    settled = life.phase in (Phase.STARTED, Phase.STOPPED) and (life.phase == Phase.STOPPED or pods == task_managers)
    status = {
        "supervisorStatus": str(life.phase),
        "resourceStatus": str(ResourceStatus.UPDATED if settled else ResourceStatus.UPDATING),
        "clusterHealth": _health(seen, life),
        "labelSelector": names.selector(cluster.name, role=names.TASKMANAGER),
        "serviceMode": cluster.job_manager.get("serviceMode") or "ClusterIP",
        "taskManagers": task_managers if life.has_pods else 0,
        "taskManagerReplicas": pods,
        "taskSlots": cluster.task_slots,
        "totalTaskSlots": pods * cluster.task_slots,
        "digest": _digest(seen),
        "revision": life.revision,
        "targetRevision": life.target_revision,
        "incarnation": life.incarnation,
        "jobManagerPod": _jobmanager_pod(seen, life),
        "heldBy": seen.held_by if life.has_pods else None,
        "goingDown": life.going_down or None,
        "suspended": cluster.suspend or None,
        "stopped": report.stopped or None,
        "restarts": report.restarts or None,
        "forgets": report.forgets or None,
        "failures": life.failures or None,
        "withoutSavepoint": report.without_savepoint or None,
        "flinkVersion": report.flink_version if life.has_pods else None,
        "message": "; ".join(filter(None, (life.message, report.message))),
        "conditions": conditions.merged(
            previous.get("conditions") or [], _conditions(seen, life), generation=cluster.generation, now=now
        ),
        "rescaleTimestamp": previous.get("rescaleTimestamp"),
    }
    if status["taskManagers"] != previous.get("taskManagers"):
        status["rescaleTimestamp"] = now
    return stamped(canonical.stripped(status), previous, now)


def stamped(status: dict[str, Any], previous: Mapping[str, Any], now: str) -> dict[str, Any]:
    """With the Toolbox's `timestamp`: when the status changed last."""
    own = ("timestamp", "observedGeneration")
    same = {key: value for key, value in previous.items() if key not in own} == status
    timestamp = previous.get("timestamp") if same else now
    return {**status, "timestamp": timestamp} if timestamp else status


def _health(seen: Observed, life: Lifecycle) -> str:
    fresh = (seen.report.revision, seen.report.incarnation) == (life.revision, life.incarnation)
    if life.phase != Phase.STARTED or not fresh:
        return ""
    return HEALTHY if seen.report.answering else UNHEALTHY


def _jobmanager_pod(seen: Observed, life: Lifecycle) -> dict[str, str] | None:
    """Remembered once seen, so that a pod which is gone can be told from one which is not there yet."""
    if life.jobmanager and life.has_pods:
        return {"name": life.jobmanager.name, "uid": life.jobmanager.uid}
    same = seen.status.incarnation == life.incarnation and life.has_pods
    uid = seen.status.jobmanager_uid if same else ""
    name = names.jobmanager_pod(seen.cluster.name, life.revision, life.incarnation)
    return {"name": name, "uid": uid} if uid else None


def _digest(seen: Observed) -> dict[str, str]:
    parts = {
        "runtime": seen.cluster.runtime,
        "jobManager": seen.cluster.job_manager,
        "taskManager": seen.cluster.task_manager,
        "supervisor": vars(seen.cluster.supervisor),
    }
    return {name: canonical.digest(canonical.stripped(part)) for name, part in parts.items()}


def _conditions(seen: Observed, life: Lifecycle) -> list[Condition]:
    ready = life.phase == Phase.STARTED and life.reason == "Started"
    trouble = next((pod.trouble for pod in seen.pods if pod.trouble), seen.supervisor)
    unhealthy = _health(seen, life) == UNHEALTHY
    degraded = "PodTrouble" if trouble else "JobManagerSilent" if unhealthy else ""
    what = trouble or ("the JobManager does not answer" if unhealthy else "")
    down = life.phase in (Phase.STOPPED, Phase.TERMINATED)
    return [
        Condition(conditions.READY, ready, life.reason, life.message),
        Condition(conditions.PROGRESSING, not ready and not down, life.reason, life.message),
        Condition(conditions.DEGRADED, bool(degraded), degraded or "AsExpected", what),
        Condition(conditions.SUSPENDED, down, life.reason if down else "Running"),
        Condition(conditions.STALLED, False, "AsExpected"),
    ]


def invalid(previous: Mapping[str, Any], problems: list[str], *, generation: int, now: str) -> dict[str, Any]:
    """The status of a parent whose spec is wrong: as it was, and what is wrong with it."""
    message = "; ".join(problems)
    kept = [
        Condition(item["type"], item["status"] == "True", item.get("reason", ""), item.get("message", ""))
        for item in previous.get("conditions") or []
        if item.get("type") not in (conditions.READY, conditions.STALLED)
    ]
    wrong = [
        Condition(conditions.READY, False, "InvalidSpec", message),
        Condition(conditions.STALLED, True, "InvalidSpec", message),
    ]
    status = {key: value for key, value in previous.items() if key not in ("timestamp", "observedGeneration")}
    status["conditions"] = conditions.merged(
        previous.get("conditions") or [], [*kept, *wrong], generation=generation, now=now
    )
    return stamped(status, previous, now)
