"""flinkctl explain: fetches what may say why, and prints it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cli import describe, flink, output, pages, verdicts
from cli.errors import Failed
from cli.explain import page
from cli.explain.reasons import reasons
from cli.explain.scene import Scene
from cli.options import Shape
from cli.session import Session
from clients.flink.records import newest_exception
from clients.kube import KubeError, NotFound, Resource, resources
from core import names, times

T = TypeVar("T")
Object = dict[str, Any]
RECENT = timedelta(minutes=15)  # of events that are shown
MOST_EVENTS = 3


def explain(session: Session, resource: Resource, name: str, shape: Shape) -> None:
    now = datetime.now(UTC)
    item = session.get(resource, name)
    scene = scene_of(session, item, now)
    found = reasons(scene)
    if shape.format == "text":
        output.data(page.page(scene, found, now))
        return
    told = {
        "kind": item["kind"],
        "namespace": scene.namespace,
        "name": name,
        "state": verdicts.phase(item),
        "waitsFor": verdicts.waits_for(item),
        "reasons": [reason._asdict() for reason in found],
        "events": list(scene.warnings),
    }
    output.data(output.document(told, shape.format))


def scene_of(session: Session, item: Object, now: datetime) -> Scene:
    scene = Scene(item, cluster=_cluster(session, Scene(item)))
    facts = describe.facts(session, item)
    return Scene(
        item,
        cluster=scene.cluster,
        children=facts.children or (_jobs(session, scene) if item["kind"] == names.CLUSTER else ()),
        pods=_pods(session, scene),
        exception=_exception(session, scene) if scene.cluster else "",
        warnings=_warnings(facts, now),
        now=now,
    )


def _cluster(session: Session, scene: Scene) -> Object | None:
    """The cluster of a job, None when there is none."""
    if scene.item["kind"] != names.JOB:
        return None
    name = scene.cluster_name or session.binding()(scene.item)
    try:
        return session.client.get(resources.FLINK_CLUSTERS, name, namespace=scene.namespace) if name else None
    except NotFound:
        return None


def _jobs(session: Session, scene: Scene) -> tuple[Object, ...]:
    selector = f"{names.LABEL_CLUSTER}={scene.name}"
    found = session.client.list(resources.FLINK_JOBS, namespace=scene.namespace, label_selector=selector)
    return tuple(found["items"])


def _pods(session: Session, scene: Scene) -> tuple[Object, ...]:
    """Of a job's bootstraps only its own."""
    if not scene.cluster_name:
        return ()
    selector = names.selector(scene.cluster_name)
    found = session.client.list(resources.PODS, namespace=scene.namespace, label_selector=selector)["items"]
    uid = scene.item["metadata"].get("uid")
    others = scene.item["kind"] == names.JOB
    return tuple(pod for pod in found if not others or _labels(pod).get(names.LABEL_JOB_UID, uid) == uid)


def _labels(pod: Object) -> dict[str, str]:
    found: dict[str, str] = pod["metadata"].get("labels") or {}
    return found


def _exception(session: Session, scene: Scene) -> str:
    """Flink's newest about a run that is not ready; '' when nobody answers."""
    run = scene.status.get("jobId")
    if scene.item["kind"] != names.JOB or not run or scene.status.get("readyAt"):
        return ""
    jobmanager = flink.JobManager(session, scene.cluster_name)
    return _or(lambda: newest_exception(jobmanager.get(f"/jobs/{run}/exceptions")), "")


def _or(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except (Failed, KubeError, KeyError, TypeError):
        return otherwise


def _warnings(facts: pages.Facts, now: datetime) -> tuple[str, ...]:
    if facts.events_forbidden:
        return ("you may not read events",)
    recent = [event for event in facts.events if _is_recent(event, now) and event.get("type") == "Warning"]
    return tuple(_event(event, now) for event in recent[-MOST_EVENTS:])


def _is_recent(event: Any, now: datetime) -> bool:
    moment = times.from_text(pages.moment(event))
    return moment is not None and now - moment < RECENT


def _event(event: Any, now: datetime) -> str:
    since, reason = output.age(times.from_text(pages.moment(event)), now), event.get("reason")
    return f"{since} ago, {reason}: {' '.join(str(event.get('message')).removeprefix(f'{reason}: ').split())}"
