"""apply: check all manifests, then create or patch each, then wait if asked to."""

from __future__ import annotations

from typing import Any

from cli import kinds, manifests, merge, output
from cli.errors import Failed
from cli.manifests import Manifest
from cli.options import CLIENT, SERVER, Manner, Where
from cli.session import Session
from cli.verdicts import Current
from cli.waiting import Awaited, wait_and_tell
from clients.kube import KubeError, NotFound

Object = dict[str, Any]
BOOKKEEPING = ("resourceVersion", "generation", "managedFields")


def apply(where: Where, paths: tuple[str, ...], manner: Manner) -> None:
    """Nothing is sent while any manifest is wrong; afterwards one refusal does not keep the others back."""
    found = manifests.read(paths)
    wrong = [text for manifest in found for text in manifests.problems(manifest)]
    if wrong:
        raise Failed("\n".join(wrong))
    session = Session(where)
    for manifest in found:
        _namespace(manifest, session, where)
    refused: list[str] = []
    with output.telling_rest([kinds.title(manifest.resource, manifest.name) for manifest in found]) as done:
        for manifest in found:
            refused += filter(None, [_apply(session, where, manifest, manner)])
            done(kinds.title(manifest.resource, manifest.name))
    if manner.waits and not refused:
        _wait(session, where, found, manner.timeout)
    if refused:
        raise Failed("\n".join(refused))


def _namespace(manifest: Manifest, session: Session, where: Where) -> str | None:
    """Where the object goes; None for kinds without namespaces."""
    if not manifest.resource.namespaced:
        return None
    return manifests.placed(manifest, where).namespace or session.namespace


def _apply(session: Session, where: Where, manifest: Manifest, manner: Manner) -> str:
    """Says what was done; the error's text if nothing was."""
    title = kinds.title(manifest.resource, manifest.name)
    try:
        word = _send(session, manifest, _namespace(manifest, session, where), manner.dry_run)
    except KubeError as error:
        return f"{manifest.source}: {title}: {error}"
    output.data(f"{title} {word}{manner.note}")
    return ""


def _send(session: Session, manifest: Manifest, namespace: str | None, dry_run: str) -> str:
    client, resource, name = session.client, manifest.resource, manifest.name
    wanted, server = merge.remembered(manifest.body, namespace), dry_run == SERVER
    try:
        live = client.get(resource, name, namespace=namespace)
    except NotFound:
        if dry_run != CLIENT:
            client.create(resource, wanted, namespace=namespace, dry_run=server)
        return "created"
    last = merge.last_applied(live)
    if last is None:
        output.warning(f"{kinds.title(resource, name)} was not made by apply: what it has beyond the manifest stays")
    change = merge.patch(last or {}, wanted, live)
    if not change:
        return "unchanged"
    if dry_run == CLIENT:
        return "configured"
    after = client.patch(resource, name, change, namespace=namespace, dry_run=server)
    return "unchanged" if _written(after) == _written(live) else "configured"


def _written(item: Object) -> Object:
    """What people write of it: a dry run changes no version, and a status is changed by others meanwhile."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in BOOKKEEPING}
    return {**item, "metadata": metadata, "status": None}


def _wait(session: Session, where: Where, found: list[Manifest], timeout: float) -> None:
    """For our own kinds: others have no state that says when they are ready."""
    awaited = [
        Awaited(manifest.resource, str(_namespace(manifest, session, where)), manifest.name, Current())
        for manifest in found
        if manifest.resource in kinds.FLINK
    ]
    wait_and_tell(session, awaited, timeout)
