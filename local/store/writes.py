"""From what a client sent to what is stored: the pure part of every write.

The order is an API server's: read, take the server's own fields over, prune and default, validate.
"""

import uuid
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from core import metadata
from core import schema as schemas

from . import validation
from .defaults import DEFAULTERS, FIRST_STATUS, service_account_token
from .errors import bad_request, invalid
from .resources import Object, Resource

_OURS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "namespace",
    "name",
    "generateName",
)
_THEIRS = ("labels", "annotations", "finalizers", "ownerReferences")
CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def timestamp(moment: datetime | None = None) -> str:
    """Return moment (default: now) as the API writes times: UTC, whole seconds."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(resource: Resource, namespace: str, body: Any) -> Object:
    """Return a clean private copy of a request's body; 400 if it cannot be an object of that kind and place."""
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    if body.get("apiVersion", resource.api_version) != resource.api_version:
        expected = f"does not match the expected API version ({resource.api_version})"
        raise bad_request(f"the API version in the data ({body['apiVersion']}) {expected}")
    if body.get("kind", resource.kind) != resource.kind:
        raise bad_request(f"the kind in the data ({body['kind']}) does not match the expected kind ({resource.kind})")
    clean = _plain(body, keep_nulls=resource.custom)
    metadata = _plain(body.get("metadata") or {}, keep_nulls=False)
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    obj: Object = clean | {"apiVersion": resource.api_version, "kind": resource.kind}
    if metadata.get("namespace", namespace) != namespace and resource.namespaced:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    place = {"namespace": namespace} if resource.namespaced else {}
    # Empty maps and lists are left out, as the API server's own encoding leaves them out.
    theirs = {k: metadata[k] for k in _THEIRS if metadata.get(k)}
    named = {k: v for k, v in metadata.items() if k in _OURS and k != "namespace"}
    obj["metadata"] = named | place | theirs
    wrong = validation.not_text(obj)
    if wrong:
        raise bad_request(
            f"{resource.kind} in version {resource.version!r} cannot be handled: {wrong} holds non-strings"
        )
    return obj


def _plain(value: Any, *, keep_nulls: bool) -> Any:
    """A deep copy with whole numbers as integers."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if keep_nulls or v is not None}
        return {k: _plain(v, keep_nulls=keep_nulls) for k, v in kept.items()}
    if isinstance(value, list):
        return [_plain(item, keep_nulls=keep_nulls) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def newborn(resource: Resource, obj: Object) -> Object:
    """Return obj with the server's fields of a new object; name is there already."""
    if obj["metadata"].get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    metadata = {k: v for k, v in obj["metadata"].items() if k in (*_THEIRS, "namespace", "name", "generateName")}
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
    if resource.generation:
        metadata["generation"] = 1
    out = obj | {"metadata": metadata}
    if resource.status:
        out.pop("status", None)
        if not resource.custom:
            out["status"] = deepcopy(FIRST_STATUS.get(resource.kind, {}))
    if resource.kind == "CustomResourceDefinition":
        metadata["finalizers"] = [CRD_FINALIZER]
        out["status"] = _established(out)
    return out


def _established(crd: Object) -> Object:
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": timestamp()}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    spec = crd.get("spec", {})
    stored = [version.get("name") for version in spec.get("versions", []) if version.get("storage")]
    return {"conditions": conditions, "acceptedNames": spec.get("names", {}), "storedVersions": stored}


def successor(resource: Resource, old: Object, body: Object, subresource: str = "") -> Object:
    """Return what an update makes of old: the server's fields stay; either the status changes or all but it."""
    if subresource == "status":
        return {**old, "status": body["status"]} if "status" in body else _without(old, "status")
    ours = {k: v for k, v in old["metadata"].items() if k in _OURS}
    new = body | {"metadata": ours | {k: v for k, v in body["metadata"].items() if k in _THEIRS}}
    if resource.status:
        new = _without(new, "status") | ({"status": old["status"]} if "status" in old else {})
    if resource.kind == "Service" and not resource.custom:
        kept = {k: old["spec"][k] for k in ("clusterIP", "clusterIPs") if k in old["spec"]}
        new["spec"] = kept | new.get("spec", {})
    return new


