"""What an API server refuses in the metadata of any object, each as `<field path>: <sentence>`. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.wording import shown

ANNOTATIONS_LIMIT = 256 * 1024

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SERVICE = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_KEY = rf"({_SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SENTENCES = {
    _SUBDOMAIN: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{_SUBDOMAIN}')",
    _LABEL: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    f"end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')",
    _SERVICE: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_SERVICE}')",
    _VALUE: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    f"validation is '{_VALUE}')",
    _KEY: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
}
_NAMES = {"Namespace": (_LABEL, 63), "Service": (_SERVICE, 63)}


def _word(path: str, value: str, pattern: str, limit: int) -> Iterator[str]:
    if len(value) > limit:
        yield f"{path}: Invalid value: {shown(value)}: must be no more than {limit} characters"
    if not re.fullmatch(pattern, value):
        yield f"{path}: Invalid value: {shown(value)}: {_SENTENCES[pattern]}"


def name(group: str, kind: str, value: str) -> Iterator[str]:
    """The problems of metadata.name, which for roles may be anything."""
    if group != "rbac.authorization.k8s.io":
        yield from _word("metadata.name", value, *_NAMES.get(kind, (_SUBDOMAIN, 253)))


def label(path: str, value: str) -> Iterator[str]:
    """The problems of a name that is a DNS label."""
    yield from _word(path, value, _LABEL, 63)


def problems(group: str, kind: str, metadata: Mapping[str, Any]) -> list[str]:
    """All of an object's metadata, which has a name."""
    found = list(name(group, kind, metadata["name"]))
    for key, value in (metadata.get("labels") or {}).items():
        found += _word("metadata.labels", key, _KEY, 316)
        found += _word("metadata.labels", value, _VALUE, 63)
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        found += _word("metadata.annotations", key.lower(), _KEY, 316)
    if sum(len(k) + len(v.encode()) for k, v in annotations.items()) > ANNOTATIONS_LIMIT:
        found.append(f"metadata.annotations: Too long: may not be more than {ANNOTATIONS_LIMIT} bytes")
    return found + list(_owners(metadata.get("ownerReferences", [])))


def _owners(owners: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for index, owner in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                yield f'metadata.ownerReferences[{index}].{name}: Invalid value: "": {name} must not be empty'
    if sum(owner.get("controller") is True for owner in owners) > 1:
        yield (
            "metadata.ownerReferences: Invalid value: only one reference can have Controller set to true. "
            'Found "true" in references'
        )
