"""The page about one object, as text. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli import output, verdicts
from cli.stopped import Rest, at_rest
from core import conditions, names, pods, times

Object = Mapping[str, Any]
WIDTH = 15  # of the labels
UNREADABLE, NAMED = " (could not be read)", " (named by a person)"
ORDER = (conditions.READY, conditions.PROGRESSING, conditions.DEGRADED, conditions.STALLED, conditions.SUSPENDED)


@dataclass(frozen=True)
class Facts:
    """The object, what belongs to it, and the time. whole: with every section, also where it is empty."""

    item: Object
    now: datetime
    children: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    events: tuple[Object, ...] = ()
    events_forbidden: bool = False
    whole: bool = False


def page(facts: Facts) -> str:
    sections = [_head(facts), _conditions(facts)]
    if facts.whole:
        sections += [_children(facts), _recovery_points(facts), _pods(facts), _events(facts)]
    return "\n".join(line for section in sections for line in section)


# ---- head ----------------------------------------------------------------------------------------------------------


def _head(facts: Facts) -> Iterator[str]:
    item, metadata = facts.item, facts.item["metadata"]
    created = times.from_text(metadata.get("creationTimestamp"))
    yield f"{item['kind']} {metadata['namespace']}/{metadata['name']}"
    rest = at_rest(item) or Rest("")
    lines = {
        "Age": output.age(created, facts.now),
        "State": _state(item),
        "Waits for": verdicts.waits_for(item) or (f"a person: {rest.why}" if rest.start else rest.why) or "nothing",
        "Start it": rest.start,
        **_own(item),
    }
    failure = verdicts.status_of(item).get("failure", "")
    if not _is_told(failure, (lines["Waits for"],)):
        lines["Failure"] = failure
    for label, text in lines.items():
        if text:
            yield f"  {label + ':':<{WIDTH}} {text}"


def _is_told(text: str, before: Iterable[str]) -> bool:
    """Perhaps with more words."""
    return any(_one_line(text) in _one_line(other) for other in before)


def _state(item: Object) -> str:
    status = verdicts.status_of(item)
    more = [status.get("resourceStatus", "").lower(), f"Flink says {word}" if (word := status.get("jobStatus")) else ""]
    ready = "ready" if conditions.is_true(item, conditions.READY) else ""
    return ", ".join(filter(None, (verdicts.phase(item), ready, *more)))


def _of_cluster(item: Object) -> dict[str, str]:
    status, body = verdicts.status_of(item), item.get("spec") or {}
    revision = status.get("revision", "")
    target = status.get("targetRevision", "")
    return {
        "Flink": ", image ".join(filter(None, (status.get("flinkVersion"), (body.get("runtime") or {}).get("image")))),
        "Health": status.get("clusterHealth", "").lower(),
        "Revision": f"{revision}, changing to {target}" if target and target != revision else revision,
        "Incarnation": str(status.get("incarnation", "")),
        "TaskManagers": _task_managers(item),
    }


def _task_managers(item: Object) -> str:
    """Those that Flink knows, which is more than that their pods are there."""
    status, report = verdicts.status_of(item), verdicts.report_of(item)
    here = report.answering and report.revision == status.get("revision")
    there, wanted = report.task_managers if here else 0, status.get("taskManagers")
    return "" if wanted is None else f"{there} of {wanted} registered, {there * status.get('taskSlots', 0)} slots"


def _of_job(item: Object) -> dict[str, str]:
    status, body = verdicts.status_of(item), item.get("spec") or {}
    wanted, now = body.get("jobParallelism", 0), status.get("jobParallelism", 0)
    return {
        "Cluster": status.get("clusterName") or names.bound_cluster(item["metadata"], body, ()),
        "Parallelism": str(now) if now == wanted else f"{now}, {wanted} in its spec",
        "Flink job": status.get("jobId", ""),
        "Started": _since(status.get("startedAt"), status.get("readyAt")),
        "Restored from": status.get("restoredPath", ""),
        "To be restored": "" if status.get("restoredPath") else status.get("restorePath", ""),
        "Savepoint": " ".join(filter(None, (status.get("savepointPath"), _at(status.get("savepointTimestamp"))))),
        "Attempts": _attempts(status, verdicts.tried_again(item)),
        "Policy": ", ".join(filter(None, (f"restart {status.get('restartPolicy')}", _savepoints(body)))),
    }


def _since(started: Any, ready: Any) -> str:
    return ", ".join(filter(None, (str(started or ""), f"ready {ready}" if ready else "")))


def _at(timestamp: Any) -> str:
    return f"({timestamp})" if timestamp else ""


def _attempts(status: Mapping[str, Any], again: str) -> str:
    if not status.get("attempt"):
        return ""
    count = status.get("failures")
    failures = f"{count} failures in a row" if count and count > 1 else "one failure" if count else ""
    retry = f"next try {again}" if again else ""
    return ", ".join(filter(None, (str(status["attempt"]), failures, retry)))


def _savepoints(body: Mapping[str, Any]) -> str:
    wanted = body.get("savepoint") or {}
    interval, cron = wanted.get("savepointInterval"), wanted.get("savepointSchedule")
    periods = (f" each {interval}s" if interval else "") + (f" at '{cron}'" if cron else "")
    return f"savepoints {wanted.get('savepointMode')}{periods}"


def _own(item: Object) -> dict[str, str]:
    own = {names.CLUSTER: _of_cluster, names.JOB: _of_job}.get(item["kind"])
    return own(item) if own else {}


# ---- sections ------------------------------------------------------------------------------------------------------


def _section(title: str, rows: Sequence[Sequence[str]], nothing: str) -> Iterator[str]:
    """A title and a table whose first row is its head; or what to say when that is all there is."""
    if len(rows) > 1:
        yield f"{title}:"
        yield output.table(rows, indent="  ")
    else:
        yield f"{title}: {nothing}"


def _conditions(facts: Facts) -> Iterator[str]:
    """The short page has the messages in its head already."""
    found = [conditions.find(verdicts.status_of(facts.item).get("conditions"), type) for type in ORDER]
    rows = [("TYPE", "STATUS", "REASON", "SINCE", *(("MESSAGE",) if facts.whole else ()))]
    told = [verdicts.waits_for(facts.item)]
    for item in filter(None, found):
        message = _one_line(item.get("message"))
        since = output.age(times.from_text(item.get("lastTransitionTime")), facts.now)
        shown = message
        if message and _is_told(message, told):
            shown = "(see Waits for)" if _is_told(message, told[:1]) else "(as above)"
        row = (str(item["type"]), str(item["status"]), str(item.get("reason", "")), since)
        rows.append((*row, shown) if facts.whole else row)
        told.append(message)
    return _section("Conditions", rows, "none")


def _children(facts: Facts) -> Iterator[str]:
    if facts.item["kind"] != names.DEPLOYMENT:
        return iter(())
    rows = [
        (child["kind"], child["metadata"]["name"], _state(child), _child_waits_for(child)) for child in facts.children
    ]
    return _section("Children", [("KIND", "NAME", "STATE", "WAITS-FOR"), *rows], "none")


def _child_waits_for(child: Object) -> str:
    rest = at_rest(child)
    return rest.why if rest else _one_line(verdicts.waits_for(child))


def _recovery_points(facts: Facts) -> Iterator[str]:
    if facts.item["kind"] != names.JOB:
        return
    status = verdicts.status_of(facts.item)
    nothing = "none known" if verdicts.had_state(facts.item) else "none, it would start empty"
    yield from _section("Recovery points", recovery_table(status), nothing)
    if (lost := status.get("lostState")) and not lost.get("passedOver"):
        where = lost.get("directory")
        yield f"  one of job {lost.get('jobId')} that nobody was told of is looked for first, in {where}"


def _pods(facts: Facts) -> Iterator[str]:
    if facts.item["kind"] == names.JOB and not facts.pods:
        return iter(())
    head = ("NAME", "ROLE", "PHASE", "NODE", "AGE", "TROUBLE")
    return _section("Pods", [head, *(_pod(pod, facts.now) for pod in facts.pods)], "none")


def _pod(pod: Object, now: datetime) -> tuple[str, ...]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    return (
        metadata["name"],
        (metadata.get("labels") or {}).get(names.LABEL_ROLE, ""),
        "Terminating" if metadata.get("deletionTimestamp") else status.get("phase", ""),
        (pod.get("spec") or {}).get("nodeName", ""),
        output.age(times.from_text(metadata.get("creationTimestamp")), now),
        _one_line(_trouble(pod, now)),
    )


def _trouble(pod: Object, now: datetime) -> str:
    """Why it does not run or had to be run again, '' when all is well."""
    if known := pods.trouble(pod):
        return known
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return next(filter(None, (_container_trouble(container, now) for container in containers)), "")


def _container_trouble(container: Mapping[str, Any], now: datetime) -> str:
    state, last = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
    ended = state.get("terminated") or last
    loop = (state.get("waiting") or {}).get("reason", "")
    if loop in ("", "ContainerCreating", "PodInitializing") and not ended.get("exitCode"):
        return ""
    end = f"{ended.get('reason')}, exit code {ended.get('exitCode')}" if ended.get("exitCode") else ""
    again = _restarts(container.get("restartCount", 0), output.age(times.from_text(last.get("finishedAt")), now))
    return "; ".join(filter(None, (loop, end, again, ended.get("message"))))


def _restarts(count: int, ago: str) -> str:
    """'' for none."""
    last = f", {'the last ' if count > 1 else ''}{ago} ago" if ago else ""
    return f"{count} restart{'s' if count > 1 else ''}{last}" if count else ""


def _events(facts: Facts) -> Iterator[str]:
    if facts.events_forbidden:
        return iter(["Events: you may not read them"])
    head = ("AGE", "TYPE", "REASON", "OBJECT", "MESSAGE")
    return _section("Events", [head, *(_event(event, facts.now) for event in facts.events)], "none")


def _event(event: Object, now: datetime) -> tuple[str, ...]:
    involved, count = event.get("involvedObject") or {}, event.get("count") or 1
    return (
        output.age(times.from_text(moment(event)), now),
        event.get("type", ""),
        event.get("reason", "") + (f" x{count}" if count > 1 else ""),
        f"{involved.get('kind', '').lower()}/{involved.get('name')}",
        _one_line(event.get("message")),
    )


def moment(event: Object) -> str:
    """When an event happened last."""
    series = event.get("series") or {}
    found = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return str(found or (event.get("metadata") or {}).get("creationTimestamp") or "")


def _one_line(text: Any) -> str:
    return " ".join(str(text or "").split())


def recovery_table(status: Object, *, wide: bool = False) -> list[tuple[str, ...]]:
    """Head and rows: a job's recovery points. Marked are those that the start now under way could not read, and those
    that were named for a start, of which nothing is known until then."""
    head = ("TYPE", "TIME", "CHECKPOINT-ID", *(("JOB-ID",) if wide else ()), "PATH")
    rows = [
        (
            point.get("type", ""),
            point.get("timestamp", ""),
            str(point.get("checkpointId", "")),
            *((point.get("jobId", ""),) if wide else ()),
            point.get("path", "") + _mark(point, status),
        )
        for point in status.get("recoveryPoints") or ()
    ]
    return [head, *rows]


def _mark(point: Object, status: Object) -> str:
    if point.get("path") in (status.get("unreadable") or ()):
        return UNREADABLE
    return "" if point.get("jobId") else NAMED
