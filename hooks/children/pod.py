"""What the pods of a Flink cluster have in common: identity, security, placement, and what the spec adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import canonical, names, spec
from core.cluster import Cluster

# The user of the official Flink image.
FLINK_USER = 9999
# The variable that the official image's entrypoint appends to Flink's configuration.
PROPERTIES = "FLINK_PROPERTIES"
# Faster than Flink's defaults where those only wait; a user's own value wins.
FLINK_DEFAULTS = {
    # A TaskManager that was there before its JobManager asks again after this many ms; Flink's default is 10 s.
    "cluster.registration.error-delay": "250",
    # For how long the JobManager remembers the result of a savepoint, so that a repeated request is the same one.
    "rest.async.store-duration": "3600000",
    # For how many seconds it remembers a job that is over; a supervisor may be away for longer than Flink's hour.
    "jobstore.expiration-time": "604800",
    # For how many ms the JobManager answers questions about a job from a cache; Flink's default is 3 s.
    "web.refresh-interval": "500",
    # The checkpoint that the supervisor saw last must still be there when the JobManager is not: with Flink's 1 it is
    # gone as soon as the next one completes. The old name of the option: it yields to either name of a user's.
    "state.checkpoints.num-retained": "5",
}
# The `restricted` level of the Pod Security Standards.
CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_security(user: int) -> dict[str, Any]:
    return {
        "runAsNonRoot": user != 0,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security(wished: Mapping[str, Any]) -> dict[str, Any]:
    """The restricted level, but for what a user says; the kubelet starts no user 0 while runAsNonRoot holds."""
    root = {"runAsNonRoot": False} if wished.get("runAsUser") == 0 else {}
    return {**CONTAINER_SECURITY, **root, **wished}


def pull_secrets(part: Mapping[str, Any]) -> list[dict[str, str]]:
    name = spec.text(part, "pullSecrets")
    return [{"name": name}] if name else []


def environment(cluster: Cluster, part: Mapping[str, Any], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The container's variables: ours, then the user's, each name once (the user's wins)."""
    theirs = {entry["name"]: _variable(entry) for entry in spec.items(part, "environment")}
    properties = _properties(cluster)
    ours: list[dict[str, Any]] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "JOB_MANAGER_RPC_ADDRESS", "value": names.jobmanager_service(cluster.name)},
        *more,
    ]
    if "value" in theirs.get(PROPERTIES, {}):
        # A later line replaces an earlier one of the same key.
        theirs[PROPERTIES]["value"] = properties + theirs[PROPERTIES]["value"]
    elif cluster.flink_configuration or not part.get("environmentFrom"):
        # Else it may come from a ConfigMap or Secret there, which ours would hide.
        ours.append({"name": PROPERTIES, "value": properties})
    return [entry for entry in ours if entry["name"] not in theirs] + list(theirs.values())


def _properties(cluster: Cluster) -> str:
    """Flink's configuration, as the image's entrypoint reads it."""
    properties = {**FLINK_DEFAULTS, **cluster.flink_configuration}
    return "".join(f"{key}: {value}\n" for key, value in sorted(properties.items()))


def _variable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without an empty value, which the API server drops."""
    return {key: value for key, value in entry.items() if not (key == "value" and value == "")}


def flink_container(part: Mapping[str, Any], runtime: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The container that runs Flink: `own` has its name, ports, arguments and variables."""
    taken = {port["containerPort"] for port in own["ports"]}
    extra = [port for port in spec.items(part, "extraPorts") if port["containerPort"] not in taken]
    return {
        "image": spec.text(runtime, "image"),
        "imagePullPolicy": spec.text(runtime, "pullPolicy", "IfNotPresent"),
        "command": part.get("command"),
        "envFrom": part.get("environmentFrom"),
        "volumeMounts": part.get("volumeMounts"),
        "resources": part.get("resources"),
        "securityContext": container_security(spec.part(part, "securityContext")),
        **own,
        "ports": [*own["ports"], *extra],
    }


def flink_pod(
    cluster: Cluster, part: Mapping[str, Any], *, name: str, labels: Mapping[str, str], container: Mapping[str, Any]
) -> dict[str, Any]:
    """A whole pod: `part` is `spec.jobManager` or `spec.taskManager`.

    It never restarts in place: a JobManager that comes back in the same pod has forgotten its jobs, and its
    TaskManagers would go on with them. A dead pod is replaced, and with a JobManager its whole incarnation.
    """
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": dict(labels),
            "annotations": spec.texts(part, "annotations"),
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "enableServiceLinks": False,
            "serviceAccountName": spec.text(part, "serviceAccount", "default"),
            "imagePullSecrets": pull_secrets(cluster.runtime),
            "securityContext": pod_security(_user(part)),
            "initContainers": spec.items(part, "initContainers"),
            "containers": [dict(container), *spec.items(part, "sideContainers")],
            "volumes": part.get("volumes"),
            "affinity": part.get("affinity") or _spread(cluster.name),
            "tolerations": part.get("tolerations"),
            "topologySpreadConstraints": part.get("topologySpreadConstraints"),
        },
    }
    whole: dict[str, Any] = merged(spec.part(part, "podTemplate"), pod)
    containers = {key: _secured(spec.items(whole["spec"], key)) for key in ("initContainers", "containers")}
    body = canonical.filled({**whole["spec"], **containers})
    return {**whole, "metadata": canonical.filled(whole["metadata"]), "spec": body}


def _user(part: Mapping[str, Any]) -> int:
    return spec.whole(spec.part(part, "securityContext"), "runAsUser", FLINK_USER)


def _secured(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The user's own containers pass the restricted level too, unless they say otherwise."""
    return [
        canonical.filled({**container, "securityContext": container_security(spec.part(container, "securityContext"))})
        for container in containers
    ]


def _spread(cluster: str) -> dict[str, Any]:
    """Flink pods of one cluster rather on different nodes, TaskManagers before all."""
    weights = {names.JOBMANAGER: 50, names.TASKMANAGER: 100}
    terms = [
        {
            "weight": weight,
            "podAffinityTerm": {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {names.LABEL_CLUSTER: cluster, names.LABEL_ROLE: role}},
            },
        }
        for role, weight in weights.items()
    ]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}


def merged(template: Any, ours: Any) -> Any:
    """A user's template under what we say: maps key by key, lists of named things name by name, else ours wins.

    A mount's name is its path: one volume may be mounted twice. Only containers are merged in themselves: a volume or
    a variable that got a second source would be refused.
    """
    if isinstance(template, Mapping) and isinstance(ours, Mapping):
        keys = [*ours, *(key for key in template if key not in ours)]
        return {key: merged(template.get(key), ours.get(key)) for key in keys}
    if key := _list_key(template, ours):
        theirs = {item[key]: item for item in template}
        mine = [merged(theirs.get(item[key]), item) if "image" in item else item for item in ours]
        return mine + [item for name, item in theirs.items() if name not in {item[key] for item in ours}]
    return template if ours in (None, [], {}) else ours


def _list_key(template: Any, ours: Any) -> str:
    """The field that tells the items of both lists apart, '' when there is none."""
    if not (isinstance(template, list) and isinstance(ours, list) and template and ours):
        return ""
    items = [*template, *ours]
    keyed = (key for key in ("mountPath", "name") if all(isinstance(item, Mapping) and key in item for item in items))
    return next(keyed, "")
