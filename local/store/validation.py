"""What an API server refuses of the built-in kinds, as far as our children can be wrong.

Every function returns problems as `<field path>: <sentence>`, [] if there are none.
"""

from collections.abc import Callable, Iterator
from typing import Any

from core import metadata
from core import schema as schemas
from core.wording import shown

from .resources import Object, Resource


def not_text(obj: Object) -> str | None:
    """Return the first label or annotation that is not a string, which no API server can even read."""
    for name in ("labels", "annotations"):
        values = obj["metadata"].get(name) or {}
        if not isinstance(values, dict) or any(not isinstance(v, str) for v in values.values()):
            return f"metadata.{name}"
    return None


# --- built-in kinds


def _pod_spec(spec: Object, path: str) -> Iterator[str]:
    if not spec.get("containers"):
        yield f"{path}.containers: Required value"
    volumes = {v.get("name") for v in spec.get("volumes", [])}
    names: set[str] = set()
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group, [])):
            here = f"{path}.{group}[{index}]"
            name = container.get("name")
            if not name:
                yield f"{here}.name: Required value"
            elif name in names:
                yield f"{here}.name: Duplicate value: {shown(name)}"
            else:
                yield from metadata.label(f"{here}.name", name)
            names.add(name)
            if not container.get("image"):
                yield f"{here}.image: Required value"
            yield from _mounts(container, volumes, here)
            yield from _variables(container, here)


def _mounts(container: Object, volumes: set[Any], path: str) -> Iterator[str]:
    seen = set()
    for index, mount in enumerate(container.get("volumeMounts", [])):
        here = f"{path}.volumeMounts[{index}]"
        if mount.get("name") not in volumes:
            yield f"{here}.name: Not found: {shown(mount.get('name'))}"
        if mount.get("mountPath") in seen:
            yield f"{here}.mountPath: Invalid value: {shown(mount.get('mountPath'))}: must be unique"
        seen.add(mount.get("mountPath"))


def _variables(container: Object, path: str) -> Iterator[str]:
    for index, variable in enumerate(container.get("env", [])):
        if not variable.get("name"):
            yield f"{path}.env[{index}].name: Required value"
        elif "value" in variable and "valueFrom" in variable:
            here = f"{path}.env[{index}].valueFrom"
            yield f'{here}: Invalid value: "": may not be specified when `value` is not empty'


def _pod(obj: Object) -> Iterator[str]:
    yield from _pod_spec(obj["spec"], "spec")


def _service(obj: Object) -> Iterator[str]:
    ports = obj["spec"].get("ports", [])
    if not ports and obj["spec"].get("clusterIP") != "None":
        yield "spec.ports: Required value"
    seen = set()
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield f"spec.ports[{index}].name: Required value"
        if (port["port"], port["protocol"]) in seen:
            yield f"spec.ports[{index}]: Duplicate value: {shown({k: port[k] for k in ('protocol', 'port')})}"
        seen.add((port["port"], port["protocol"]))


def _job(obj: Object) -> Iterator[str]:
    spec = obj["spec"]
    template, uid = spec["template"], obj["metadata"]["uid"]
    yield from _pod_spec(template["spec"], "spec.template.spec")
    policy = template["spec"]["restartPolicy"]
    if policy not in ("OnFailure", "Never"):
        path = "spec.template.spec.restartPolicy"
        yield f'{path}: Unsupported value: {shown(policy)}: supported values: "OnFailure", "Never"'
    carried = template["metadata"]["labels"]
    for key in ("controller-uid", "batch.kubernetes.io/controller-uid"):
        if carried[key] != uid:
            yield f"spec.template.metadata.labels[{key}]: Invalid value: {shown(carried)}: must be '{uid}'"


def _deployment(obj: Object) -> Iterator[str]:
    spec = obj["spec"]
    wanted = (spec.get("selector") or {}).get("matchLabels", {})
    carried = spec["template"].get("metadata", {}).get("labels", {})
    if not spec.get("selector"):
        yield "spec.selector: Required value"
    elif any(carried.get(key) != value for key, value in wanted.items()):
        path = "spec.template.metadata.labels"
        yield f"{path}: Invalid value: {shown(carried)}: `selector` does not match template `labels`"
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec")


def _crd(obj: Object) -> Iterator[str]:
    spec = obj["spec"]
    expected = f"{spec['names']['plural']}.{spec['group']}"
    if obj["metadata"]["name"] != expected:
        sentence = 'must be spec.names.plural+"."+spec.group'
        yield f"metadata.name: Invalid value: {shown(obj['metadata']['name'])}: {sentence}"
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield "spec.scope: Required value"
    for index, version in enumerate(spec["versions"]):
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        schema = version.get("schema", {}).get("openAPIV3Schema")
        yield from (
            schemas.structural_errors(schema, path) if schema else [f"{path}: Required value: schemas are required"]
        )


VALIDATORS: dict[str, Callable[[Object], Iterator[str]]] = {
    "Pod": _pod,
    "Service": _service,
    "Job": _job,
    "Deployment": _deployment,
    "CustomResourceDefinition": _crd,
}


# --- what an update may not change

_POD_FORBIDDEN = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def immutable(resource: Resource, old: Object, new: Object) -> list[str]:
    """Return what new changes although it may not."""
    before, after = old.get("spec", {}), new.get("spec", {})
    match resource.kind if not resource.custom else "":
        case "Pod":
            # More than an API server allows: whoever plays the scheduler may bind with a patch instead of a Binding.
            bound = {"nodeName": after.get("nodeName")} | before
            same = _fixed_part(bound) == _fixed_part({"nodeName": None} | after)
            return [] if same and _only_added(before, after) else [_POD_FORBIDDEN]
        case "Job":
            fields = ["selector", "completionMode", "template"]
            paused = before.get("suspend") and not old.get("status", {}).get("startTime")
            return list(_changed(before, after, fields[:2] if paused else fields))
        case "Deployment":
            return list(_changed(before, after, ["selector"]))
        case "Service" if before.get("clusterIP") != after.get("clusterIP"):
            return [f"spec.clusterIPs[0]: Invalid value: {shown(after.get('clusterIPs'))}: may not change once set"]
        case "ConfigMap" | "Secret" if old.get("immutable") and old.get("data") != new.get("data"):
            return ["data: Forbidden: field is immutable when `immutable` is set"]
    return []


def _changed(before: Object, after: Object, fields: list[str]) -> Iterator[str]:
    for name in fields:
        if before.get(name) != after.get(name):
            yield f"spec.{name}: Invalid value: {shown(after.get(name))}: field is immutable"


def _fixed_part(spec: Object) -> Object:
    out = {k: v for k, v in spec.items() if k not in ("tolerations", "activeDeadlineSeconds")}
    for group in ("containers", "initContainers"):
        out[group] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(group, [])]
    return out


def _only_added(before: Object, after: Object) -> bool:
    return all(toleration in after.get("tolerations", []) for toleration in before.get("tolerations", []))
