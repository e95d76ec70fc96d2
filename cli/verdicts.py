"""What a resource waits for, and whether what was asked of it is done or cannot be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from core import cluster as clusters
from core import conditions, names, times
from core import job as jobs
from core.states import Phase, RestartPolicy, StoppedBy

Object = Mapping[str, Any]
SAVEPOINT_FAILED = "SavepointFailed"  # how such a failure begins
FROM_BEFORE = ("RolledBack", "UpdateRefused")  # the reasons why the spec from before runs
WHO = re.compile(r"^Flink\w+ \S+: ")  # how the parts of a FlinkDeployment's message begin


class Outcome(Enum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Verdict(NamedTuple):
    """`text`: what it waits for, what was reached, or why it failed."""

    outcome: Outcome
    text: str


class Goal(Protocol):
    """What somebody waits for. `item` is None while there is no such object."""

    def judge(self, item: Object | None) -> Verdict: ...


def waiting(text: str) -> Verdict:
    return Verdict(Outcome.WAITING, text)


def done(text: str) -> Verdict:
    return Verdict(Outcome.DONE, text)


def failed(text: str) -> Verdict:
    return Verdict(Outcome.FAILED, text)


GONE = failed("it was deleted meanwhile")


# ---- reading -------------------------------------------------------------------------------------------------------


def status_of(item: Object) -> Mapping[str, Any]:
    return item.get("status") or {}


def condition(item: Object, type: str) -> Mapping[str, Any]:
    return conditions.find(status_of(item).get("conditions"), type)


def phase(item: Object) -> str:
    """The state in one word."""
    status = status_of(item)
    if item["metadata"].get("deletionTimestamp"):
        return "Deleting"
    word = status.get("supervisorStatus") or status.get("clusterStatus") or status.get("phase") or Phase.UNKNOWN
    return str(word)


def seen(item: Object) -> bool:
    """Is the status about the spec that the object has now?"""
    return bool(status_of(item).get("observedGeneration", 0) >= item["metadata"].get("generation", 0))


def had_state(item: Object) -> bool:
    """Is there, or was there, a state of this job, also one that is still looked for?"""
    return any(status_of(item).get(field) for field in ("hadState", "recoveryPoints", "lostState"))


def pending(item: Object) -> str:
    """The request that nobody has acted on yet, '' for none."""
    annotations = item["metadata"].get("annotations") or {}
    action = jobs.requested_action(annotations)
    token = f"{action}@{annotations.get(names.ACTION_TIMESTAMP, '')}"
    return "" if status_of(item).get("handledAction") == token else action


def waits_for(item: Object) -> str:
    """What has to happen next, '' when it is as its spec wants it."""
    if not (status_of(item) and seen(item)):
        who = "supervisor" if item["kind"] == names.JOB else "hook"
        return f"no {who} has seen {'its newest spec' if status_of(item) else 'it'} yet"
    if (action := pending(item)) and phase(item) == Phase.STOPPING:
        return f"{status_of(item).get('message')}; {action} comes after that"
    if action:
        return f"the supervisor has not taken up {action} yet"
    if conditions.is_true(item, conditions.STALLED):
        return f"somebody has to act: {_told(condition(item, conditions.STALLED))}"
    if conditions.is_true(item, conditions.READY) or conditions.is_true(item, conditions.SUSPENDED):
        return _behind(item)
    text, trouble = _told(condition(item, conditions.READY)), condition(item, conditions.DEGRADED)
    if trouble.get("status") == "True":
        # Of a part of a FlinkDeployment both tell it, the one with its name before other words.
        more = (part for part in _told(trouble).split("; ") if WHO.sub("", part) not in text)
        text = "; ".join(filter(None, (text, *more)))
    return text or phase(item)


def _behind(item: Object) -> str:
    """A job is ready as it runs, while it waits for slots to run as its spec wants it."""
    behind = item["kind"] == names.JOB and phase(item) == Phase.STARTED and not _in_force(item)
    return str(status_of(item).get("message") or phase(item)) if behind else ""


def _told(found: Mapping[str, Any]) -> str:
    return str(found.get("message") or found.get("reason") or "")


def tried_again(item: Object) -> str:
    """When a job that failed is started again by itself, '' for not at all."""
    failed = condition(item, conditions.STALLED).get("reason") == "Failed"
    stays = failed or conditions.is_true(item, conditions.SUSPENDED)
    return "" if stays else str(status_of(item).get("retryAt") or "")


def troubled(item: Object) -> bool:
    """Degraded or stalled."""
    return any(condition(item, type).get("status") == "True" for type in (conditions.DEGRADED, conditions.STALLED))


# ---- goals ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Current:
    """As its spec wants it: ready, or at rest because the spec or a person says so. After an apply."""

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if conditions.is_true(item, conditions.STALLED):
            return failed(_told(condition(item, conditions.STALLED)))
        text = waits_for(item)
        if text:
            return waiting(text)
        return done("ready" if conditions.is_true(item, conditions.READY) else "suspended")


@dataclass
class Gone:
    """That very object is deleted, with its last savepoint where it was to have one."""

    uid: str
    failure: str = ""  # when it was seen last

    def judge(self, item: Object | None) -> Verdict:
        if item is None or item["metadata"]["uid"] != self.uid:
            return failed(f"deleted without a last savepoint: {self.failure}") if self.failure else done("deleted")
        failure, wanted = str(status_of(item).get("failure") or ""), (item.get("spec") or {}).get("savepoint") or {}
        last = "deletionTimestamp" in item["metadata"] and wanted.get("savepointOnDelete")
        self.failure = failure if last and failure.startswith(SAVEPOINT_FAILED) else ""
        text = status_of(item).get("message") or ", ".join(item["metadata"].get("finalizers") or ())
        return waiting(f"on its way out: {text}")


@dataclass(frozen=True)
class Started:
    """A START was taken up, and it runs. `before` is the object when that was asked."""

    before: Object

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if pending(item):
            return waiting(waits_for(item))
        if conditions.is_true(item, conditions.STALLED):
            return failed(_told(condition(item, conditions.STALLED)))
        if phase(item) == Phase.STARTED and self._same_run(item):
            status = status_of(item)
            return failed(str(status.get("failure") or f"it goes on as before: {status.get('message')}"))
        if phase(item) == Phase.STARTED and not self._old_pods(item):
            return _ready(item, "started")
        if item["kind"] == names.JOB and conditions.is_true(item, conditions.SUSPENDED):
            return failed(_told(condition(item, conditions.SUSPENDED)))
        return waiting(waits_for(item) or phase(item))

    def _same_run(self, item: Object) -> bool:
        """Of a job that was to be stopped first."""
        ran = item["kind"] == names.JOB and phase(self.before) == Phase.STARTED
        return ran and _run(status_of(item)) == _run(status_of(self.before))

    def _old_pods(self, item: Object) -> bool:
        """A cluster's restart is in the report first, and in the status when the hook has seen it."""
        if item["kind"] != names.CLUSTER:
            return False
        restarted = report_of(item).restarts > report_of(self.before).restarts
        return restarted and status_of(item).get("revision") == status_of(self.before).get("revision")


