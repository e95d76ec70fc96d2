"""The `restricted` level of the Kubernetes Pod Security Standards, as far as a pod's spec shows it."""

from __future__ import annotations

from typing import Any

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def restricted_violations(spec: dict[str, Any]) -> list[str]:
    """What an API server that enforces `restricted` would refuse, [] for nothing."""
    pod = spec.get("securityContext", {})
    found = [f"{name} is true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes", []):
        found += [f"volume {volume['name']}: {source}" for source in volume.keys() - {"name"} - VOLUMES]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        own = container.get("securityContext", {})
        found += [f"{container['name']}: {text}" for text in _of_container(own, pod)]
        found += [f"{container['name']}: hostPort" for port in container.get("ports", []) if port.get("hostPort")]
    return found


def _of_container(own: dict[str, Any], pod: dict[str, Any]) -> list[str]:
    capabilities = own.get("capabilities", {})
    profile = own.get("seccompProfile", pod.get("seccompProfile", {})).get("type")
    checks = {
        "privileged": not own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
        "capabilities": "ALL" in capabilities.get("drop", [])
        and set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "runAsNonRoot": own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
        "runAsUser": own.get("runAsUser", pod.get("runAsUser")) != 0,
        "seccompProfile": profile in ("RuntimeDefault", "Localhost"),
    }
    return [name for name, passed in checks.items() if not passed]
