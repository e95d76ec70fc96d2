"""Changes of deployments, clusters and jobs as a person makes them: asked back, told, and waited for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from cli import kinds, losses, output, slots, stopped, verbs, verdicts
from cli.errors import FAILED, Failed
from cli.manifests import Manifest
from cli.options import Manner
from cli.session import Session
from cli.verdicts import Goal
from cli.waiting import Awaited, wait_and_tell
from clients.kube import Forbidden, NotFound, Resource
from clients.kube import resources as r
from core import cluster as clusters
from core import names
from supervisor.recovery import same_path

Object = dict[str, Any]


def create(session: Session, manifest: Manifest, manner: Manner) -> None:
    with output.telling_rest([kinds.title(manifest.resource, manifest.name)]):
        item = verbs.create(session, manifest, manner.dry_run)
    output.data(f"{kinds.title_of(item)} created{manner.note}")
    conclude(session, [awaited(session, item, verdicts.Current())], manner)


def update(session: Session, manifest: Manifest, manner: Manner) -> None:
    with output.telling_rest([kinds.title(manifest.resource, manifest.name)]):
        item = verbs.update(session, manifest, manner.dry_run)
    output.data(f"{kinds.title_of(item)} updated{manner.note}")
    conclude(session, [awaited(session, item, verdicts.Current())], manner)


def delete(session: Session, resource: Resource, called: Sequence[str], manner: Manner) -> None:
    items = [session.get(resource, name) for name in called]
    below = [child for item in items for child in _children(session, item)]
    for text in losses.of_deletion(items, below):
        output.warning(text)
    forgotten = [item for item in items if losses.is_forgotten(item)]
    if forgotten and not (manner.yes or manner.note or sys.stdin.isatty()):
        raise Failed(f"{_listed(forgotten)} would lose its state, and nobody is there to ask: --yes deletes it")
    ask(f"Delete {_listed(items)}?", manner)

    def send(item: Object) -> Object:
        gone = verbs.delete(session, item, manner.dry_run)
        output.data(f"{kinds.title_of(item)} {'deleted' if gone else 'is being deleted'}{manner.note}")
        return {} if gone else item

    going = [*filter(None, _each(items, send)), *below]
    conclude(session, [awaited(session, item, verdicts.Gone(item["metadata"]["uid"])) for item in going], manner)


def _children(session: Session, item: Object) -> list[Object]:
    """The cluster and the jobs of a FlinkDeployment: it has no finalizer, and is gone long before them."""
    if item["kind"] != names.DEPLOYMENT:
        return []
    try:
        lists = [session.client.list(kind, namespace=session.namespace) for kind in (r.FLINK_CLUSTERS, r.FLINK_JOBS)]
    except Forbidden:
        return []
    uid = item["metadata"]["uid"]
    return [child for found in lists for child in found["items"] if losses.controller(child).get("uid") == uid]


def start(
    session: Session,
    resource: Resource,
    called: Sequence[str],
    manner: Manner,
    *,
    without: bool,
    origin: str = "",
    word: str = "start",
) -> None:
    items = [session.get(resource, name) for name in called]
    if without and resource.kind == names.JOB:
        ask(f"{word.capitalize()} {_listed(items)} with an empty state?", manner)
    if origin:
        ask(f"{word.capitalize()} {_listed(items)} from {origin}, whatever its newest state is?", manner)

    def send(item: Object) -> Object:
        return verbs.start(session, item, without=without, origin=origin, dry_run=manner.dry_run)

    below = [job for item in items for job in _starting_with(session, item)] if manner.waits else []
    asked = request(items, word, manner, send)
    goals = [awaited(session, item, verdicts.Started(item)) for item in asked]
    conclude(session, [*goals, *(awaited(session, job, verdicts.Back(job)) for job in below)], manner)
    if origin and manner.waits:
        for item in asked:
            _began_there(session.get(resource, item["metadata"]["name"]), origin)


def _starting_with(session: Session, item: Object) -> list[Object]:
    """The jobs of a cluster that its start brings back."""
    if item["kind"] != names.CLUSTER:
        return []
    try:
        selector = f"{names.LABEL_CLUSTER}={item['metadata']['name']}"
        found = session.client.list(r.FLINK_JOBS, namespace=session.namespace, label_selector=selector)["items"]
    except Forbidden:
        return []
    return [job for job in found if stopped.starts_with_cluster(job, item)]


def _began_there(item: Object, origin: str) -> None:
    """What cannot be read is passed over for what else is known: the job runs, and not as it was asked to."""
    path = verdicts.status_of(item).get("restorePath", "")
    if path and not same_path(path, origin):
        raise Failed(f"{kinds.title_of(item)} runs from {path}, not from {origin}: flinkctl describe says why")


def stop(
    session: Session, resource: Resource, called: Sequence[str], manner: Manner, *, without: bool, drain: bool = False
) -> None:
    items = [session.get(resource, name) for name in called]
    for item in filter(stopped.by_person, items):
        output.data(f"{kinds.title_of(item)} is stopped already")
    items = [item for item in items if not stopped.by_person(item)]
    if without and items:
        ask(f"Stop {_listed(items)} without a savepoint?", manner)
    if drain and items:
        ask(f"Stop {_listed(items)} for good? Its windows and timers fire, also those that are not due.", manner)

    def send(item: Object) -> Object:
        return verbs.stop(session, item, without=without, drain=drain, dry_run=manner.dry_run)

    asked = request(items, "stop", manner, send)
    conclude(session, [awaited(session, item, verdicts.Stopped()) for item in asked], manner)


def request(items: Sequence[Object], word: str, manner: Manner, send: Callable[[Object], Object]) -> list[Object]:
    """Asks all, and says so; the objects with their requests."""

    def tell(item: Object) -> Object:
        tell_pending(item)
        if word in ("start", "restart") and (
            refused := (verdicts.status_of(item).get("rejected") or {}).get("failure")
        ):
            output.warning(f"{kinds.title_of(item)}: tries its newest spec in spite of this: {refused}")
        asked = send(item)
        output.data(f"{kinds.title_of(item)} {word} requested{manner.note}")
        return asked

    return _each(items, tell)


def tell_pending(item: Object) -> None:
    if before := verdicts.pending(item):
        output.warning(f"{kinds.title_of(item)}: replaces {before}, which nobody has taken up yet")


def scale(session: Session, resource: Resource, called: Sequence[str], replicas: int, manner: Manner) -> None:
    def send(item: Object) -> Object:
        for text in [*_about_scale(item, replicas), *_about_slots(session, item, replicas)]:
            output.warning(f"{kinds.title_of(item)}: {text}")
        scaled = verbs.scale(session, item, replicas, manner.dry_run)
        output.data(f"{kinds.title_of(item)} scaled to {replicas}{manner.note}")
        return scaled

    items = _each([session.get(resource, name) for name in called], send)
    conclude(session, [awaited(session, item, verdicts.Scaled()) for item in items], manner)


def _about_scale(item: Object, replicas: int) -> list[str]:
    """What keeps the figure from being what will be."""
    found = []
    body = item.get("spec") or {}
    if item["kind"] == names.CLUSTER:
        if clusters.read(item).supervisor.by_job_parallelism:
            found.append("its rescalePolicy is JobParallelism: the jobs decide how many TaskManagers there are")
    elif body.get("suspend"):
        found.append("spec.suspend is true: the figure counts when it is resumed")
    return [*found, *filter(None, [slots.clamped(item, replicas)])]


def _about_slots(session: Session, item: Object, replicas: int) -> list[str]:
    """More than the job's cluster can ever have."""
    cluster = verdicts.status_of(item).get("clusterName")
    if item["kind"] != names.JOB or not cluster:
        return []
    scaled = {**item, "spec": {**item["spec"], "jobParallelism": replicas}}
    try:
        told = slots.too_many(session.client.get(r.FLINK_CLUSTERS, cluster, namespace=session.namespace), scaled)
    except (NotFound, Forbidden):
        return []
    return [f"it waits for ever: {told}; {slots.REMEDY}"] if told else []


