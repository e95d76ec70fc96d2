"""Manifests as the API server would store them: merged, pruned, defaulted, with a generation. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import crds
from cli import merge
from cli.manifests import Manifest
from cli.plan.state import Object
from core import schema, times
from local.store.patches import merge as json_merge


def edited(live: Object | None, manifest: Manifest, namespace: str | None, now: datetime) -> Object:
    """The object after `apply` of the manifest; `live` is what is there now, if anything."""
    wanted = merge.remembered(manifest.body, namespace)
    if live is None:
        return born(wanted, now)
    change = merge.patch(merge.last_applied(live) or {}, wanted, live)
    return stored(live, json_merge(live, change))


def refused(live: Object | None, item: Object) -> list[str]:
    """The rules that only hold for a change: a field that may not be edited any more."""
    if live is None or item["kind"] not in crds.KINDS:
        return []
    return schema.cel_errors(crds.schema(item["kind"]), live, item)


def born(item: Object, now: datetime) -> Object:
    """A new object with what the API server gives it; the uid is one that no real object has."""
    metadata = item["metadata"]
    uid = f"planned-{item['kind']}-{metadata.get('namespace', '')}-{metadata['name']}"
    given = {"uid": uid, "generation": 1, "creationTimestamp": times.to_text(now)}
    return {**filled(item), "metadata": {**metadata, **given}}


def stored(before: Object, after: Object) -> Object:
    """A changed object; the generation grows with the spec."""
    after = filled(after)
    if after.get("spec") == before.get("spec"):
        return after
    generation = before["metadata"].get("generation", 0) + 1
    return {**after, "metadata": {**after["metadata"], "generation": generation}}


def filled(item: Object) -> Object:
    """With the CRD's defaults; other kinds as they are."""
    if item["kind"] not in crds.KINDS:
        return item
    known = crds.schema(item["kind"])
    body: dict[str, Any] = schema.apply_defaults(known, schema.prune(known, item))
    return body
