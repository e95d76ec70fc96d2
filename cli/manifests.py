"""Manifests from files, folders and stdin, and what is wrong with them before anything is sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml

import crds
from cli import kinds
from cli.errors import Failed
from cli.options import Where
from clients.kube import Resource
from core import metadata, schema, spec, validation, wording
from hooks import merging

SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
DOWNLOAD_SECONDS = 30.0
Object = dict[str, Any]


class Manifest(NamedTuple):
    """One object, its kind, and where it was found."""

    source: str
    resource: Resource
    body: Object

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it: a timestamp is text, and a key that stands twice is a mistake."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    seen: set[str] = set()
    for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"):
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
        seen.add(key.value)
    made: dict[Any, Any] = {}
    yield made
    loader.flatten_mapping(node)
    made.update(loader.construct_mapping(node))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(paths: tuple[str, ...]) -> list[Manifest]:
    """The manifests of files, folders (not of those inside), URLs and `-`, in order. Failed names file and document."""
    found, wrong = read_all(paths)
    if wrong:
        raise Failed("\n".join(wrong))
    return found


def read_all(paths: tuple[str, ...]) -> tuple[list[Manifest], list[str]]:
    """Likewise, and what is wrong with the texts that hold none."""
    found, wrong = list[Manifest](), list[str]()
    for text in (text for path in paths for text in _texts(path)):
        try:
            found += parse(*text)
        except Failed as error:
            wrong.append(str(error))
    if not (found or wrong):
        folders = "; the folders in it are not read" if any(Path(path).is_dir() for path in paths) else ""
        raise Failed(f"{', '.join(paths)}: no object in there{folders}")
    return found, wrong


def _texts(path: str) -> Iterator[tuple[str, str]]:
    """Where each text is from, and the text."""
    for source, data in _sources(path):
        try:
            yield source, data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failed(f"{source}: is no text in UTF-8") from error


def _sources(path: str) -> Iterator[tuple[str, bytes]]:
    if path == "-":
        yield "stdin", sys.stdin.buffer.read()
    elif path.startswith(("http://", "https://")):
        yield path, _download(path)
    else:
        place = Path(path)
        _refuse_kustomization(place)
        files = sorted(file for file in place.iterdir() if file.suffix in SUFFIXES) if place.is_dir() else [place]
        for file in files:
            yield str(file), file.read_bytes()


def _refuse_kustomization(place: Path) -> None:
    """Its patches and names are kubectl's to apply: what it lists is not what it means."""
    folder = place if place.is_dir() else place.parent
    if place.name in KUSTOMIZATIONS or any((place / name).is_file() for name in KUSTOMIZATIONS):
        known = f"{folder} is a kustomization: kubectl apply -k {folder} applies it"
        raise Failed(f"{known}; kubectl kustomize {folder} prints its manifests, which -f - reads here")


def _download(url: str) -> bytes:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        error.close()
        raise Failed(f"{url}: HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise Failed(f"{url}: {getattr(error.reason, 'strerror', None) or error.reason}") from error


def parse(source: str, text: str) -> Iterator[Manifest]:
    """The objects of a YAML or JSON text; a List is its items."""
    for where, document in _documents(source, text):
        yield from _objects(where, document)


def _documents(source: str, text: str) -> Iterator[tuple[str, Any]]:
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        told = getattr(error, "problem", None) or " ".join(str(error).split())
        raise Failed(f"{where}: {told}") from error
    for number, document in enumerate(documents, 1):
        if document is not None:
            yield source if len(documents) == 1 else f"{source}, document {number}", document


def one(path: str, resource: Resource, name: str | None) -> Manifest:
    """The one object that a file holds: its whole manifest, or its spec alone, which needs a name from elsewhere."""
    documents = [document for text in _texts(path) for document in _documents(*text)]
    if len(documents) != 1 or not isinstance(documents[0][1], dict):
        raise Failed(f"{path}: must hold one spec, or one manifest")
    where, body = documents[0]
    if "kind" not in body:
        if not name:
            raise click.UsageError("a spec alone needs a NAME")
        return of_spec(where, resource, name, body)
    (found,) = _objects(where, body)
    if found.resource != resource:
        raise Failed(f"{where}: kind: must be {resource.kind}, not {found.resource.kind}")
    if name and found.name != name:
        raise Failed(f'{where}: metadata.name is "{found.name}", and the command says "{name}"')
    return found


def of_spec(where: str, resource: Resource, name: str, spec: Object) -> Manifest:
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}, "spec": spec}
    return Manifest(where, resource, body)


def _objects(where: str, document: Any) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise Failed(f"{where}: {wording.type_name(document)} is no Kubernetes object")
    if document.get("kind") == "List":
        for item in document.get("items") or []:
            yield from _objects(where, item)
        return
    missing = [key for key in ("apiVersion", "kind") if not document.get(key)]
    name = spec.part(document, "metadata").get("name")
    if missing or not name:
        raise Failed(f"{where}: {(missing or ['metadata.name'])[0]}: Required value")
    if not isinstance(name, str):
        told = f"must be of type string, not {wording.type_name(name)}; put it in quotes"
        raise Failed(f"{where}: metadata.name: Invalid value: {told}")
    resource = kinds.KNOWN.get((str(document["apiVersion"]), str(document["kind"])))
    if resource is None:
        called = f"{document['kind']} of {document['apiVersion']}"
        meant = next(iter(get_close_matches(str(document["kind"]), [kind for _, kind in kinds.KNOWN], 1)), "")
        hint = f"did you mean {meant}?" if meant else "use kubectl for it"
        raise Failed(f"{where}: {called} is no kind that flinkctl applies; {hint}")
    yield Manifest(where, resource, json.loads(json.dumps(document)))


def placed(manifest: Manifest, where: Where) -> Where:
    """With the namespace that the manifest says. Failed when -n says another one."""
    own = manifest.body["metadata"].get("namespace")
    if own and where.namespace and own != where.namespace:
        told = f'metadata.namespace is "{own}", and -n says "{where.namespace}"'
        raise Failed(f"{manifest.source}: {manifest.resource.kind} {manifest.name}: {told}")
    return where._replace(namespace=own) if own else where


def problems(manifest: Manifest, *, partial: bool = False) -> list[str]:
    """What the API server would refuse, as FILE: KIND NAME: PATH: SENTENCE. Of other kinds only the name is known.

    partial: the manifest is a patch, so that what is missing is no problem.
    """
    resource = manifest.resource
    found = list(metadata.name(resource.group, resource.kind, manifest.name))
    if resource.kind in crds.KINDS:
        found += _of_ours(manifest, partial)
    return [f"{manifest.source}: {resource.kind} {manifest.name}: {text}" for text in found]


def _of_ours(manifest: Manifest, partial: bool) -> Iterator[str]:
    known, body = crds.schema(manifest.resource.kind), manifest.body
    yield from (f"{path}: unknown field" for path in schema.unknown_fields(known, body))
    if not partial:
        filled = schema.apply_defaults(known, schema.prune(known, body))
        yield from schema.errors(known, filled) or schema.cel_errors(known, None, filled)
    yield from validation.beyond_schema(body.get("spec"), "spec")
    yield from merging.clashes(body.get("spec"), "spec")