def _each(items: Sequence[Object], act: Callable[[Object], Object]) -> list[Object]:
    """One after the other; Ctrl-C says which are left."""
    answers = []
    with output.telling_rest([kinds.title_of(item) for item in items]) as done:
        for item in items:
            answers.append(act(item))
            done(kinds.title_of(item))
    return answers


def ask(question: str, manner: Manner) -> None:
    """Goes on after a yes. Only a person on a terminal is asked, and only about what would be done for real."""
    if manner.yes or manner.note or not sys.stdin.isatty():
        return
    if not click.confirm(question, err=True):
        raise click.exceptions.Exit(FAILED)


def _listed(items: Sequence[Object]) -> str:
    return ", ".join(map(kinds.title_of, items))


# ---- waiting -------------------------------------------------------------------------------------------------------


def awaited(session: Session, item: Object, goal: Goal) -> Awaited:
    metadata = item["metadata"]
    return Awaited(kinds.of(item), metadata.get("namespace") or session.namespace, metadata["name"], goal)


def conclude(session: Session, all: Sequence[Awaited], manner: Manner) -> None:
    """Waits if that is wanted, and says what came of it; else says where to look."""
    if manner.waits:
        wait_and_tell(session, all, manner.timeout)
    elif all and not manner.note:
        output.hint(f"see: flinkctl status {all[0].resource.kind.lower()} {all[0].name}")
