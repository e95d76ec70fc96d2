"""Savepoints as a person handles them: taken, listed, forgotten, disposed of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cli import actions, flink, kinds, output, pages, verbs, verdicts
from cli.contact import Contact
from cli.errors import Failed
from cli.options import Manner, Shape
from cli.session import Session
from cli.waiting import wait
from clients.flink import Operation
from clients.kube import LASTING, KubeError, resources
from core import job as jobs
from supervisor.recovery import same_path

Object = dict[str, Any]
POLL = 0.5  # seconds between two looks at what Flink does in the background


def trigger(session: Session, name: str, manner: Manner) -> None:
    """Prints the path alone, when it waits for it."""
    item = session.get(resources.FLINK_JOBS, name)
    title = kinds.title_of(item)
    actions.tell_pending(item)
    with output.telling_rest([f"the savepoint of {title}"]):
        asked = verbs.trigger_savepoint(session, item, manner.dry_run)
    if not manner.waits:
        output.data(f"{title} savepoint requested{manner.note}")
        output.hint(f"see: flinkctl savepoint list {name}")
        return
    output.note(f"{title} savepoint requested")
    one = actions.awaited(session, asked, verdicts.Saved(asked))
    wait(session, [one], manner.timeout)
    output.data(one.verdict.text)


def forget(session: Session, name: str, manner: Manner) -> None:
    item = session.get(resources.FLINK_JOBS, name)
    actions.ask(f"Forget all savepoints and checkpoints of {kinds.title_of(item)}? It starts empty then.", manner)
    send = lambda one: verbs.forget_savepoints(session, one, manner.dry_run)  # noqa: E731
    asked = actions.request([item], "forget savepoint", manner, send)
    goal = verdicts.Consumed("forgot its recovery points")
    actions.conclude(session, [actions.awaited(session, one, goal) for one in asked], manner)


def dispose(session: Session, name: str, path: str, manner: Manner) -> None:
    item = session.get(resources.FLINK_JOBS, name)
    listed = session.client.list(resources.FLINK_JOBS, namespace=session.namespace)["items"]
    if users := [kinds.title_of(job) for job in listed if needs(job, path)]:
        way_out = "a lower savepoint.historyLimit lets go of old ones, `savepoint forget` of all"
        raise Failed(f"{path} is what {', '.join(users)} may have to come back from; {way_out}")
    actions.ask(f"Delete the files of {path}?", manner)
    if not manner.note:
        with output.telling_rest([f"the disposal of {path}"]):
            progress = flink.dispose(session, flink.cluster_of(session, item), path)
        if manner.waits:
            _wait_for_disposal(progress, path, manner.timeout)
    output.data(f"{path} {'disposed of' if manner.wait else 'is being disposed of'}{manner.note}")


def _wait_for_disposal(progress: Callable[[], Operation], path: str, timeout: float) -> None:
    contact, end = Contact(patience=None), time.monotonic() + timeout
    try:
        while not _disposed(progress, path, contact):
            if time.monotonic() > end:
                raise Failed(f"{path}: not disposed of after {timeout:g}s; Flink goes on with it")
            time.sleep(POLL)
    except KeyboardInterrupt:
        output.note(f"interrupted; Flink goes on deleting the files of {path}")
        raise


def _disposed(progress: Callable[[], Operation], path: str, contact: Contact) -> bool:
    try:
        found = progress()
    except LASTING:
        raise
    except KubeError as error:
        contact.hear(error)
        return False
    contact.hear(None)
    if found.state == "FAILED":
        raise Failed(f"{path} was not disposed of: {found.failure}")
    return found.state == "COMPLETED"


def needs(job: Object, path: str) -> bool:
    """May a start of this job read that path, or its current run have been started from it?"""
    status, initial = verdicts.status_of(job), jobs.read(job).savepoint.initial_path
    points = [point.get("path") for point in status.get("recoveryPoints") or ()]
    single = [status.get(key) for key in ("restorePath", "restoredPath", "savepointPath")]
    return any(same_path(known, path) for known in (*points, *single, initial) if known)


def show(session: Session, name: str, shape: Shape) -> None:
    """The recovery points of a job, newest first: from the first one that can be read the job comes back."""
    status = verdicts.status_of(session.get(resources.FLINK_JOBS, name))
    points = status.get("recoveryPoints") or []
    if shape.format in ("json", "yaml"):
        output.data(output.document(points, shape.format))
    elif shape.format == "name":
        for point in points:
            output.data(point["path"])
    elif points:
        rows = pages.recovery_table(status, wide=shape.format == "wide")
        output.data(output.table(rows[1:] if shape.no_headers else rows))
    else:
        output.note(f"{kinds.title(resources.FLINK_JOBS, name)} has no recovery point.")
