"""What an API server and its admission fill into built-in kinds: the part that the hooks' children meet.

Every function takes a private copy of the object and fills it in place. Source: Kubernetes' API reference.
"""

import base64
from collections.abc import Callable
from typing import Any

from core.quantities import canonical

from .resources import Object

TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_MAPS_OF_TEXTS = ("nodeSelector", "limits", "requests")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def _fill(target: Object, **values: Any) -> None:
    for key, value in values.items():
        target.setdefault(key, value)


# --- pods and their templates


def pod_spec(spec: Object) -> None:
    """The defaults that a template gets as well as a pod."""
    _leave_out_empty(spec)
    _fill(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
        securityContext={},
    )
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
        _container(container)
    for volume in spec.get("volumes", []):
        _volume(volume)


def _leave_out_empty(value: Any) -> None:
    """Empty lists and maps of texts are not stored; an empty structure (`emptyDir: {}`) says something and is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in list(items):
        if item == [] or (item == {} and name in _MAPS_OF_TEXTS):
            del value[name]
        else:
            _leave_out_empty(item)


def _container(container: Object) -> None:
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    latest = "@" not in tag and tag in ("", "latest")
    _fill(
        container,
        imagePullPolicy="Always" if latest else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    for port in container.get("ports", []):
        _fill(port, protocol="TCP")
    for name in _PROBES:
        if name in container:
            _probe(container[name])
    for variable in container.get("env", []):
        if variable.get("value") == "":
            del variable["value"]
        if "fieldRef" in variable.get("valueFrom", {}):
            _fill(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    _resources(container["resources"])


def _probe(probe: Object) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if "httpGet" in probe:
        _fill(probe["httpGet"], scheme="HTTP", path="/")


def _resources(resources: Object) -> None:
    for amounts in (resources.get("limits", {}), resources.get("requests", {})):
        amounts.update({name: canonical(amount) for name, amount in amounts.items()})
    if resources.get("limits"):
        resources["requests"] = dict(resources["limits"]) | resources.get("requests", {})


def _volume(volume: Object) -> None:
    for kind in ("configMap", "secret", "projected", "downwardAPI"):
        if kind in volume:
            _fill(volume[kind], defaultMode=0o644)
    for source in volume.get("projected", {}).get("sources", []):
        if "serviceAccountToken" in source:
            _fill(source["serviceAccountToken"], expirationSeconds=3600)
    if "hostPath" in volume:
        _fill(volume["hostPath"], type="")
    if "sizeLimit" in volume.get("emptyDir", {}):
        volume["emptyDir"]["sizeLimit"] = canonical(volume["emptyDir"]["sizeLimit"])


def pod(obj: Object) -> None:
    """A template's defaults, and what admission adds to a pod at every write."""
    spec = obj["spec"]
    pod_spec(spec)
    _fill(spec, enableServiceLinks=True, priority=0, preemptionPolicy="PreemptLowerPriority")
    _fill(spec, serviceAccountName="default", tolerations=[])
    spec["serviceAccount"] = spec["serviceAccountName"]
    for condition in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{condition}"
        if all(
            t.get("key") not in (key, None) or t.get("effect") not in ("NoExecute", None) for t in spec["tolerations"]
        ):
            spec["tolerations"].append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            )


def service_account_token(obj: Object) -> None:
    """Mount the token where a new pod's containers have nothing at its place, unless the pod declines."""
    spec, uid = obj["spec"], obj["metadata"]["uid"]
    if not spec.get("automountServiceAccountToken", True):
        return
    containers = [*spec.get("initContainers", []), *spec.get("containers", [])]
    bare = [c for c in containers if all(m["mountPath"] != TOKEN_MOUNT for m in c.get("volumeMounts", []))]
    if not bare:
        return
    name = f"kube-api-access-{uid[:5]}"
    for container in bare:
        container.setdefault("volumeMounts", []).append({"name": name, "readOnly": True, "mountPath": TOKEN_MOUNT})
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [field]}},
    ]
    spec.setdefault("volumes", []).append({"name": name, "projected": {"sources": sources, "defaultMode": 0o644}})


# --- the other kinds


def _service(obj: Object) -> None:
    spec = obj["spec"]
    _fill(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    _fill(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    for port in spec.get("ports", []):
        _fill(port, protocol="TCP", targetPort=port.get("port"))


def _job(obj: Object) -> None:
    spec, metadata = obj["spec"], obj["metadata"]
    replaced = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    _fill(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy=replaced)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    _fill(spec, parallelism=1)
    template = spec.setdefault("template", {})
    carried = template.setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("batch.kubernetes.io/", ""):
        carried.setdefault(f"{prefix}controller-uid", metadata["uid"])
        carried.setdefault(f"{prefix}job-name", metadata["name"])
    _fill(spec, selector={"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}})
    pod_spec(template.setdefault("spec", {}))


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        rolling = spec["strategy"].setdefault("rollingUpdate", {})
        _fill(rolling, maxUnavailable="25%", maxSurge="25%")
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def _secret(obj: Object) -> None:
    _fill(obj, type="Opaque")
    for key, text in obj.pop("stringData", {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _claim(obj: Object) -> None:
    _fill(obj["spec"], volumeMode="Filesystem")
    _resources(obj["spec"].setdefault("resources", {}))


def _volume_claimed(obj: Object) -> None:
    spec = obj["spec"]
    _fill(spec, volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")
    spec["capacity"] = {name: canonical(amount) for name, amount in spec.get("capacity", {}).items()}


def _namespace(obj: Object) -> None:
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _crd(obj: Object) -> None:
    names = obj["spec"]["names"]
    _fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    _fill(obj["spec"], conversion={"strategy": "None"})


DEFAULTERS: dict[str, Callable[[Object], None]] = {
    "Pod": pod,
    "Service": _service,
    "Job": _job,
    "Deployment": _deployment,
    "Secret": _secret,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume_claimed,
    "Namespace": _namespace,
    "CustomResourceDefinition": _crd,
}

# The status of an object that has just been created, where it is not empty.
FIRST_STATUS: dict[str, Object] = {
    "Pod": {"phase": "Pending"},
    "Namespace": {"phase": "Active"},
    "Service": {"loadBalancer": {}},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "PersistentVolume": {"phase": "Available"},
    "CustomResourceDefinition": {"conditions": []},
}
