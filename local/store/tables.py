"""The Table form in which `kubectl get` asks for objects: columns of CRDs, and of built-in kinds a sensible choice."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from core.times import span

from .resources import Object, Resource
from .selectors import as_text, at


class Column(NamedTuple):
    """priority 0 is always shown, above only with -o wide. cell takes the object and the moment of asking."""

    name: str
    cell: Callable[[Object, datetime], Any]
    type: str = "string"
    priority: int = 0
    description: str = ""
    format: str = ""


def table(resource: Resource, objects: Sequence[Object], version: str, include: str, now: datetime) -> Object:
    """Return objects as a Table; include is None, Metadata or Object, as the request says."""
    columns = columns_of(resource)
    definitions = [
        {"name": c.name, "type": c.type, "format": c.format, "description": c.description, "priority": c.priority}
        for c in columns
    ]
    rows = [{"cells": [column.cell(obj, now) for column in columns], **_carried(obj, include)} for obj in objects]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}}
    return head | {"columnDefinitions": definitions, "rows": rows}


def _carried(obj: Object, include: str) -> Object:
    if include == "None":
        return {}
    if include == "Object":
        return {"object": obj}
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {"object": head | {"metadata": obj["metadata"]}}


def columns_of(resource: Resource) -> list[Column]:
    """Return a kind's columns; the name is always the first."""
    name = Column("Name", lambda obj, now: obj["metadata"]["name"], format="name")
    if resource.columns:
        return [name, *(_custom(definition) for definition in resource.columns)]
    own = [] if resource.custom else _BUILT_IN.get(resource.kind, [])
    return ([] if resource.kind == "Event" else [name]) + (own or [_AGE])


def _custom(definition: Mapping[str, Any]) -> Column:
    path, kind = definition["jsonPath"], definition["type"]

    def cell(obj: Object, now: datetime) -> Any:
        found = json_path(obj, path)
        if not found:
            return None
        if kind == "date":
            return age(found[0], now)
        return " ".join(_text(value) for value in found) if kind == "string" else found[0]

    priority, description = definition.get("priority", 0), definition.get("description", "")
    return Column(definition["name"], cell, kind, priority, description, definition.get("format", ""))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- JSONPath, as far as printer columns use it

_STEP = re.compile(
    r"""\.?\[\?\(\s*@\.(?P<field>[\w.]+)\s*==\s*(?P<quote>["'])(?P<value>.*?)(?P=quote)\s*\)\]"""
    r"""|\[(?P<index>\d+|\*)\]|\[(?P<q>["'])(?P<word>.*?)(?P=q)\]|\.(?P<name>(?:\\.|[^.\[\\])+)"""
)


def json_path(value: Any, path: str) -> list[Any]:
    """Return what path finds in value: fields, indexes, [*] and filters by equality; [] for what it cannot read."""
    found, position = [value], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if not step:
            return []
        found = [item for one in found for item in _walk(one, step)]
        position = step.end()
    return found


def _walk(value: Any, step: re.Match[str]) -> Iterable[Any]:
    if step["field"]:
        items = value if isinstance(value, list) else []
        return [item for item in items if str(at(item, step["field"])) == step["value"]]
    if step["index"]:
        items = value if isinstance(value, list) else []
        return items if step["index"] == "*" else items[int(step["index"]) :][:1]
    name = step["word"] or step["name"].replace("\\", "")
    return [value[name]] if isinstance(value, dict) and value.get(name) is not None else []


# --- cells of built-in kinds


def age(stamp: Any, now: datetime) -> str:
    """Return how long ago stamp was, as kubectl writes it: 5s, 3m20s, 4h, 2d3h."""
    try:
        seconds = max(0, int((now - datetime.fromisoformat(stamp)).total_seconds()))
    except (TypeError, ValueError):
        return "<unknown>"
    return span(seconds)


