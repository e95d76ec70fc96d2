"""flinkctl plan: reads manifests and state, and prints what would become of them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from cli import kinds, manifests, output
from cli.errors import Failed
from cli.manifests import Manifest
from cli.options import Shape, Where
from cli.plan import edit, page
from cli.plan import state as states
from cli.plan.outcome import foresee
from cli.plan.state import Object, State
from cli.session import Session
from clients.kube import NotFound

CHANGES = 2  # exit code
COLOURS = {page.MARKS["create"]: "green", page.MARKS["change"]: "yellow", page.MARKS["delete"]: "red"}


def plan(where: Where, paths: tuple[str, ...], folder: str | None, shape: Shape) -> None:
    """Ends with exit code 2 when something would change."""
    found = manifests.read(paths)
    if wrong := [text for manifest in found for text in manifests.problems(manifest)]:
        raise Failed("\n".join(wrong))
    session = None if folder else Session(where)
    default = session.namespace if session else where.namespace or "default"
    places = [_place(manifest, where, default) for manifest in found]
    state = _state(session, folder, default, places)
    outcome = foresee(state, _edits(session, state, found, places), datetime.now(UTC))
    text = shape.format == "text"
    output.data(_coloured(page.page(outcome)) if text else output.document(outcome.to_json(), shape.format))
    if outcome:
        raise click.exceptions.Exit(CHANGES)


def _coloured(text: str) -> str:
    """By the mark that a line begins with."""
    lines = text.splitlines()
    return "\n".join(
        output.styled(line, COLOURS[line[:1]], sys.stdout) if line[:1] in COLOURS else line for line in lines
    )


def _place(manifest: Manifest, where: Where, default: str) -> str | None:
    """Its namespace; None for kinds that have none."""
    own = manifest.body["metadata"].get("namespace")
    if own and where.namespace and own != where.namespace:
        told = f'metadata.namespace is "{own}", and -n says "{where.namespace}"'
        raise Failed(f"{manifest.source}: {manifest.resource.kind} {manifest.name}: {told}")
    return (own or default) if manifest.resource.namespaced else None


def _state(session: Session | None, folder: str | None, default: str, places: list[str | None]) -> State:
    if session is None:
        return states.from_folder(str(folder), default)
    return states.live(session.client, (place for place in places if place))


def _edits(session: Session | None, state: State, found: list[Manifest], places: list[str | None]) -> list[Object]:
    """The objects as they would be stored. Failed: the API server would refuse one."""
    now, edits, refused = datetime.now(UTC), list[Object](), list[str]()
    for manifest, place in zip(found, places, strict=True):
        before = _before(session, state, manifest, place)
        item = edit.edited(before, manifest, place, now)
        edits.append(item)
        refused += [
            f"{manifest.source}: {manifest.resource.kind} {manifest.name}: {text}"
            for text in edit.refused(before, item)
        ]
    if refused:
        raise Failed("\n".join(refused))
    return edits


def _before(session: Session | None, state: State, manifest: Manifest, place: str | None) -> Object | None:
    """As it is now; kinds that say nothing about Flink are asked for one by one, and put into the state."""
    known = state.get((manifest.resource.kind, place or "", manifest.name))
    if known or session is None or manifest.resource in kinds.FLINK:
        return known
    try:
        found = session.client.get(manifest.resource, manifest.name, namespace=place)
    except NotFound:
        return None
    state.put(found)
    return found
