"""What the world looked like: told when a scenario fails."""

from __future__ import annotations

import yaml

from clients.kube import KubeError, Resource
from clients.kube import resources as r
from core import names

from .look import KINDS, Look, Object


def story(look: Look) -> str:
    """Statuses, pods, events and the supervisors' last words."""
    parts = [_told(kind, item) for kind in KINDS.values() for item in look.items(kind)]
    parts += [_pod_line(pod) for pod in look.items(r.PODS)]
    parts += [_event_line(item) for item in sorted(look.items(r.EVENTS), key=_moment)[-40:]]
    parts += [_log(look, pod) for pod in look.items(r.PODS, f"{names.LABEL_ROLE}={names.SUPERVISOR}")]
    return "\n".join(parts)


def _told(resource: Resource, item: Object) -> str:
    status = {key: value for key, value in (item.get("status") or {}).items() if key not in ("digest", "delivery")}
    text = yaml.safe_dump(status, sort_keys=True, width=160)
    return f"--- {resource.kind} {item['metadata']['name']} {item['metadata'].get('annotations')}\n{text}"


def _log(look: Look, pod: Object) -> str:
    name = pod["metadata"]["name"]
    try:
        lines = list(look.client.logs(name, namespace=look.namespace, tail=60))
    except KubeError as error:
        lines = [str(error)]
    return "\n".join([f"--- log of {name}", *lines])


def _moment(event: Object) -> str:
    return str(event.get("lastTimestamp") or event["metadata"].get("creationTimestamp"))


def _event_line(event: Object) -> str:
    about = event.get("involvedObject", {})
    return (
        f"event {_moment(event)} {about.get('kind')} {about.get('name')} {event.get('reason')}: {event.get('message')}"
    )


def _pod_line(pod: Object) -> str:
    status = pod.get("status") or {}
    states = [item.get("state") for item in status.get("containerStatuses") or []]
    return (
        f"pod {pod['metadata']['name']} {status.get('phase')} {pod['metadata'].get('deletionTimestamp', '')} {states}"
    )
