"""The status of a FlinkCluster: the Toolbox's fields, ours, and the conditions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core import canonical, conditions, names, revisions, times
from core.cluster import StablePods
from core.conditions import Condition
from core.states import HEALTHY, UNHEALTHY, Phase, ResourceStatus
from hooks.cluster.lifecycle import Lifecycle
from hooks.cluster.observed import Observed

ROLLED_BACK = "RolledBack"  # an update failed, and what was there before it runs again


def make_status(
    seen: Observed, life: Lifecycle, *, task_managers: int, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """`previous` is the status as it was observed, `now` the time of the newest write in the request."""
    cluster, report = seen.cluster, seen.report
    pods = sum(1 for pod in seen.pods if pod.role == names.TASKMANAGER and not pod.dead)
    stable = _stable(seen, life)
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
        "failure": life.failure or None,
        "onTrial": _on_trial(seen, life, stable) or None,
        "rejected": seen.rejected.to_json(),
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
    # What is empty in the stable pods stays: they are to be what they were.
    kept = {"stable": stable.to_json()} if stable.revision else {}
    return stamped({**canonical.stripped(status), **kept}, previous, now)


def _stable(seen: Observed, life: Lifecycle) -> StablePods:
    """The pods to come back to: kept as soon as the supervisor says that they work. When the spec has changed in that
    moment nobody knows them any more, and those from before are no way back: jobs have gone on since."""
    known = seen.status.stable
    if not seen.cluster.rollback:
        return StablePods()
    if not life.revision or life.revision != seen.report.stable:
        return known
    if seen.target == life.revision:
        return revisions.stable_pods(seen.cluster, life.revision)
    return known if known.revision == life.revision else StablePods()


def _on_trial(seen: Observed, life: Lifecycle, stable: StablePods) -> bool:
    """Does an update run that did not work yet?"""
    if not life.revision or not seen.cluster.rollback:
        return False
    if seen.target == life.revision:
        return revisions.is_update(seen.cluster, stable)
    return seen.status.on_trial and seen.status.revision == life.revision


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
    failed = seen.rejected.failure
    started = life.phase == Phase.STARTED and life.reason == "Started"
    ready = started and not failed
    trouble = next((pod.trouble for pod in seen.pods if pod.trouble), seen.supervisor)
    unhealthy = _health(seen, life) == UNHEALTHY
    degraded = "PodTrouble" if trouble else "JobManagerSilent" if unhealthy else ROLLED_BACK if failed else ""
    what = trouble or ("the JobManager does not answer" if unhealthy else failed)
    down = life.phase in (Phase.STOPPED, Phase.TERMINATED)
    stalled = bool(failed) and not down
    mend = f"the pods from before run; mend the spec, or start the cluster to try it again: {failed}"
    waiting = "; ".join(filter(None, (life.message, "" if started else _deadline(seen, life))))
    reason, message = (ROLLED_BACK, mend) if started and failed else (life.reason, waiting)
    return [
        Condition(conditions.READY, ready, reason, message),
        Condition(conditions.PROGRESSING, not started and not down, life.reason, life.message),
        Condition(conditions.DEGRADED, bool(degraded), degraded or "AsExpected", what),
        Condition(conditions.SUSPENDED, down, life.reason if down else "Running"),
        Condition(conditions.STALLED, stalled, ROLLED_BACK if stalled else "AsExpected", mend if stalled else ""),
    ]


def _deadline(seen: Observed, life: Lifecycle) -> str:
    """Until when an update has to work, '' for what is none."""
    trial = seen.report.trial
    # The report may be older than an edit.
    since = times.from_text(trial.since) if trial.revision == life.revision == life.target_revision else None
    if since is None or not seen.cluster.rollback:
        return ""
    end = since + timedelta(seconds=seen.cluster.update_timeout)
    return f"an update that does not work by {times.to_text(end)} is taken back, unless it is mended"


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
