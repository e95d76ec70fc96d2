"""Pure: a pod's manifest and the objects it refers to → variables, volumes and paths of its containers.

There are no mount namespaces here, so a path below a mountPath is rewritten, where a variable or an argument says it,
to the folder which plays the volume.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local.kubelet.launch import Image

Object = dict[str, Any]
_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")
_METADATA_ENTRY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_PATH_START = r"(?:(?<=://)|(?<![\w.\-/]))"  # not inside a word or a longer path; but after file://
_PATH_CHARACTERS = r"/[\w.\-@+%~/]*\w/?"


class EnvironmentProblem(ValueError):
    """The pod refers to something that is not there: CreateContainerConfigError."""


class Volume(NamedTuple):
    """The folder that plays a volume, the files to write there (None: whatever is in it stays), and what of it lives
    elsewhere."""

    name: str
    folder: Path
    files: Mapping[str, bytes] | None = None
    elsewhere: Mapping[str, Path] = {}


class Lookup(NamedTuple):
    """Finds what a pod refers to; None when there is no object of that name, ImageProblem for an image."""

    config_map: Callable[[str], Object | None]
    secret: Callable[[str], Object | None]
    claim: Callable[[str], Object | None]
    persistent_volumes: Callable[[], Sequence[Object]]
    image: Callable[[str], Image]


def expand(text: str, env: Mapping[str, str]) -> str:
    """$(NAME) → its value, $$ → $; an unknown name stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else env.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)


def variables(container: Object, pod: Object, pod_ip: str, lookup: Lookup) -> dict[str, str]:
    """The container's own variables, in manifest order, later ones over earlier ones. Raises EnvironmentProblem."""
    env: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        for kind in ("configMapRef", "secretRef"):
            if kind in source:
                entries = _entries(source[kind], kind, lookup)
                env.update((source.get("prefix", "") + key, value.decode()) for key, value in entries.items())
    for item in container.get("env", ()):
        if "valueFrom" in item:
            value = _value_from(item["valueFrom"], pod, pod_ip, lookup)
            if value is not None:
                env[item["name"]] = value
        else:
            env[item["name"]] = expand(item.get("value") or "", env)
    return env


def volumes(pod: Object, directory: Path, lookup: Lookup) -> list[Volume]:
    """A folder for each volume of the pod, below `directory` unless it lives on the host.

    Raises EnvironmentProblem, or ImageProblem.
    """
    return [_volume(item, directory / item["name"], lookup) for item in pod["spec"].get("volumes", ())]


def mounts(container: Object, found: Sequence[Volume]) -> dict[str, Path]:
    """mountPath → folder (or file, with subPath). Raises EnvironmentProblem for a mount without a volume."""
    known = {volume.name: volume for volume in found}
    paths = {}
    for mount in container.get("volumeMounts", ()):
        if mount["name"] not in known:
            raise EnvironmentProblem(f'volumeMount "{mount["name"]}" of container "{container["name"]}" has no volume')
        path = mount["mountPath"].rstrip("/") or "/"
        volume, below = known[mount["name"]], mount.get("subPath", "")
        paths[path] = volume.folder / below
        if not below:
            paths.update({f"{path}{inner}": folder for inner, folder in volume.elsewhere.items()})
    return paths


def rewriter(paths: Mapping[str, Path], root: Path | None = None) -> Callable[[str], str]:
    """A function that rewrites the paths in a text: below a key of `paths` to its folder, else to `root` if there."""
    known = sorted(paths, key=len, reverse=True)
    below = "|".join(re.escape(path) for path in known)
    mounted = re.compile(f"{_PATH_START}(?P<mount>{below})(?![\\w.\\-])") if known else None
    anywhere = re.compile(_PATH_START + _PATH_CHARACTERS)

    def in_root(text: str) -> str:
        if root is None:
            return text
        return anywhere.sub(lambda match: f"{root}{match[0]}" if Path(f"{root}{match[0]}").exists() else match[0], text)

    def rewrite(text: str) -> str:
        if mounted is None:
            return in_root(text)
        parts, position = [], 0
        for match in mounted.finditer(text):
            tail = re.match(r"[\w.\-@+%~/]*", text[match.end() :])
            end = match.end() + (tail.end() if tail else 0)
            parts += [in_root(text[position : match.start()]), str(paths[match["mount"]]), text[match.end() : end]]
            position = end
        return "".join(parts) + in_root(text[position:])

    return rewrite


