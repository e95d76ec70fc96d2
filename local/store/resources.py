"""The kinds that the store knows: the built-in ones that the system touches, and those that CRDs bring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]  # (namespace, name); the namespace of a cluster-scoped object is ""


@dataclass(frozen=True, eq=False)
class Resource:
    """One kind. For a custom resource schema is the openAPIV3Schema of its version, else None.

    scale maps specReplicasPath, statusReplicasPath and labelSelectorPath, {} where there is no scale subresource.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: Mapping[str, str] = field(default_factory=dict)
    generation: bool = False
    schema: Mapping[str, Any] | None = None
    columns: tuple[Mapping[str, Any], ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as messages name it: `pods`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def custom(self) -> bool:
        return self.schema is not None


REPLICAS = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".spec.selector",
}
_RBAC = "rbac.authorization.k8s.io"
_METACONTROLLER = "metacontroller.k8s.io"
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, short=("ns",), status=True)
PODS = Resource("", "v1", "pods", "Pod", short=("po",), categories=("all",), status=True, generation=True)
SERVICES = Resource("", "v1", "services", "Service", short=("svc",), categories=("all",), status=True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",))
JOBS = Resource("batch", "v1", "jobs", "Job", categories=("all",), status=True, generation=True)
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    short=("crd", "crds"),
    status=True,
    generation=True,
)
BUILT_IN = (
    NAMESPACES,
    PODS,
    SERVICES,
    SERVICE_ACCOUNTS,
    JOBS,
    CRDS,
    Resource("", "v1", "events", "Event", short=("ev",)),
    Resource("", "v1", "secrets", "Secret"),
    Resource("", "v1", "configmaps", "ConfigMap", short=("cm",)),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",), status=True),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), status=True),
    Resource(
        "apps",
        "v1",
        "deployments",
        "Deployment",
        short=("deploy",),
        categories=("all",),
        status=True,
        scale=REPLICAS,
        generation=True,
    ),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource(_RBAC, "v1", "roles", "Role"),
    Resource(_RBAC, "v1", "rolebindings", "RoleBinding"),
    Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource(
        _METACONTROLLER,
        "v1alpha1",
        "compositecontrollers",
        "CompositeController",
        namespaced=False,
        short=("cc",),
        status=True,
        generation=True,
        schema=_ANYTHING,
    ),
    Resource(
        _METACONTROLLER,
        "v1alpha1",
        "decoratorcontrollers",
        "DecoratorController",
        namespaced=False,
        short=("dec",),
        status=True,
        generation=True,
        schema=_ANYTHING,
    ),
)


def from_crd(crd: Mapping[str, Any]) -> list[Resource]:
    """Return the kinds that a CustomResourceDefinition serves, one for each served version."""
    spec = crd["spec"]
    names = spec["names"]
    return [
        Resource(
            spec["group"],
            version["name"],
            names["plural"],
            names["kind"],
            namespaced=spec.get("scope") == "Namespaced",
            short=tuple(names.get("shortNames", ())),
            categories=tuple(names.get("categories", ())),
            status="status" in version.get("subresources", {}),
            scale=version.get("subresources", {}).get("scale", {}),
            generation=True,
            schema=version["schema"]["openAPIV3Schema"],
            columns=tuple(version.get("additionalPrinterColumns", ())),
        )
        for version in spec["versions"]
        if version.get("served")
    ]
