"""docs/fields.md, written from the three definitions: `make docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import crds

TARGET = Path(__file__).parents[1] / "docs" / "fields.md"
HEAD = """# Fields

Written by `make docs` from the custom resource definitions in `crds/`; a test compares. `kubectl explain flinkjob.spec`
tells the same of a cluster where they are installed.

A field without a default is optional unless it says *required*. Where a type is a link to Kubernetes' reference, every
field of that type may be given, also those that are not listed here.
"""
# What FlinkDeployment has a copy of.
COPIES = {"FlinkDeployment spec.cluster": "FlinkCluster spec", "FlinkDeployment spec.jobs[].spec": "FlinkJob spec"}
_REFERENCE = "https://kubernetes.io/docs/reference/kubernetes-api"
_POD = f"{_REFERENCE}/workload-resources/pod-v1"
# What takes any field, by the name of the field: Kubernetes' type and where it is described.
KUBERNETES = {
    "affinity": ("Affinity", f"{_POD}/#PodSpec"),
    "initContainers": ("Container", f"{_POD}/#Container"),
    "labelSelector": ("LabelSelector", f"{_REFERENCE}/common-definitions/label-selector/#LabelSelector"),
    "securityContext": ("SecurityContext", f"{_POD}/#Container"),
    "sideContainers": ("Container", f"{_POD}/#Container"),
    "spec": ("PodSpec", f"{_POD}/#PodSpec"),
    "valueFrom": ("EnvVarSource", f"{_POD}/#Container"),
    "volumes": ("Volume", f"{_REFERENCE}/config-and-storage-resources/volume/#Volume"),
}
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "{} or more characters",
    "maxLength": "up to {} characters",
    "minItems": "{} or more",
    "maxItems": "up to {}",
    "pattern": "`{}`",
}
Schema = Mapping[str, Any]


def main() -> None:
    TARGET.write_text(text(), "utf-8")


def text() -> str:
    parts, shown = [HEAD], dict[str, str]()
    for kind in crds.KINDS:
        schema = crds.schema(kind)
        parts += [f"## {kind}\n", f"{schema['description']}\n", *_rules(schema)]
        for part in ("spec", "status"):
            parts += _level(f"{kind} {part}", schema["properties"][part], shown)
    return "\n".join(parts)


def _level(title: str, schema: Schema, shown: dict[str, str]) -> Iterator[str]:
    """A table of an object's fields, then those of the objects in it. What is the same as before is a link to that.

    `shown` has the titles so far, by the fields below them.
    """
    yield f"### {title}\n"
    yield f"{schema['description']}\n"
    yield from _rules(schema)
    yield "| field | type | default | |\n|---|---|---|---|"
    required, below = schema.get("required", ()), list[tuple[str, Schema]]()
    for name, field in schema["properties"].items():
        default = "*required*" if name in required else _default(field)
        link, inner = f"`{name}`", field.get("items", field)
        if "properties" in inner:
            own = f"{title}.{name}{'[]' if inner is not field else ''}"
            first = COPIES.get(own) or shown.setdefault(json.dumps(inner["properties"]), own)
            link = f"[{link}](#{re.sub(r'[^a-z -]', '', first.lower()).replace(' ', '-')})"
            below += [(own, {"description": _described(field), **inner})] if first == own else []
        yield f"| {link} | {_cell(_type(name, field))} | {default} | {_cell(_described(field))} |"
    yield ""
    for own, inner in below:
        yield from _level(own, inner, shown)


def _rules(schema: Schema) -> Iterator[str]:
    found = [f"- {rule['message']}" for rule in schema.get("x-kubernetes-validations", ())]
    if found:
        yield "\n".join([*found, ""])


def _type(name: str, field: Schema) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"] if value not in ("", None))
    limits = [text.format(field[key]) for key, text in LIMITS.items() if key in field]
    return ", ".join([_kind(name, field), *limits])


def _kind(name: str, field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "string or integer"
    if field.get("x-kubernetes-preserve-unknown-fields"):
        kubernetes, place = KUBERNETES.get(name, ("", ""))
        return f"object, [{kubernetes}]({place})" if place else "object, any fields"
    if field["type"] == "array":
        return f"list of {_plural(_kind(name, field['items']))}"
    if "additionalProperties" in field:
        return f"map to {_kind(name, field['additionalProperties'])}"
    return str(field.get("format") if field.get("format") == "date-time" else field["type"])


def _plural(kind: str) -> str:
    first, _, rest = kind.partition(",")
    return f"{first}s{',' if rest else ''}{rest}"


def _default(field: Schema) -> str:
    value = field.get("default", "")
    return "" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _described(field: Schema) -> str:
    return str(field.get("description") or field.get("items", {}).get("description", ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