def _age_cell(obj: Object, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


_AGE = Column("Age", _age_cell)


def _field(path: str, default: Any = "<none>") -> Callable[[Object, datetime], Any]:
    def cell(obj: Object, now: datetime) -> Any:
        found = at(obj, path)
        return default if found in (None, "") else found

    return cell


def _statuses(pod: Object) -> list[Object]:
    return pod["status"].get("containerStatuses", [])  # type: ignore[no-any-return]


def _pod_ready(pod: Object, now: datetime) -> str:
    ready = sum(bool(status.get("ready")) for status in _statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _pod_status(pod: Object, now: datetime) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for index, status in enumerate(pod["status"].get("initContainerStatuses", [])):
        state = status.get("state", {})
        if "terminated" in state and state["terminated"].get("exitCode") == 0:
            continue
        why = state.get("waiting", {}).get("reason") or state.get("terminated", {}).get("reason")
        if why and why != "PodInitializing":
            return f"Init:{why}"
        return f"Init:{index}/{len(pod['spec'].get('initContainers', []))}"
    for status in _statuses(pod):
        state = status.get("state", {})
        why = state.get("waiting", {}).get("reason") or state.get("terminated", {}).get("reason")
        if why:
            return str(why)
    return str(pod["status"].get("reason") or pod["status"].get("phase", "Unknown"))


def _restarts(pod: Object, now: datetime) -> str:
    return str(sum(status.get("restartCount", 0) for status in _statuses(pod)))


def _ports(service: Object, now: datetime) -> str:
    ports = service["spec"].get("ports", [])
    return ",".join(f"{port['port']}/{port['protocol']}" for port in ports) or "<none>"


def _selector(path: str) -> Callable[[Object, datetime], str]:
    return lambda obj, now: as_text(at(obj, path) or {}) or "<none>"


def _of_containers(field: str) -> Callable[[Object, datetime], str]:
    return lambda obj, now: ",".join(c[field] for c in at(obj, "spec.template.spec.containers") or [])


def _templated(priority: int = 1) -> list[Column]:
    return [
        Column("Containers", _of_containers("name"), priority=priority),
        Column("Images", _of_containers("image"), priority=priority),
        Column("Selector", _selector("spec.selector"), priority=priority),
    ]


def _job_status(job: Object, now: datetime) -> str:
    conditions = job["status"].get("conditions", [])
    true = {c["type"] for c in conditions if c["status"] == "True"}
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    return next((name for name in ("Complete", "Failed", "Suspended") if name in true), "Running")


def _job_duration(job: Object, now: datetime) -> str:
    start, end = job["status"].get("startTime"), job["status"].get("completionTime")
    if not start:
        return ""
    return age(start, datetime.fromisoformat(end) if end else now)


def _ready_of_replicas(deployment: Object, now: datetime) -> str:
    return f"{deployment['status'].get('readyReplicas', 0)}/{deployment['spec'].get('replicas', 0)}"


def _involved(event: Object, now: datetime) -> str:
    about = event.get("involvedObject", {})
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _last_seen(event: Object, now: datetime) -> str:
    return age(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"], now)


_BUILT_IN: dict[str, list[Column]] = {
    "Namespace": [Column("Status", _field("status.phase")), _AGE],
    "Pod": [
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", _field("status.podIP"), priority=1),
        Column("Node", _field("spec.nodeName"), priority=1),
    ],
    "Service": [
        Column("Type", _field("spec.type")),
        Column("Cluster-IP", _field("spec.clusterIP")),
        Column("External-IP", lambda obj, now: "<none>"),
        Column("Port(s)", _ports),
        _AGE,
        Column("Selector", _selector("spec.selector"), priority=1),
    ],
    "Deployment": [
        Column("Ready", _ready_of_replicas),
        Column("Up-to-date", _field("status.updatedReplicas", 0), "integer"),
        Column("Available", _field("status.availableReplicas", 0), "integer"),
        _AGE,
        *_templated(),
    ],
    "Job": [
        Column("Status", _job_status),
        Column(
            "Completions", lambda job, now: f"{job['status'].get('succeeded', 0)}/{job['spec'].get('completions', 1)}"
        ),
        Column("Duration", _job_duration),
        _AGE,
        *_templated(),
    ],
    "Event": [
        Column("Last Seen", _last_seen),
        Column("Type", _field("type")),
        Column("Reason", _field("reason")),
        Column("Object", _involved),
        Column("Source", _field("source.component", ""), priority=1),
        Column("Message", _field("message", "")),
        Column("Count", _field("count", 1), "integer", priority=1),
        Column("Name", _field("metadata.name"), priority=1, format="name"),
    ],
    "Secret": [
        Column("Type", _field("type")),
        Column("Data", lambda obj, now: len(obj.get("data", {})), "integer"),
        _AGE,
    ],
    "ConfigMap": [Column("Data", lambda obj, now: len(obj.get("data", {})), "integer"), _AGE],
    "PersistentVolumeClaim": [
        Column("Status", _field("status.phase")),
        Column("Volume", _field("spec.volumeName", "")),
        Column("Capacity", _field("status.capacity.storage", "")),
        _AGE,
    ],
    "Lease": [Column("Holder", _field("spec.holderIdentity")), _AGE],
    "CustomResourceDefinition": [Column("Created At", _field("metadata.creationTimestamp"), "date")],
}
