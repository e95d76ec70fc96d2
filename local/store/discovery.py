"""What a client asks before it asks for objects: groups, kinds, version, and the OpenAPI that kubectl's checks need."""

from collections.abc import Iterable
from typing import Any

from .errors import no_such_path
from .resources import Object, Resource

VERSION: Object = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+flinkctl.local",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SUB_VERBS = ["get", "patch", "update"]
_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)
_EVERY_OBJECT: Object = {
    "apiVersion": {"type": "string", "description": "The group and version of the kind."},
    "kind": {"type": "string", "description": "The kind of the object."},
    "metadata": {"type": "object", "description": "Name, namespace, labels, annotations and the like."},
}


def answer(path: str, accept: str, resources: Iterable[Resource]) -> Object:
    """Return the document at a discovery path, or refuse with 404."""
    known = list(resources)
    match path.strip("/").split("/"):
        case ["version"]:
            return VERSION
        case ["api"]:
            core = [r for r in known if not r.group]
            return _aggregated(core, accept) or {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            named = [r for r in known if r.group]
            return _aggregated(named, accept) or {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(named)}
        case ["api", version]:
            return _list("", version, known)
        case ["apis", group]:
            found = [g for g in _groups(known) if g["name"] == group]
            if found:
                return {"kind": "APIGroup", "apiVersion": "v1"} | found[0]
        case ["apis", group, version]:
            return _list(group, version, known)
        case ["openapi", "v3"]:
            paths = {_prefix(r) for r in known}
            return {"paths": {p: {"serverRelativeURL": f"/openapi/v3/{p}"} for p in sorted(paths)}}
        case ["openapi", "v3", *rest]:
            return _openapi([r for r in known if _prefix(r) == "/".join(rest)])
    raise no_such_path()


def content_type(document: Object) -> str:
    """Return the media type of a document of `answer`; clients know the aggregated one by it."""
    if document.get("kind") != "APIGroupDiscoveryList":
        return "application/json"
    version = document["apiVersion"].partition("/")[2]
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def _prefix(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def _groups(resources: Iterable[Resource]) -> list[Object]:
    versions: dict[str, dict[str, None]] = {}
    for resource in resources:
        versions.setdefault(resource.group, {})[resource.version] = None
    out = []
    for group, names in sorted(versions.items()):
        listed = [{"groupVersion": f"{group}/{name}", "version": name} for name in names]
        out.append({"name": group, "versions": listed, "preferredVersion": listed[0]})
    return out


def _list(group: str, version: str, resources: Iterable[Resource]) -> Object:
    found = [r for r in resources if (r.group, r.version) == (group, version)]
    if not found:
        raise no_such_path()
    entries = [entry for resource in found for entry in _entries(resource)]
    name = found[0].api_version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def _entries(resource: Resource) -> list[Object]:
    head = {"namespaced": resource.namespaced, "kind": resource.kind}
    more: Object = {"shortNames": list(resource.short)} if resource.short else {}
    more |= {"categories": list(resource.categories)} if resource.categories else {}
    plain = {"name": resource.plural, "singularName": resource.kind.lower()} | head | {"verbs": _VERBS} | more
    return [plain] + [
        {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "verbs": _SUB_VERBS,
        }
        | kind
        for name, kind in _subresources(resource).items()
    ]


def _subresources(resource: Resource) -> dict[str, Object]:
    out: dict[str, Object] = {}
    if resource.status:
        out["status"] = {"kind": resource.kind}
    if resource.scale:
        out["scale"] = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return out


def _aggregated(resources: list[Resource], accept: str) -> Object | None:
    """The one document with everything, where the client takes it."""
    if "APIGroupDiscoveryList" not in accept:
        return None
    version = "v2" if "v=v2;" in accept else "v2beta1"
    items = []
    for group in _groups(resources):
        versions = [
            {
                "version": v["version"],
                "freshness": "Current",
                "resources": _discovered(resources, group["name"], v["version"]),
            }
            for v in group["versions"]
        ]
        items.append({"metadata": {"name": group["name"]}, "versions": versions})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}"}
    return head | {"metadata": {}, "items": items}


def _discovered(resources: Iterable[Resource], group: str, version: str) -> list[Object]:
    return [
        {
            "resource": r.plural,
            "responseKind": _kind(r.group, r.version, r.kind),
            "scope": "Namespaced" if r.namespaced else "Cluster",
            "singularResource": r.kind.lower(),
            "verbs": _VERBS,
            "shortNames": list(r.short),
            "categories": list(r.categories),
            "subresources": [
                {
                    "subresource": name,
                    "responseKind": _kind(k.get("group", r.group), k.get("version", r.version), k["kind"]),
                    "verbs": _SUB_VERBS,
                }
                for name, k in _subresources(r).items()
            ],
        }
        for r in resources
        if (r.group, r.version) == (group, version)
    ]


def _kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _openapi(resources: list[Resource]) -> Object:
    """Enough for kubectl to explain a custom kind, to see that the server validates fields itself, and to patch."""
    if not resources:
        raise no_such_path()
    paths: Object = {}
    for resource in resources:
        place = "/namespaces/{namespace}" if resource.namespaced else ""
        query = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in ("dryRun", "fieldManager", "fieldValidation")
        ]
        operation: dict[str, Any] = {
            "parameters": query,
            "requestBody": {"content": {kind: {} for kind in _PATCHES}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": _kind(resource.group, resource.version, resource.kind),
        }
        paths[f"/{_prefix(resource)}{place}/{resource.plural}/{{name}}"] = {"patch": operation}
    schemas = {f"{r.group}.{r.version}.{r.kind}": _schema(r) for r in resources if r.custom}
    head = {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1"}}
    return head | {"paths": paths, "components": {"schemas": schemas}}


def _schema(resource: Resource) -> Object:
    """A definition leaves out what every object has; the kind is how a client finds it."""
    schema = dict(resource.schema or {})
    kind = _kind(resource.group, resource.version, resource.kind)
    properties = _EVERY_OBJECT | schema.get("properties", {})
    return schema | {"properties": properties, "x-kubernetes-group-version-kind": [kind]}