def report_of(item: Object) -> clusters.Report:
    return clusters.Report.parse((item["metadata"].get("annotations") or {}).get(names.REPORT))


def _ready(item: Object, word: str) -> Verdict:
    return done(word) if conditions.is_true(item, conditions.READY) else waiting(waits_for(item))


@dataclass(frozen=True)
class Back:
    """A job runs again after its cluster was started. `before` is the job when that was asked."""

    before: Object

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if conditions.is_true(item, conditions.STALLED):
            return failed(_told(condition(item, conditions.STALLED)))
        status, by = status_of(item), status_of(item).get("stoppedBy")
        # One that its cluster stopped with a savepoint is FINISHED for Flink too.
        if phase(item) == Phase.STOPPED and by == StoppedBy.FLINK and status.get("jobStatus") == "FINISHED":
            return done("finished")
        stays = by in (StoppedBy.PERSON, StoppedBy.SPEC) or status.get("restartPolicy") != RestartPolicy.ALWAYS
        if phase(item) == Phase.STOPPED and stays and conditions.is_true(item, conditions.SUSPENDED):
            return failed(_told(condition(item, conditions.SUSPENDED)))
        if _run(status) == _run(status_of(self.before)):
            return waiting(waits_for(item) or "its cluster starts")
        return _ready(item, "runs again")


def _run(status: Mapping[str, Any]) -> tuple[Any, ...]:
    """One that Flink itself brings back has the attempt of before, on other pods."""
    return status.get("attempt", 0), status.get("incarnation", 0)


@dataclass(frozen=True)
class Stopped:
    """A STOP was taken up, and nothing runs."""

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if pending(item):
            return waiting(waits_for(item))
        if phase(item) == Phase.STOPPED:
            return done("stopped")
        if item["kind"] == names.JOB and phase(item) in (Phase.STARTED, Phase.STARTING):
            return failed(
                str(status_of(item).get("failure") or f"it is {phase(item)}: {status_of(item).get('message')}")
            )
        return waiting(waits_for(item) or phase(item))


@dataclass(frozen=True)
class Scaled:
    """The new figure is in force, or will be when it is started again."""

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if not seen(item):
            return waiting(waits_for(item))
        stalled = condition(item, conditions.STALLED)
        from_before = stalled.get("reason") in FROM_BEFORE
        if stalled.get("status") == "True" and not from_before:
            return failed(_told(stalled))
        if conditions.is_true(item, conditions.SUSPENDED):
            return done("scaled, in force when it runs again")
        if from_before and _in_force(item) and status_of(item).get("readyAt"):
            return done("scaled")
        if status_of(item).get("resourceStatus") == "Updated" and _in_force(item):
            return _ready(item, "scaled")
        return waiting(str(status_of(item).get("message") or phase(item)))


def _in_force(item: Object) -> bool:
    if item["kind"] == names.CLUSTER:
        return True  # resourceStatus says so
    return bool(status_of(item).get("jobParallelism") == jobs.read(item).parallelism)


@dataclass(frozen=True)
class Saved:
    """A TRIGGER_SAVEPOINT was taken up, and its savepoint is there. `before` is the object when that was asked."""

    before: Object

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        if pending(item):
            return waiting(waits_for(item))
        status = status_of(item)
        if status.get("savepointTriggerId"):
            return waiting(f"savepoint {status['savepointTriggerId']} is being taken")
        path = status.get("savepointPath") or ""
        if path and path != status_of(self.before).get("savepointPath") and _of_this_request(status):
            return done(str(path))
        if phase(item) == Phase.STOPPING:
            return waiting(str(status.get("message") or "the job stops"))
        failure = str(status.get("failure") or "")
        return failed(failure if failure.startswith(SAVEPOINT_FAILED) else str(status.get("message") or phase(item)))


def _of_this_request(status: Mapping[str, Any]) -> bool:
    """Not the savepoint that was on its way when this one was asked for."""
    taken = times.from_text(status.get("savepointTimestamp"))
    asked = times.from_text(status.get("savepointRequestTimestamp"))
    return taken is None or asked is None or taken >= asked


@dataclass(frozen=True)
class Consumed:
    """A request was taken up."""

    word: str

    def judge(self, item: Object | None) -> Verdict:
        if item is None:
            return GONE
        return waiting(waits_for(item)) if pending(item) else done(self.word)
