"""What users call the kinds, and how an object is named in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from clients.kube import Resource, resources

FLINK = (resources.FLINK_DEPLOYMENTS, resources.FLINK_CLUSTERS, resources.FLINK_JOBS)
WITH_PODS = (resources.FLINK_CLUSTERS, resources.FLINK_JOBS)  # a job's are those of its cluster
ALL = (*FLINK, resources.PODS)

_SHORT = {"fd": resources.FLINK_DEPLOYMENTS, "fc": resources.FLINK_CLUSTERS, "fj": resources.FLINK_JOBS}
_PLAIN = {
    "deployment": resources.FLINK_DEPLOYMENTS,
    "cluster": resources.FLINK_CLUSTERS,
    "job": resources.FLINK_JOBS,
    "pod": resources.PODS,
    "po": resources.PODS,
}
_WORDS = {
    **_SHORT,
    **_PLAIN,
    **{f"{word}s": resource for word, resource in _PLAIN.items() if len(word) > 2},
    **{name: r for r in ALL for name in (r.kind.lower(), r.plural)},
}
# Everything that clients.kube can name, by (apiVersion, kind).
KNOWN: Mapping[tuple[str, str], Resource] = {
    (value.api_version, value.kind): value for value in vars(resources).values() if isinstance(value, Resource)
}


def kind(word: str) -> Resource:
    """The kind that a user means: fd, job, flinkclusters, FlinkJob, flinkjobs.nextbreakpoint.com. UsageError."""
    found = _WORDS.get(word.lower().removesuffix(f".{resources.FLINK_JOBS.group}"))
    if found is None:
        raise click.UsageError(f"no kind {word!r}; there are deployments (fd), clusters (fc), jobs (fj) and pods")
    return found


def is_kind(word: str) -> bool:
    """Also of several, and `all`."""
    try:
        return bool(kinds(word))
    except click.UsageError:
        return False


def kinds(word: str) -> tuple[Resource, ...]:
    """The kinds of one word, which may be `all` or name several: fc,fj."""
    return ALL if word.lower() == "all" else tuple(map(kind, word.split(",")))


def split(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """KIND, or KIND NAME..., or KIND/NAME... of one kind: the word for the kind, and the names. UsageError."""
    if not any("/" in word for word in words):
        return words[0], words[1:]
    pairs = [word.partition("/") for word in words]
    wrong = next((word for word, pair in zip(words, pairs, strict=True) if not (pair[0] and pair[2])), None)
    if wrong or len({kinds(pair[0]) for pair in pairs}) > 1:
        raise click.UsageError("give KIND NAME..., or KIND/NAME... of one kind")
    return pairs[0][0], tuple(pair[2] for pair in pairs)


def short(resource: Resource) -> str:
    """fd, fc or fj."""
    return next(word for word, known in _SHORT.items() if known == resource)


def title(resource: Resource, name: str) -> str:
    """As kubectl prints an object: flinkjob.nextbreakpoint.com/x, pod/y, deployment.apps/z."""
    return f"{'.'.join(filter(None, (resource.kind.lower(), resource.group)))}/{name}"


def of(item: Mapping[str, Any]) -> Resource:
    """The kind of an object of ours."""
    return KNOWN[item["apiVersion"], item["kind"]]


def title_of(item: Mapping[str, Any]) -> str:
    known = KNOWN.get((item["apiVersion"], item["kind"]))
    name = item["metadata"]["name"]
    return title(known, name) if known else f"{item['kind'].lower()}/{name}"
