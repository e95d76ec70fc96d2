"""The resources this product touches, and where the Kubernetes API keeps them. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from clients.kube.errors import BadRequest


class Resource(NamedTuple):
    """One kind of object: API group ("" is the core group), version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """What an object's apiVersion says: "apps/v1", or "v1" in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of an object, or without a name of the collection (of all namespaces without a namespace).

        Raises BadRequest for a name that is no path segment: an empty one would address the whole collection.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", segment(namespace)]
        parts.append(self.plural)
        if name is not None:
            parts.append(segment(name))
        if subresource is not None:
            parts.append(subresource)
        return "/" + "/".join(parts)


def segment(name: str) -> str:
    """A name as one part of a path; BadRequest where Kubernetes itself allows no such name."""
    if name in ("", ".", "..") or "/" in name or "%" in name:
        raise BadRequest(400, "BadRequest", f'"{name}" is not a name that an object can have')
    return quote(name, safe=":")


PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
EVENTS = Resource("", "v1", "events", "Event")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PERSISTENT_VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
JOBS = Resource("batch", "v1", "jobs", "Job")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
FLINK_DEPLOYMENTS = Resource("nextbreakpoint.com", "v1", "flinkdeployments", "FlinkDeployment")
FLINK_CLUSTERS = Resource("nextbreakpoint.com", "v1", "flinkclusters", "FlinkCluster")
FLINK_JOBS = Resource("nextbreakpoint.com", "v1", "flinkjobs", "FlinkJob")
COMPOSITE_CONTROLLERS = Resource(
    "metacontroller.k8s.io", "v1alpha1", "compositecontrollers", "CompositeController", namespaced=False
)
DECORATOR_CONTROLLERS = Resource(
    "metacontroller.k8s.io", "v1alpha1", "decoratorcontrollers", "DecoratorController", namespaced=False
)
