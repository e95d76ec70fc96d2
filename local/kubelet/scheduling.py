"""Pure: is the machine large enough for a pod? In the words of a scheduler that has one node."""

import os
from collections.abc import Iterable, Mapping
from decimal import Decimal

from core.quantities import amount
from local.kubelet.status import Object, keep_times

Amounts = Mapping[str, Decimal]
COUNTED = ("cpu", "memory")


def machine() -> Amounts:
    """What this one has, whoever else uses it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": Decimal(os.cpu_count() or 1), "memory": Decimal(memory)}


def refusal(pod: Object, node: Amounts) -> str:
    """Why the pod finds no node, '' when it does. What other pods of the machine request does not count."""
    wanted = _requests(pod)
    missing = [f"1 Insufficient {name}" for name in COUNTED if wanted[name] > node[name]]
    if not missing:
        return ""
    hopeless = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    return f"0/1 nodes are available: {', '.join(missing)}. {hopeless}"


def _requests(pod: Object) -> Amounts:
    """The containers run side by side, the init containers one after the other before them."""
    together = _each(pod["spec"]["containers"])
    before = _each(pod["spec"].get("initContainers") or ())
    return {
        name: max(sum((item[name] for item in together), Decimal()), *(item[name] for item in before), Decimal())
        for name in COUNTED
    }


def _each(containers: Iterable[Object]) -> list[Amounts]:
    parts = [container.get("resources") or {} for container in containers]
    requests = [{**(part.get("limits") or {}), **(part.get("requests") or {})} for part in parts]
    return [{name: amount(request.get(name, 0)) for name in COUNTED} for request in requests]


def pending_status(pod: Object, message: str, now: float) -> Object:
    """Of a pod that no node has taken."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    before = (pod.get("status") or {}).get("conditions", ())
    return {"phase": "Pending", "conditions": keep_times(before, [condition], now)}
