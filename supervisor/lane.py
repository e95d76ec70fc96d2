"""One job's lane: look, decide, write the intent, act, write the outcome. At most one step at a time, in any thread.

The order is the whole point. Killed between any two of these lines, the next supervisor finds in the status what was
intended, and in Flink whether it happened.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import crds
from clients.kube import Conflict, KubeClient, KubeError, NotFound, resources
from core import cluster as clusters
from core import job as jobs
from core import names, validation
from core.job_status import JobStatus, read_status
from core.states import Phase
from supervisor import claims, observe, recovery, settings
from supervisor.act import act, after_answer
from supervisor.decide import decide, finished
from supervisor.decision import Decision, Plan, Reason, Run
from supervisor.events import Recorder
from supervisor.jobmanager import JobManager, Look
from supervisor.planning import Planner
from supervisor.world import ClusterView, Sight, World

# Checkpoints alone are written this often, and before Flink drops the stored ones; in between they are remembered here.
CHECKPOINT_WRITES = timedelta(seconds=60)
AFTER_CONFLICT = 0.1
AFTER_ERROR = 2.0


@dataclass(frozen=True)
class Surroundings:
    """What all jobs of a cluster share in one tick."""

    cluster: ClusterView
    pods: tuple[Mapping[str, Any], ...]
    jobmanager: JobManager | None
    look: Look
    claims: claims.Claims


class Lane:
    """One FlinkJob; remembers the newest object that it wrote, since the watch may be behind its own writes."""

    def __init__(
        self,
        kube: KubeClient,
        recorder: Recorder,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        planner: Planner | None = None,
    ) -> None:
        self.seen: JobStatus | None = None  # as decided last: newer than what is stored
        self.answered: bool | None = None  # did the JobManager, at the last step that was written down?
        self.secrets: frozenset[str] = frozenset()  # its own and its cluster's, so far
        self._kube = kube
        self._recorder = recorder
        self._clock = clock
        self._planner = planner or Planner()
        self._api_since: datetime | None = None
        self._newest: Mapping[str, Any] = {}
        self._unwritten: tuple[JobStatus, JobStatus] | None = None  # the one stored, and it with newer recovery points
        self._written_at = datetime.min.replace(tzinfo=UTC)
        self._said = ""
        self._checked: tuple[tuple[str, int], list[str]] = (("", 0), [])

    @property
    def told(self) -> Mapping[Reason, int]:
        """The Events so far, by reason."""
        return self._recorder.told

    def step(self, resource: Mapping[str, Any], around: Surroundings) -> float:
        """One step; returns the seconds until the next one. Raises nothing: one job's trouble is its own."""
        resource = self.newest(resource)
        name = f"{resource['metadata'].get('namespace')}/{resource['metadata']['name']}"
        try:
            return self._step(name, resource, around)
        except Conflict:
            return AFTER_CONFLICT  # somebody else wrote; the watch brings what
        except NotFound:
            return AFTER_ERROR  # deleted meanwhile
        except KubeError as error:
            self._api_since = self._clock()
            logging.getLogger("supervisor").warning("[%s] %s", name, error)
        except Exception:
            logging.getLogger("supervisor").exception("[%s] step failed", name)
        return AFTER_ERROR

    def keep_slots(self, resource: Mapping[str, Any], around: Surroundings) -> None:
        """Before any lane of the cluster steps: from one run of the job to the next they are its own, also while a step
        of it takes long, or another process took the last one."""
        resource = self.newest(resource)
        try:
            status = self.seen or read_status(resource)
            ended = claims.has_just_ended(status, around.look)
            if status.cluster_name != around.cluster.name or not (ended or claims.starts(status)):
                return
            job, now = read_job(resource, self._problems(resource)), self._clock()
        except ValueError:
            return  # its step tells
        if ended or claims.comes_back(status, now, job.restart.timeout):
            around.claims.hold(job.uid, job.parallelism, now, returns=True)

    def _step(self, name: str, resource: Mapping[str, Any], around: Surroundings) -> float:
        self.answered = None
        if self._holds_another(resource, around.cluster):
            return AFTER_ERROR
        world = self._world(resource, around)
        self.secrets |= world.secrets
        decision = _admitted(world, around)
        self._log(name, world, decision)
        stored, status = self._write(resource, world, decision)
        self.answered = around.look.answering and world.flink.sight != Sight.UNKNOWN
        if decision.handled:
            stored = self._reset_request(stored)
        self._recorder.record(resource, decision.events)
        if decision.action and around.jobmanager and self._confirmed(resource, stored, world, decision):
            self._act(stored, replace(world, status=status), decision, around.jobmanager)
        return decision.delay

    def _holds_another(self, resource: Mapping[str, Any], cluster: ClusterView) -> bool:
        """Was it labelled for this cluster while it runs on another one? Whatever is seen of it here means nothing, as
        long as that one is there. The job hook puts the label back."""
        status = read_status(resource)
        if not status.holds_cluster or status.cluster_name in ("", cluster.name):
            return False
        try:
            self._kube.get(resources.FLINK_CLUSTERS, status.cluster_name, namespace=resource["metadata"]["namespace"])
        except NotFound:
            return False
        return True

    def newest(self, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of the watch's view of the job and what was written last. For another thread too."""

        def version(item: Mapping[str, Any]) -> int:
            return int(item["metadata"].get("resourceVersion") or 0)

        wrote = self._newest
        same = wrote and wrote["metadata"]["uid"] == resource["metadata"]["uid"]
        return wrote if same and version(wrote) > version(resource) else resource

    def _world(self, resource: Mapping[str, Any], around: Surroundings) -> World:
        status = self._with_unwritten(read_status(resource))
        problems = self._problems(resource)
        job, cluster = read_job(resource, problems), around.cluster
        world = World(
            now=self._clock(),
            job=job,
            status=status,
            cluster=replace(cluster, slots_free=around.claims.left(job.uid, cluster.slots_free)),
            bootstrap=observe.bootstrap(around.pods, resource, status),
            planning=self._planner.seen,
            problems=tuple(problems),
            api_since=self._api_since,
            strays=observe.strays(resource["metadata"].get("uid", ""), status, around.look),
        )
        if around.jobmanager is None:
            return world
        flink = around.jobmanager.job(status, around.look)
        return replace(world, flink=flink, flink_settings=around.jobmanager.settings)

    def _with_unwritten(self, status: JobStatus) -> JobStatus:
        """Only what was added to the very points that are stored: a write whose answer was lost may have taken out one
        of them that is being disposed of."""
        if self._unwritten is None:
            return status
        before, newer = self._unwritten
        if _history(before) != _history(status):
            return status
        settled = newer.lost_state != before.lost_state
        return status.but(
            recovery_points=newer.recovery_points,
            had_state=status.had_state or newer.had_state,
            lost_state=newer.lost_state if settled else status.lost_state,
        )

    def _problems(self, resource: Mapping[str, Any]) -> list[str]:
        """What is wrong with the spec; looked at once for each generation of it."""
        metadata = resource["metadata"]
        key = (metadata.get("uid", ""), metadata.get("generation", 0))
        if self._checked[0] != key:
            found = validation.problems(crds.schema(names.JOB)["properties"]["spec"], resource.get("spec"))
            self._checked = (key, found)
        return self._checked[1]

    def _log(self, name: str, world: World, decision: Decision) -> None:
        before, after = world.status.supervisor_status, decision.status.supervisor_status
        line = f"{before} -> {after}: {decision.why}" if before != after else f"{after}: {decision.why}"
        if line != self._said:
            logging.getLogger("supervisor").info("[%s] %s", name, line)
        self._said = line

    def _write(
        self, resource: Mapping[str, Any], world: World, decision: Decision
    ) -> tuple[Mapping[str, Any], JobStatus]:
        """The status as decided, if it says something new; checkpoints alone wait."""
        status, stored = decision.status, read_status(resource)
        self.seen = status
        if status == stored:
            return resource, status
        points_only = status == stored.but(
            recovery_points=status.recovery_points, had_state=stored.had_state, timestamp=status.timestamp
        )
        recent = world.now - self._written_at < CHECKPOINT_WRITES
        retained = settings.retained_checkpoints(status.delivery.flink_configuration, world.flink_settings)
        if points_only and recent and not recovery.outdated(stored, status, retained):
            self._unwritten = stored, status
            return resource, status
        if recovery.began_as_told(world):  # known even if the write fails
            self._unwritten = stored, recovery.with_checkpoint(world, world.status)
        body = {**resource, "status": status.to_json()}
        self._newest = self._kube.replace(
            resources.FLINK_JOBS, body, namespace=resource["metadata"]["namespace"], subresource="status"
        )
        self._unwritten, self._written_at = None, world.now
        return self._newest, status

    def _reset_request(self, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        """The annotations go back to nothing, unless somebody has asked for something else meanwhile."""
        how = (names.WITHOUT_SAVEPOINT, names.FROM_SAVEPOINT, names.DRAIN)
        annotations = {names.REQUESTED_ACTION: "NONE", **dict.fromkeys(how)}
        metadata = stored["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": annotations}}
        self._newest = self._kube.patch(resources.FLINK_JOBS, metadata["name"], patch, namespace=metadata["namespace"])
        return self._newest

    def _confirmed(
        self, resource: Mapping[str, Any], stored: Mapping[str, Any], world: World, decision: Decision
    ) -> bool:
        """A look at the API server itself before an effect: what was decided on may have been a stale view. The write
        of the intent is such a look, as it is refused when the object has changed."""
        metadata = stored["metadata"]
        namespace = metadata["namespace"]
        if stored is resource:
            live = self._kube.get(resources.FLINK_JOBS, metadata["name"], namespace=namespace)
            if live["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
                return False
        if not isinstance(decision.action, Run):
            return True
        cluster = self._kube.get(resources.FLINK_CLUSTERS, world.cluster.name, namespace=namespace)
        status = clusters.read_status(cluster)
        same = (status.revision, status.incarnation) == (decision.status.cluster_revision, decision.status.incarnation)
        return same and status.phase in (Phase.STARTING, Phase.STARTED)

    def _act(self, stored: Mapping[str, Any], world: World, decision: Decision, jobmanager: JobManager) -> None:
        if decision.action is None or jobmanager.capabilities is None:
            return
        if isinstance(decision.action, Plan):
            self._planner.ask(decision.action, jobmanager, world.now)
            return
        answer = act(decision.action, jobmanager.client, jobmanager.capabilities)
        if answer is None:
            return
        world = replace(world, now=self._clock())
        if outcome := after_answer(world, decision.action, answer):
            outcome = finished(world, outcome)
            self._log(f"{stored['metadata']['namespace']}/{stored['metadata']['name']}", world, outcome)
            self._write_outcome(stored, world, outcome)
            self._recorder.record(stored, outcome.events)

    def _write_outcome(self, stored: Mapping[str, Any], world: World, outcome: Decision) -> None:
        """Over another's change of the object meanwhile too, as long as the status is what it was: it is ours alone."""
        try:
            self._write(stored, world, outcome)
        except Conflict:
            metadata = stored["metadata"]
            live = self._kube.get(resources.FLINK_JOBS, metadata["name"], namespace=metadata["namespace"])
            if live.get("status") == stored.get("status"):
                self._write(live, world, outcome)


def _admitted(world: World, around: Surroundings) -> Decision:
    """What is decided, by who is first where several jobs wait for the same slots."""
    decision, held = decide(world), around.claims
    uid, free = world.job.uid, around.cluster.slots_free
    if slots := claims.asked(world, decision):
        takes = timedelta(seconds=decision.action.timeout) if isinstance(decision.action, Run) else claims.KEPT
        left = held.take(uid, slots, free, world.now + takes)
        if left is not None:
            return decide(replace(world, cluster=replace(world.cluster, slots_free=left)))
    elif claims.waits_in_flink(world):
        held.hold(uid, world.status.job_parallelism, world.now)
    elif not claims.is_between_runs(world, decision):
        held.release(uid)
    return decision


def _history(status: JobStatus) -> tuple[object, ...]:
    return status.attempt, status.job_id, status.recovery_points


def read_job(resource: Mapping[str, Any], problems: list[str]) -> jobs.Job:
    """The job without the fields of its spec that are wrong: what the others say still holds."""
    spec = resource.get("spec")
    kept = dict(spec) if isinstance(spec, Mapping) else {}
    for problem in problems:
        part, _, field = problem.removeprefix("spec.").partition(": ")[0].partition(".")
        inner = kept.get(part)
        if field and isinstance(inner, Mapping):
            # One of Flink's configuration has dots of its own.
            wrong = field if field in inner else re.split(r"[.\[]", field)[0]
            kept[part] = {key: value for key, value in inner.items() if key != wrong}
        else:
            kept.pop(part.partition("[")[0], None)
    return jobs.read({**resource, "spec": kept})
