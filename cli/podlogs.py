"""logs: what the pods of a cluster or a job say, of one or of several at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cli import flink, output, verdicts
from cli.errors import Failed
from cli.session import Session
from clients.kube import KubeError, Resource, resources
from core import names
from core.pods import trouble

Object = Mapping[str, Any]
FLINK = (names.JOBMANAGER, names.TASKMANAGER)
JAR = "jar"  # the init container that copies the JAR


class Source(NamedTuple):
    pod: str
    container: str
    trouble: str = ""  # why it may have no log


def sources(pods: Iterable[Object], components: tuple[str, ...], job: Object | None) -> list[Source]:
    """The containers of these components, JobManagers first; of bootstraps only the job's own. Pure."""
    wanted = components or FLINK
    chosen = [pod for pod in pods if _label(pod, names.LABEL_ROLE) in wanted and _concerns(pod, job)]
    chosen.sort(key=lambda pod: (wanted.index(_label(pod, names.LABEL_ROLE)), pod["metadata"]["name"]))
    return [Source(pod["metadata"]["name"], name, trouble(pod)) for pod in chosen for name in _containers(pod)]


def _label(pod: Object, key: str) -> str:
    return str((pod["metadata"].get("labels") or {}).get(key, ""))


def _concerns(pod: Object, job: Object | None) -> bool:
    uid = _label(pod, names.LABEL_JOB_UID)
    return job is None or not uid or uid == job["metadata"].get("uid")


def _containers(pod: Object) -> Iterator[str]:
    """The one of its role, and before it the init container that may have failed: side containers are the user's."""
    role = _label(pod, names.LABEL_ROLE)
    initial = {item["name"] for item in (pod.get("spec") or {}).get("initContainers") or []}
    if role == names.BOOTSTRAP and JAR in initial:
        yield JAR
    yield role


def logs(
    session: Session, resource: Resource, name: str, components: tuple[str, ...], *, tail: int | None, follow: bool
) -> None:
    item = session.get(resource, name)
    job = item if item["kind"] == names.JOB else None
    cluster = flink.cluster_of(session, item) if job else name
    selector = names.selector(cluster)
    pods = session.client.list(resources.PODS, namespace=session.namespace, label_selector=selector)["items"]
    found = sources(pods, components, job)
    if not found:
        raise Failed(_nothing(item, cluster, components))
    for source, line in _lines(session, found, tail, follow):
        output.data(f"[{source.pod}] {line}" if len(found) > 1 else line)


def _nothing(item: Object, cluster: str, components: tuple[str, ...]) -> str:
    """Why there is no pod to read."""
    name, status = item["metadata"]["name"], verdicts.status_of(item)
    if item["kind"] == names.JOB and components == (names.BOOTSTRAP,) and status.get("jobId"):
        return f"the bootstrap of {name} has brought the JAR, and is removed with its log"
    what = ", ".join(components or FLINK)
    return f"no pod of {cluster} is a {what}; flinkctl explain {item['kind'].removeprefix('Flink').lower()}/{name}"


def _lines(session: Session, found: list[Source], tail: int | None, follow: bool) -> Iterator[tuple[Source, str]]:
    """One pod after the other; followed, as they come."""
    if not follow:
        return ((source, line) for source in found for line in _of(session, source, tail, follow=False))
    return _together(session, found, tail)


def _of(session: Session, source: Source, tail: int | None, *, follow: bool) -> Iterator[str]:
    """A pod that has no log yet says so, and keeps no other one back."""
    try:
        yield from session.client.logs(
            source.pod, namespace=session.namespace, container=source.container, tail=tail, follow=follow
        )
    except KubeError as error:
        output.warning("; ".join(filter(None, (f"{source.pod}: {error}", source.trouble))))


def _together(session: Session, found: list[Source], tail: int | None) -> Iterator[tuple[Source, str]]:
    """Until the last of them has ended, or Ctrl-C."""
    news: queue.Queue[tuple[Source, str | None]] = queue.Queue()

    def read(source: Source) -> None:
        for line in _of(session, source, tail, follow=True):
            news.put((source, line))
        news.put((source, None))

    for source in found:
        threading.Thread(target=read, args=(source,), daemon=True).start()
    left = len(found)
    while left:
        source, line = news.get()
        if line is None:
            left -= 1
        else:
            yield source, line
