"""The verbs on objects: what each request does to the collection. Everything is done under the collection's lock."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any, NamedTuple

from . import patches, writes
from .errors import (
    Refusal,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    no_such_path,
    not_found,
    success,
)
from .objects import Objects, key_of
from .resources import BUILT_IN, CRDS, NAMESPACES, SERVICE_ACCOUNTS, SERVICES, Object, Resource, from_crd
from .selectors import as_text, at

SERVICE_ADDRESSES = IPv4Network("127.96.0.0/16")
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class Options:
    """How a write is meant. validation: Strict, Warn or Ignore; manager names who applies."""

    dry_run: bool = False
    validation: str = "Warn"
    manager: str = ""


class Answer(NamedTuple):
    object: Object
    warnings: list[str] = []
    code: int = 200


class Api:
    """One API server's worth of kinds and objects, in memory."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._resources = {(r.group, r.version, r.plural): r for r in BUILT_IN}
        # From anywhere in the network: two stores on one machine hardly ever give the same address.
        self._first_address = random.randrange(SERVICE_ADDRESSES.num_addresses)
        self._applied: dict[tuple[str, str], Object] = {}  # what (uid, manager/subresource) applied last
        for name in ("default", "kube-system"):
            self.create(NAMESPACES, "", {"metadata": {"name": name}})

    # --- kinds

    def resources(self) -> list[Resource]:
        with self.objects.changed:
            return list(self._resources.values())

    def resource(self, group: str, version: str, plural: str) -> Resource:
        """Return the kind at a path, or refuse with 404."""
        found = self._resources.get((group, version, plural))
        if found is None:
            raise no_such_path()
        return found

    def by_collection(self, qualified: str) -> Resource:
        return next(r for r in self.resources() if r.qualified == qualified)

    def _serve(self, crd: Object, *, gone: bool = False) -> None:
        """Make the kinds of a CRD known as it says now, or forget them."""
        spec = crd["spec"]
        same = {k for k in self._resources if k[0] == spec["group"] and k[2] == spec["names"]["plural"]}
        for key in same:
            del self._resources[key]
        if not gone:
            self._resources |= {(r.group, r.version, r.plural): r for r in from_crd(crd)}

    # --- reading

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.objects.get(resource, (namespace, name))
        if found is None:
            raise not_found(resource, name)
        return found

    def scale(self, resource: Resource, obj: Object) -> Object:
        path = resource.scale.get("labelSelectorPath")
        return writes.scale(resource, obj, as_text(at(obj, path)) if path else "")

    # --- writing

    def create(self, resource: Resource, namespace: str, body: Any, options: Options = Options()) -> Answer:
        with self.objects.changed:
            obj = writes.read(resource, namespace, body)
            warnings = self._unknown(resource, obj, options)
            prefix = obj["metadata"].get("generateName")
            if not obj["metadata"].get("name") and prefix:
                obj["metadata"]["name"] = prefix + "".join(random.choices(_LETTERS, k=5))
            name = obj["metadata"].get("name")
            if not name:
                raise invalid(resource, "", ["metadata.name: Required value: name or generateName is required"])
            self._admit(resource, namespace, obj)
            if self.objects.get(resource, (namespace, name)):
                raise already_exists(resource, name)
            new = writes.settle(resource, writes.newborn(resource, obj), None)
            if resource is SERVICES:
                new = self._addressed(new)
            if options.dry_run:
                return Answer(new, warnings, 201)
            stored = self.objects.put(resource, new)
            self._follow_up(resource, stored)
            return Answer(stored, warnings, 201)

    def _admit(self, resource: Resource, namespace: str, obj: Object) -> None:
        """Refuse what the state of the world does not allow to be created."""
        name = obj["metadata"]["name"]
        if not resource.namespaced:
            return
        place = self.get(NAMESPACES, "", namespace)
        if "deletionTimestamp" in place["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource, name, why)
        if resource.kind == "Pod":
            account = (obj.get("spec") or {}).get("serviceAccountName") or "default"
            if not self.objects.get(SERVICE_ACCOUNTS, (namespace, account)):
                missing = f'serviceaccount "{account}" not found'
                raise forbidden(resource, name, f"error looking up service account {namespace}/{account}: {missing}")

    def _addressed(self, service: Object) -> Object:
        """Give a service the address it asks for, or the next free one."""
        spec = service["spec"]
        wanted = spec.get("clusterIP")
        if not wanted:
            taken = {s["spec"].get("clusterIP") for s in self.objects.items(SERVICES)[1]}
            size = SERVICE_ADDRESSES.num_addresses
            inner = (SERVICE_ADDRESSES[1 + (self._first_address + number) % (size - 2)] for number in range(size - 2))
            wanted = next(str(address) for address in inner if str(address) not in taken)
        return service | {"spec": spec | {"clusterIP": wanted, "clusterIPs": [wanted]}}

    def _follow_up(self, resource: Resource, stored: Object) -> None:
        if resource is CRDS:
            self._serve(stored)
        if resource is NAMESPACES and not self.objects.get(SERVICE_ACCOUNTS, (stored["metadata"]["name"], "default")):
            self.create(SERVICE_ACCOUNTS, stored["metadata"]["name"], {"metadata": {"name": "default"}})

    def _unknown(self, resource: Resource, body: Object, options: Options, *, patch: str = "") -> list[str]:
        """The warnings about unknown fields; a client that is strict about them is refused."""
        found = writes.unknown(resource, body) if options.validation != "Ignore" else []
        if found and options.validation == "Strict":
            error = f"strict decoding error: {', '.join(found)}"
            if patch:
                raise invalid(None, "", [f"patch: Invalid value: {patch}: {error}"])
            what = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
            raise bad_request(f"{what}: {error}")
        return found

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        options: Options = Options(),
        subresource: str = "",
        patch: str = "",
    ) -> Answer:
        """Replace an object or its status; patch is the text of the patch that made body, if one did."""
        with self.objects.changed:
            old = self.get(resource, namespace, name)
            obj = writes.read(resource, namespace, body)
            self._check_identity(resource, old, obj, unconditional=bool(patch) or not resource.custom)
            warnings = self._unknown(resource, obj, options, patch=patch)
            new = writes.settle(resource, writes.successor(resource, old, obj, subresource), old)
            return Answer(self._commit(resource, old, new, options), warnings)

    def _check_identity(self, resource: Resource, old: Object, new: Object, *, unconditional: bool) -> None:
        was, sent = old["metadata"], new["metadata"]
        name = was["name"]
        if sent.get("name", name) != name:
            raise bad_request(f"the name of the object ({sent['name']}) does not match the name on the URL ({name})")
        if sent.get("uid", was["uid"]) != was["uid"]:
            why = f"Precondition failed: UID in precondition: {sent['uid']}, UID in object meta: {was['uid']}"
            raise conflict(resource, name, why)
        version = sent.get("resourceVersion")
        if not version and not unconditional:
            problem = "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
            raise invalid(resource, name, [problem])
        if version and version != was["resourceVersion"]:
            raise conflict(resource, name)

    def _commit(self, resource: Resource, old: Object, new: Object, options: Options = Options()) -> Object:
        """Store an update. One without effect leaves the version; the last finalizer's removal ends a deletion."""
        new = writes.with_generation(resource, old, new)
        if new == old or options.dry_run:
            return new
        metadata = new["metadata"]
        held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds") or _content_held(new)
        if "deletionTimestamp" in metadata and not held:
            # What goes at once was never seen going: its last state is the one before.
            return self._remove(resource, new if "deletionTimestamp" in old["metadata"] else old)
        stored = self.objects.put(resource, new)
        self._follow_up(resource, stored)
        return stored

    def _remove(self, resource: Resource, last: Object) -> Object:
        gone = self.objects.remove(resource, last)
        if resource is CRDS:
            self._serve(gone, gone=True)
        self._applied = {k: v for k, v in self._applied.items() if k[0] != gone["metadata"]["uid"]}
        return gone

    def amend(self, resource: Resource, obj: Object, **metadata: Any) -> None:
        """Change fields of an object's metadata without validation: the collector's own writes. [] and None remove."""
        with self.objects.changed:
            old = self.get(resource, *key_of(obj))
            kept = {k: v for k, v in (old["metadata"] | metadata).items() if v not in ([], None)}
            self._commit(resource, old, old | {"metadata": kept})

    def release_namespace(self, obj: Object) -> None:
        """Let a deleted namespace go that has no content any more."""
        with self.objects.changed:
            old = self.get(NAMESPACES, *key_of(obj))
            self._commit(NAMESPACES, old, old | {"spec": {}})

    # --- patching

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Object], Any],
        options: Options,
        subresource: str = "",
        text: str = "{}",
    ) -> Answer:
        """Put an object, its status or its scale through change; text is the patch as messages show it."""
        with self.objects.changed:
            old = self.get(resource, namespace, name)
            if subresource == "scale":
                return self.set_scale(resource, namespace, name, change(self.scale(resource, old)), options)
            return self.update(resource, namespace, name, change(old), options, subresource, patch=text)

    def apply(self, resource: Resource, namespace: str, name: str, body: Any, options: Options, sub: str) -> Answer:
        """Server-side apply: create, or merge with what is there; fields this manager applied before and omits go."""
        with self.objects.changed:
            old = self.objects.get(resource, (namespace, name))
            mine = writes.read(resource, namespace, body)
            mine["metadata"].setdefault("name", name)
            warnings = self._unknown(resource, mine, options)
            options = replace(options, validation="Ignore")
            if old is None:
                answer = self.create(resource, namespace, mine, options)
            else:
                last = self._applied.get((old["metadata"]["uid"], f"{options.manager}/{sub}"), {})
                merged = patches.applied(old, last, mine, keyed=not resource.custom)
                answer = self.update(resource, namespace, name, merged, options, sub, patch="apply")
            if not options.dry_run:
                self._applied[answer.object["metadata"]["uid"], f"{options.manager}/{sub}"] = mine
            return answer._replace(warnings=warnings)

    def set_scale(self, resource: Resource, namespace: str, name: str, body: Any, options: Options) -> Answer:
        """Write the replicas of a Scale into the object; answer the new Scale."""
        with self.objects.changed:
            old = self.get(resource, namespace, name)
            replicas = at(body, "spec.replicas") or 0
            if not isinstance(replicas, int) or replicas < 0:
                raise invalid(resource, name, [f"spec.replicas: Invalid value: {replicas}: must be non-negative"])
            sent = body.get("metadata", {}).get("resourceVersion") or old["metadata"]["resourceVersion"]
            changed = writes.planted(old, resource.scale["specReplicasPath"], replicas)
            changed |= {"metadata": changed["metadata"] | {"resourceVersion": sent}}
            answer = self.update(resource, namespace, name, changed, replace(options, validation="Ignore"))
            return answer._replace(object=self.scale(resource, answer.object))

    def bind(self, resource: Resource, namespace: str, name: str, body: Any) -> Answer:
        """What a scheduler does: name a pod's node."""
        with self.objects.changed:
            old = self.get(resource, namespace, name)
            node = at(body, "target.name")
            if old["spec"].get("nodeName"):
                raise conflict(resource, name, f"pod {name} is already assigned to node {old['spec']['nodeName']!r}")
            condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": writes.timestamp()}
            status = old["status"] | {"conditions": [*old["status"].get("conditions", []), condition]}
            self._commit(resource, old, old | {"spec": old["spec"] | {"nodeName": node}, "status": status})
            return Answer(
                {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, [], 201
            )

    # --- deleting

    def delete(self, resource: Resource, namespace: str, name: str, how: Object) -> Answer:
        """Delete as the DeleteOptions say; answer the object if it stays for now or is a pod, else a Status."""
        with self.objects.changed:
            old = self.get(resource, namespace, name)
            self._check_preconditions(resource, old, how.get("preconditions") or {})
            policy, warnings = how.get("propagationPolicy"), []
            if policy is None and resource.kind == "Job" and resource.group == "batch":
                policy, text = "Orphan", "child pods are preserved by default when jobs are deleted; "
                warnings.append(text + "set propagationPolicy=Background to remove them")
            if policy not in (None, "Background", "Foreground", "Orphan"):
                raise invalid(None, "", [f'DeleteOptions.propagationPolicy: Unsupported value: "{policy}"'])
            new = _doomed(resource, old, policy, how.get("gracePeriodSeconds"))
            if how.get("dryRun"):
                return Answer(old, warnings)
            last = self._commit(resource, old, new)
            gone = self.objects.get(resource, (namespace, name)) is None
            plain = gone and resource.kind != "Pod"
            return Answer(success(resource, name, old["metadata"]["uid"]) if plain else last, warnings)

    def _check_preconditions(self, resource: Resource, obj: Object, wanted: Object) -> None:
        metadata = obj["metadata"]
        for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(field) and wanted[field] != metadata[field]:
                what = f"{label} in precondition: {wanted[field]}, {label} in object meta: {metadata[field]}"
                raise conflict(resource, metadata["name"], f"Precondition failed: {what}")

    def delete_collection(self, resource: Resource, found: list[Object], how: Object) -> None:
        for obj in found:
            try:
                self.delete(resource, *key_of(obj), how)
            except Refusal as refusal:
                if refusal.code != 404:  # somebody else was faster
                    raise


def _content_held(obj: Object) -> bool:
    """Whether a namespace still waits for its content to go."""
    return obj["kind"] == "Namespace" and obj["apiVersion"] == "v1" and bool(at(obj, "spec.finalizers"))


def _doomed(resource: Resource, old: Object, policy: str | None, grace: int | None) -> Object:
    """What a deletion makes of an object; without finalizers and grace left, its removal."""
    metadata = dict(old["metadata"])
    held = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(policy or "")
    if policy and "deletionTimestamp" not in metadata:
        other = [f for f in metadata.get("finalizers", []) if f not in ("foregroundDeletion", "orphan")]
        metadata["finalizers"] = other + ([held] if held else [])
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)
    seconds = _grace(old, grace) if resource.kind == "Pod" and not resource.custom else None
    if seconds is not None and seconds < metadata.get("deletionGracePeriodSeconds", seconds + 1):
        metadata["deletionGracePeriodSeconds"] = seconds
        metadata["deletionTimestamp"] = writes.timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
    metadata.setdefault("deletionTimestamp", writes.timestamp())
    if "deletionTimestamp" not in old["metadata"] and resource.generation:
        metadata["generation"] += 1
    new = old | {"metadata": metadata}
    return new | {"status": {**old["status"], "phase": "Terminating"}} if resource is NAMESPACES else new


def _grace(pod: Object, asked: int | None) -> int:
    """The seconds a pod is given: none if it was never bound or has ended."""
    if not pod["spec"].get("nodeName") or pod["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    own = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return max(0, own if asked is None else asked)
