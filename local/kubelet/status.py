"""Pure: what a pod's containers did → the status that a kubelet reports (phase, conditions, container statuses)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

Object = dict[str, Any]
TERMINAL = ("Succeeded", "Failed")


class ContainerView(NamedTuple):
    """One container as the runner sees it; states have the API's shape: {"waiting"|"running"|"terminated": {...}}."""

    name: str
    image: str
    state: Object
    last_state: Object
    restarts: int = 0
    ready: bool = False
    started: bool = False
    container_id: str = ""

    @property
    def exit_code(self) -> int | None:
        """Of a container that has ended, else None."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code


class Backoff(NamedTuple):
    """Seconds before a repeat: doubled each time, up to a limit. A real node has (10, 300)."""

    first: float = 1.0
    limit: float = 60.0

    def delay(self, count: int) -> float:
        """Seconds to wait after the `count`-th failure (1 is the first)."""
        return min(self.limit, self.first * 2.0 ** min(max(count - 1, 0), 30))


def timestamp(seconds: float) -> str:
    """Unix time → RFC 3339 in UTC, whole seconds, as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str) -> float:
    """RFC 3339 → Unix time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def should_restart(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` runs again under a pod's restartPolicy."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def init_policy(policy: str) -> str:
    """The restart policy of init containers: they run to completion, so Always means OnFailure."""
    return "OnFailure" if policy == "Always" else policy


def phase(policy: str, init: Sequence[ContainerView], main: Sequence[ContainerView]) -> str:
    """The pod's phase from its containers."""
    for view in init:
        if view.exit_code != 0:
            failed = view.exit_code is not None and not should_restart(init_policy(policy), view.exit_code)
            return "Failed" if failed else "Pending"
    if any("waiting" in view.state and not view.last_state for view in main):
        return "Pending"
    codes = [view.exit_code for view in main]
    if any(code is None or should_restart(policy, code) for code in codes):
        return "Running"
    return "Failed" if any(codes) else "Succeeded"


def pod_status(
    pod: Object, init: Sequence[ContainerView], main: Sequence[ContainerView], ip: str, now: float
) -> Object:
    """The whole status; transition times are kept from the pod's present status where a condition did not turn."""
    before = pod.get("status", {})
    now_phase = phase(pod["spec"].get("restartPolicy", "Always"), init, main)
    status: Object = {
        "phase": now_phase,
        "hostIP": "127.0.0.1",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": before.get("startTime") or timestamp(now),
        "conditions": keep_times(before.get("conditions", ()), _conditions(now_phase, init, main), now),
        "containerStatuses": [_container_status(view) for view in main],
    }
    if init:
        status["initContainerStatuses"] = [_container_status(view) for view in init]
    return status


def keep_times(before: Sequence[Object], after: Sequence[Object], now: float) -> list[Object]:
    """Conditions with lastTransitionTime: the old one where the status is the same, else `now`."""
    old = {item["type"]: item for item in before}

    def since(item: Object) -> str:
        known = old.get(item["type"], {})
        same = known.get("status") == item["status"] and known.get("lastTransitionTime")
        return str(known["lastTransitionTime"]) if same else timestamp(now)

    return [{**item, "lastTransitionTime": since(item)} for item in after]


def replacing(before: Object, after: Object) -> Object:
    """A merge patch that makes `before` equal to `after` at its top level: what is no longer there becomes null."""
    return {**{key: None for key in before if key not in after}, **after}


def _conditions(now_phase: str, init: Sequence[ContainerView], main: Sequence[ContainerView]) -> list[Object]:
    waiting = [view.name for view in init if view.exit_code != 0]
    unready = [view.name for view in main if not view.ready]
    if now_phase == "Succeeded":
        not_ready = _condition("", False, "PodCompleted")
    else:
        not_ready = _condition(
            "", False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
        )
    return [
        _condition("PodScheduled", True),
        _condition(
            "Initialized",
            False,
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(waiting)}]",
        )
        if waiting
        else _condition("Initialized", True),
        *({**(not_ready if unready else _condition("", True)), "type": kind} for kind in ("ContainersReady", "Ready")),
    ]


def _condition(kind: str, good: bool, reason: str = "", message: str = "") -> Object:
    item = {"type": kind, "status": "True" if good else "False", "reason": reason, "message": message}
    return {key: value for key, value in item.items() if value or key == "type"}


def _container_status(view: ContainerView) -> Object:
    return {
        "name": view.name,
        "image": view.image,
        "imageID": "",
        "state": view.state,
        "lastState": view.last_state,
        "restartCount": view.restarts,
        "ready": view.ready,
        "started": view.started,
        **({"containerID": view.container_id} if view.container_id else {}),
    }
