"""The life of a cluster: its phase, the revision that runs, the incarnation of its JobManager. Pure.

The handshake with the supervisor goes by value, and each one-way step is published before it is taken:

    Started --(the spec wants another revision, or the cluster shall go down)--> Stopping: published, pods stay
    Stopping --(it was published, and no job holds the cluster)--> Starting with the new revision, or Stopped

Every JobManager pod is an incarnation of its own. When it is dead the next one starts at once, with all its pods; the
pods of the old one are dropped in the same answer, because its TaskManagers would go on processing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from core import names, times
from core.states import Phase
from hooks.cluster.observed import Observed, Pod

# Between JobManagers that end before the cluster is started: doubled each time.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(seconds=300)
FAILING = "JobManagerFailing"
PODS_RUN = (Phase.STARTING, Phase.STARTED, Phase.STOPPING)
ENDED = (Phase.STOPPED, Phase.TERMINATED)


@dataclass(frozen=True)
class Lifecycle:
    """What shall be published, and with it which pods shall be: those of (revision, incarnation)."""

    phase: Phase
    revision: str
    target_revision: str
    incarnation: int
    jobmanager: Pod | None  # the live pod of this incarnation, once seen
    going_down: bool
    reason: str
    message: str
    failures: int = 0
    failure: str = ""  # why the JobManager before ended; kept until the cluster is started

    @property
    def has_pods(self) -> bool:
        return self.phase in PODS_RUN and bool(self.revision)


def decide(seen: Observed, *, task_managers: int, deadline_passed: bool = False) -> Lifecycle:
    """`task_managers` is how many there shall be; `deadline_passed` ends the waiting of a deletion."""
    down = _why_down(seen)
    now = _as_published(seen)
    if now.phase == Phase.UNKNOWN:
        return (
            _stopped(now, down) if down else _starting(seen.target, now.incarnation + 1, "New", "starting the cluster")
        )
    if now.phase in ENDED:
        return _from_stopped(now, seen, down)
    if now.phase == Phase.STOPPING:
        return _from_stopping(now, seen, down, task_managers, deadline_passed)
    if down or seen.target != now.revision:
        return _stopping(now, seen, down)
    return _running(now, seen, task_managers)


_DOWN = {"Deleting": "it is deleted", "Suspended": "suspended by spec.suspend", "Stopped": "stopped on request"}


def _why_down(seen: Observed) -> str:
    """Why the cluster shall be down: deleting, suspended, stopped; '' when it shall run."""
    if seen.cluster.deleting:
        return "Deleting"
    if seen.cluster.suspend:
        return "Suspended"
    return "Stopped" if seen.report.stopped else ""


def _as_published(seen: Observed) -> Lifecycle:
    """The last answer, from the status and, where that is behind the pods or no status of ours, from the pods."""
    status = seen.status
    newest = max((pod.incarnation for pod in seen.pods), default=0)
    ours = status.phase in ENDED or (status.phase in PODS_RUN and bool(status.revision))
    behind = newest > status.incarnation or (newest > 0 and not ours)
    revision = next((pod.revision for pod in seen.pods if pod.incarnation == newest), "")
    here = Lifecycle(
        phase=Phase.STARTING if behind else status.phase,
        revision=revision if behind else status.revision,
        target_revision=revision if behind else status.target_revision,
        incarnation=max(newest, status.incarnation),
        jobmanager=None,
        going_down=status.going_down and not behind,
        reason="",
        message="",
        failures=_failures(seen, newest, revision) if behind else status.failures,
        failure=status.failure,
    )
    return replace(here, jobmanager=_jobmanager(seen, here))


def _failures(seen: Observed, newest: int, revision: str) -> int:
    """Likewise from the pods: every incarnation that the status does not know of yet is one more that ended early."""
    status = seen.status
    same = status.phase == Phase.STARTING and status.revision == revision
    return status.failures + newest - status.incarnation if same else 0


def _jobmanager(seen: Observed, here: Lifecycle) -> Pod | None:
    return next(
        (
            pod
            for pod in seen.pods
            if pod.role == names.JOBMANAGER and pod.incarnation == here.incarnation and pod.revision == here.revision
        ),
        None,
    )


def _starting(revision: str, incarnation: int, reason: str, message: str) -> Lifecycle:
    return Lifecycle(Phase.STARTING, revision, revision, incarnation, None, False, reason, message)


def _stopped(now: Lifecycle, down: str) -> Lifecycle:
    phase = Phase.TERMINATED if down == "Deleting" else Phase.STOPPED
    return Lifecycle(phase, "", "", now.incarnation, None, False, down, f"no Flink pods run: {_DOWN[down]}")


def _from_stopped(now: Lifecycle, seen: Observed, down: str) -> Lifecycle:
    if down:
        return _stopped(now, down)
    return _starting(seen.target, now.incarnation + 1, "Resumed", "starting the cluster again")


def _stopping(now: Lifecycle, seen: Observed, down: str) -> Lifecycle:
    """Published first: nothing is removed in this answer."""
    target = "" if down else seen.target
    waiting = ", ".join(sorted(seen.held_by))
    message = f"waiting for the jobs to stop: {waiting}" if waiting else "removing the pods"
    if waiting and not any(pod.role == names.TASKMANAGER and not pod.dead for pod in seen.pods):
        message += "; no TaskManager is left for a savepoint: take the edit back, or stop them without savepoint"
    return replace(
        now,
        phase=Phase.STOPPING,
        target_revision=target,
        going_down=bool(down),
        reason=down or "RevisionChanged",
        message=message,
    )


def _from_stopping(now: Lifecycle, seen: Observed, down: str, task_managers: int, deadline_passed: bool) -> Lifecycle:
    if not down and seen.target == now.revision:
        # The edit was taken back while the jobs were stopping; those that stopped start again on the same pods.
        return _running(replace(now, phase=Phase.STARTING, target_revision=seen.target), seen, task_managers)
    published = now.target_revision == ("" if down else seen.target) and now.going_down == bool(down)
    if not published or (seen.held_by and not deadline_passed):
        return _stopping(now, seen, down)
    if down:
        return _stopped(now, down)
    return _starting(seen.target, now.incarnation + 1, "RevisionChanged", "starting the pods of the new revision")


def _running(now: Lifecycle, seen: Observed, task_managers: int) -> Lifecycle:
    here = replace(now, target_revision=now.revision, going_down=False)
    if _jobmanager_is_dead(now, seen):
        return _next_incarnation(here, seen)
    if missing := _missing(now, seen, task_managers):
        phase = Phase.STARTED if now.phase == Phase.STARTED else Phase.STARTING
        before = f"; the JobManager before ended: {now.failure}" if now.failure else ""
        return replace(here, phase=phase, reason="Waiting", message=missing + before)
    message = "the JobManager answers and the slots are there"
    return replace(here, phase=Phase.STARTED, reason="Started", message=message, failures=0, failure="")


def _next_incarnation(here: Lifecycle, seen: Observed) -> Lifecycle:
    """At once, unless JobManagers end again and again before anything runs: then the dead one stays for a while, for
    people to read what it said."""
    failures = here.failures + 1 if here.phase == Phase.STARTING else 0
    ended = times.from_text(here.jobmanager.ended_at) if here.jobmanager else None
    if ended and failures > 1:
        again = ended + min(FIRST_PAUSE * 2 ** min(failures - 2, 10), LONGEST_PAUSE)
        if seen.now < again:
            what = f"the JobManager ended {failures} times before the cluster was started"
            return replace(here, reason=FAILING, message=f"{what}; next try at {times.to_text(again)}")
    why = here.jobmanager.trouble if here.jobmanager else ""
    gone = f"the JobManager of incarnation {here.incarnation} is gone"
    message = f"{'; '.join(filter(None, (gone, why)))}; all pods of the next one are starting"
    following = _starting(here.revision, here.incarnation + 1, "JobManagerLost", message)
    return replace(following, failures=failures, failure=why)


def _jobmanager_is_dead(now: Lifecycle, seen: Observed) -> bool:
    """Gone, or gone wrong. A pod which was never seen has only not been made yet."""
    if now.jobmanager:
        return now.jobmanager.dead
    return bool(seen.status.jobmanager_uid) and seen.status.incarnation == now.incarnation


def _missing(now: Lifecycle, seen: Observed, task_managers: int) -> str:
    """What is still missing for Started, '' when nothing is."""
    trouble = next((pod.trouble for pod in seen.pods if pod.incarnation == now.incarnation and pod.trouble), "")
    if trouble:
        return trouble
    if now.jobmanager is None:
        # A foreign object of its name is never shown to us, and keeps it from being made.
        return f"waiting for pod {names.jobmanager_pod(seen.cluster.name, now.revision, now.incarnation)} to be there"
    report = seen.report
    if (report.revision, report.incarnation) != (now.revision, now.incarnation) or not report.answering:
        # It is the supervisor who says that it does.
        return seen.supervisor or "waiting for the JobManager to answer"
    if report.task_managers < task_managers:
        return f"waiting for TaskManagers: {report.task_managers} of {task_managers} have registered"
    return ""