def _value_from(source: Object, pod: Object, pod_ip: str, lookup: Lookup) -> str | None:
    if "fieldRef" in source:
        return _field(source["fieldRef"]["fieldPath"], pod, pod_ip)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            reference = source[kind]
            entries = _entries(reference, kind, lookup)
            if reference["key"] in entries:
                return entries[reference["key"]].decode()
            if reference.get("optional"):
                return None
            raise EnvironmentProblem(f'couldn\'t find key {reference["key"]} in {_noun(kind)} "{reference["name"]}"')
    raise EnvironmentProblem(f"valueFrom {', '.join(source)} is not supported by the local runtime")


def _field(path: str, pod: Object, pod_ip: str) -> str:
    entry = _METADATA_ENTRY.fullmatch(path)
    if entry:
        return str(pod["metadata"].get(entry[1], {}).get(entry[2], ""))
    fields = {
        **{f"metadata.{name}": pod["metadata"].get(name, "") for name in ("name", "namespace", "uid")},
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
        "status.hostIP": "127.0.0.1",
        "spec.nodeName": pod["spec"].get("nodeName", "local"),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
    }
    if path not in fields:
        raise EnvironmentProblem(f"fieldRef {path} is not supported by the local runtime")
    return str(fields[path])


def _noun(kind: str) -> str:
    return "ConfigMap" if kind.startswith("configMap") else "Secret"


def _entries(reference: Object, kind: str, lookup: Lookup) -> dict[str, bytes]:
    """A ConfigMap's or Secret's decoded entries; none for an optional one that is missing."""
    name = reference.get("name") or reference.get("secretName", "")
    found = (lookup.config_map if kind.startswith("configMap") else lookup.secret)(name)
    if found is None:
        if reference.get("optional"):
            return {}
        raise EnvironmentProblem(f'{_noun(kind).lower()} "{name}" not found')
    if kind.startswith("configMap"):
        text = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        return {**text, **{key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}}
    return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}


def _volume(item: Object, folder: Path, lookup: Lookup) -> Volume:
    name = item["name"]
    if "hostPath" in item:
        return Volume(name, Path(item["hostPath"]["path"]))
    if "image" in item:
        image = lookup.image(item["image"].get("reference", ""))
        return Volume(name, image.root or folder, elsewhere=image.paths)
    if "persistentVolumeClaim" in item:
        return Volume(name, _claimed(item["persistentVolumeClaim"]["claimName"], lookup))
    for kind in ("configMap", "secret"):
        if kind in item:
            entries = _entries(item[kind], kind, lookup)
            chosen = item[kind].get("items") or [{"key": key, "path": key} for key in entries]
            missing = [one["key"] for one in chosen if one["key"] not in entries]
            if missing and not item[kind].get("optional"):
                raise EnvironmentProblem(f'volume "{name}" refers to keys that are not there: {", ".join(missing)}')
            return Volume(name, folder, {one["path"]: entries[one["key"]] for one in chosen if one["key"] in entries})
    return Volume(name, folder)  # emptyDir; projected and downwardAPI volumes are empty


def _claimed(claim_name: str, lookup: Lookup) -> Path:
    """The folder of the PersistentVolume that a claim is bound to, or of the first one that would fit it."""
    claim = lookup.claim(claim_name)
    if claim is None:
        raise EnvironmentProblem(f'persistentvolumeclaim "{claim_name}" not found')
    reserved_first = sorted(
        lookup.persistent_volumes(), key=lambda v: ("claimRef" not in v["spec"], v["metadata"]["name"])
    )
    for volume in reserved_first:
        if "hostPath" in volume["spec"] and _fits(claim, volume):
            return Path(volume["spec"]["hostPath"]["path"])
    raise EnvironmentProblem(f'persistentvolumeclaim "{claim_name}": no PersistentVolume with a hostPath fits it')


def _fits(claim: Object, volume: Object) -> bool:
    wanted, owner = claim["spec"].get("volumeName"), volume["spec"].get("claimRef")
    if wanted:
        return bool(wanted == volume["metadata"]["name"])
    if owner:
        same = (owner.get("namespace"), owner.get("name")) == (
            claim["metadata"]["namespace"],
            claim["metadata"]["name"],
        )
        return bool(same)
    same_class = (claim["spec"].get("storageClassName") or "") == (volume["spec"].get("storageClassName") or "")
    return same_class and set(claim["spec"].get("accessModes", ())) <= set(volume["spec"].get("accessModes", ()))
