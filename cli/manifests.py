"""Manifests from files, folders and stdin, and what is wrong with them before anything is sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

import crds
from cli import kinds
from cli.errors import Failed
from clients.kube import Resource
from core import schema, validation

SUFFIXES = (".yaml", ".yml", ".json")
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
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands twice", node.start_mark)
    made: dict[Any, Any] = {}
    yield made
    loader.flatten_mapping(node)
    made.update(loader.construct_mapping(node))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(paths: tuple[str, ...]) -> list[Manifest]:
    """The manifests of files, folders (not of those inside) and `-`, in order. Failed names the file and document."""
    found = [manifest for path in paths for manifest in _read(path)]
    if not found:
        raise Failed(f"{', '.join(paths)}: no object in there")
    return found


def _read(path: str) -> Iterator[Manifest]:
    if path == "-":
        yield from parse("stdin", sys.stdin.read())
        return
    place = Path(path)
    files = sorted(file for file in place.iterdir() if file.suffix in SUFFIXES) if place.is_dir() else [place]
    for file in files:
        yield from parse(str(file), file.read_text("utf-8"))


def parse(source: str, text: str) -> Iterator[Manifest]:
    """The objects of a YAML or JSON text; a List is its items."""
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise Failed(f"{source}: {' '.join(str(error).split())}") from error
    for number, document in enumerate(documents, 1):
        where = source if len(documents) == 1 else f"{source}, document {number}"
        if document is not None:
            yield from _objects(where, document)


def _objects(where: str, document: Any) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise Failed(f"{where}: {schema.type_name(document)} is no Kubernetes object")
    if document.get("kind") == "List":
        for item in document.get("items") or []:
            yield from _objects(where, item)
        return
    missing = [key for key in ("apiVersion", "kind") if not document.get(key)]
    name = (document.get("metadata") or {}).get("name")
    if missing or not name:
        raise Failed(f"{where}: {(missing or ['metadata.name'])[0]}: Required value")
    resource = kinds.KNOWN.get((str(document["apiVersion"]), str(document["kind"])))
    if resource is None:
        known = f"{document['kind']} of {document['apiVersion']}"
        raise Failed(f"{where}: {known} is no kind that flinkctl applies; use kubectl for it")
    yield Manifest(where, resource, json.loads(json.dumps(document)))


def problems(manifest: Manifest) -> list[str]:
    """What the API server would refuse, as FILE: KIND NAME: PATH: SENTENCE. Only our own kinds are known that well."""
    if manifest.resource.kind not in crds.KINDS:
        return []
    known, body = crds.schema(manifest.resource.kind), manifest.body
    found = [f"{path}: unknown field" for path in schema.unknown_fields(known, body)]
    filled = schema.apply_defaults(known, schema.prune(known, body))
    found += schema.errors(known, filled) or schema.cel_errors(known, None, filled)
    found += validation.beyond_schema(filled.get("spec"), "spec")
    return [f"{manifest.source}: {manifest.resource.kind} {manifest.name}: {text}" for text in found]