def _without(obj: Object, *names: str) -> Object:
    return {k: v for k, v in obj.items() if k not in names}


def settle(resource: Resource, new: Object, old: Object | None) -> Object:
    """Return new pruned and with its defaults, or refuse it with 422; old is None on creation."""
    name = new["metadata"]["name"]
    new = deepcopy(new)
    problems: list[str] = []
    if resource.schema is not None:
        new = schemas.apply_defaults(resource.schema, schemas.prune(resource.schema, new))
        problems += schemas.errors(resource.schema, new)
        # Rules are not evaluated on values of the wrong type.
        problems += [] if problems else schemas.cel_errors(resource.schema, old, new)
    else:
        problems += _settle_built_in(resource, new, old)
    problems = metadata.problems(resource.group, resource.kind, new["metadata"]) + problems
    if old is not None:
        problems += _added_finalizers(old, new) + validation.immutable(resource, old, new)
    if problems:
        raise invalid(resource, name, problems)
    return new


def _settle_built_in(resource: Resource, new: Object, old: Object | None) -> list[str]:
    if resource.kind in validation.VALIDATORS:
        new.setdefault("spec", {})
    try:
        if resource.kind in DEFAULTERS:
            DEFAULTERS[resource.kind](new)
        if resource.kind == "Pod" and old is None:
            service_account_token(new)
        return list(validation.VALIDATORS[resource.kind](new)) if resource.kind in validation.VALIDATORS else []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        shape = f"{type(error).__name__}: {error}"
        raise bad_request(f"{resource.kind} in version {resource.version!r} cannot be handled: {shape}") from error


def _added_finalizers(old: Object, new: Object) -> list[str]:
    if "deletionTimestamp" not in old["metadata"]:
        return []
    added = [f for f in new["metadata"].get("finalizers", []) if f not in old["metadata"].get("finalizers", [])]
    if not added:
        return []
    why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{added}"
    return [f"metadata.finalizers: Forbidden: {why}"]


def with_generation(resource: Resource, old: Object, new: Object) -> Object:
    """Return new with the generation that its difference from old gives it."""
    unseen = ("metadata", "status") if resource.status else ("metadata",)
    if not resource.generation or _without(old, *unseen) == _without(new, *unseen):
        return new
    return new | {"metadata": new["metadata"] | {"generation": old["metadata"]["generation"] + 1}}


def unknown(resource: Resource, body: Object) -> list[str]:
    """Return the complaints about fields of a custom resource that its schema does not know."""
    if resource.schema is None:
        return []
    return [f'unknown field "{path}"' for path in schemas.unknown_fields(resource.schema, body)]


# --- the scale subresource


def scale(resource: Resource, obj: Object, selector: str) -> Object:
    """Return the Scale of an object."""
    head = {k: v for k, v in obj["metadata"].items() if k in ("name", "namespace", "uid", "resourceVersion")}
    replicas = dig(obj, resource.scale["specReplicasPath"])
    observed = dig(obj, resource.scale["statusReplicasPath"])
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": head | {"creationTimestamp": obj["metadata"]["creationTimestamp"]},
        "spec": {"replicas": replicas or 0},
        "status": {"replicas": observed or 0} | ({"selector": selector} if selector else {}),
    }


def dig(obj: Any, path: str) -> Any:
    """Return what is at a dotted path, None if nothing is."""
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return obj


def planted(obj: Object, path: str, value: Any) -> Object:
    """Return obj with value at a dotted path."""
    step, _, rest = path.strip(".").partition(".")
    return obj | {step: planted(obj.get(step) or {}, rest, value) if rest else value}
