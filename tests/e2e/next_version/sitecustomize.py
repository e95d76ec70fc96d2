"""A next version of the hooks, as the `sitecustomize` of their Python: it spells a default, adds labels and a field.

Whatever we release may do so, and no running Flink pod may notice.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from hooks.children import jobmanager, pod, supervisor

LABEL = {"example.com/version": "next"}


def changed(make: Any, change: Any) -> Any:
    @wraps(make)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        change(made)
        return made

    return wrapped


def change_pod(made: dict[str, Any]) -> None:
    made["metadata"]["labels"].update(LABEL)
    made["spec"].update(dnsPolicy="ClusterFirst", terminationGracePeriodSeconds=6)
    for container in made["spec"]["containers"]:
        container["terminationMessagePath"] = "/dev/termination-log"


def change_service(made: dict[str, Any]) -> None:
    made["metadata"]["labels"].update(LABEL)
    made["spec"]["sessionAffinity"] = "None"


def change_deployment(made: dict[str, Any]) -> None:
    """This one is a rolling restart of the supervisors."""
    made["spec"]["template"]["metadata"]["labels"] = {**made["spec"]["template"]["metadata"]["labels"], **LABEL}


pod.flink_pod = changed(pod.flink_pod, change_pod)
jobmanager.make_service = changed(jobmanager.make_service, change_service)
supervisor._deployment = changed(supervisor._deployment, change_deployment)
