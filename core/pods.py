"""What became of a pod. The hooks replace a dead one, the supervisor gives up what ran in it, the CLI tells why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import conditions, names
from core.redaction import redacted

ENDED = ("Failed", "Succeeded", "Unknown")
# What a container waits for that comes by itself.
COMING = ("", "ContainerCreating", "PodInitializing")


def is_dead(pod: Mapping[str, Any]) -> bool:
    """It is being deleted, or it ended, or its Flink container did: a side container keeps the pod's phase Running."""
    return bool(pod["metadata"].get("deletionTimestamp")) or has_ended(pod)


def is_ready(pod: Mapping[str, Any]) -> bool:
    return conditions.find(_status(pod).get("conditions"), conditions.READY).get("status") == "True"


def incarnation_of(pod: Mapping[str, Any]) -> int:
    """Which JobManager's it is; 0, which is nobody's, when somebody spoilt the label."""
    text = (pod["metadata"].get("labels") or {}).get(names.LABEL_INCARNATION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def has_ended(pod: Mapping[str, Any]) -> bool:
    return _status(pod).get("phase") in ENDED or bool(flink_end(pod))


def flink_end(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the container that runs Flink ended (`state.terminated`), empty while it has not; pods never restart it."""
    end: Mapping[str, Any] = _flink_state(pod).get("terminated") or {}
    return end


def started_at(pod: Mapping[str, Any]) -> str:
    """When Flink started in it, '' when it never did. A container that could not be started has a date of 1970."""
    state = _flink_state(pod)
    started = (state.get("terminated") or state.get("running") or {}).get("startedAt") or ""
    return max(started, pod["metadata"].get("creationTimestamp") or "") if started else ""


def ended_at(pod: Mapping[str, Any]) -> str:
    """When it ended by itself, '' when it did not. A pod that its node refused ended when it came there."""
    if pod["metadata"].get("deletionTimestamp") or not has_ended(pod):
        return ""
    states = [item.get("state") or {} for item in [*_containers(pod, "init"), *_containers(pod)]]
    last = max(((state.get("terminated") or {}).get("finishedAt") or "" for state in states), default="")
    there = _status(pod).get("startTime") or pod["metadata"].get("creationTimestamp") or ""
    return flink_end(pod).get("finishedAt") or last or there


def trouble(pod: Mapping[str, Any]) -> str:
    """Why it does not run, in the kubelet's or the scheduler's words; '' when it does, only needs time, or shall go."""
    if pod["metadata"].get("deletionTimestamp"):
        return ""
    status = _status(pod)
    if status.get("phase") == "Failed" and status.get("reason"):
        return _words(status)
    if end := flink_end(pod):
        return how_it_ended(end)
    for container in _containers(pod, "init"):
        end = (container.get("state") or {}).get("terminated") or {}
        if end.get("exitCode"):
            return f"init container {container.get('name')}: {how_it_ended(end)}"
    for container in [*_containers(pod, "init"), *_containers(pod)]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in COMING:
            return _words(waiting)
    for condition in status.get("conditions") or []:
        if (condition.get("type"), condition.get("status")) == ("PodScheduled", "False"):
            return _words(condition)
    return ""


def how_it_ended(end: Mapping[str, Any]) -> str:
    reason = f"{end.get('reason', 'Error')}, exit code {end.get('exitCode')}"
    return _words({"reason": reason, "message": end.get("message")})


def _words(said: Mapping[str, Any]) -> str:
    return redacted(": ".join(filter(None, (said.get("reason"), (said.get("message") or "").strip()))))


def _status(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    status: Mapping[str, Any] = pod.get("status") or {}
    return status


def _containers(pod: Mapping[str, Any], kind: str = "") -> list[Mapping[str, Any]]:
    return _status(pod).get(f"{kind}ContainerStatuses" if kind else "containerStatuses") or []


def _flink_state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    role = (pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE)
    states = (item.get("state") or {} for item in _containers(pod) if item.get("name") == role)
    return next(states, {})
