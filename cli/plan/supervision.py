"""The supervisors on a copy of the state: the real decisions, each written down and then done by a Flink that obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cli.plan import flink
from cli.plan.flink import Flink
from cli.plan.state import Object, State, place_of, problems_of
from core import cluster as clusters
from core import names
from core.job_status import JobStatus, read_status
from supervisor import observe, report
from supervisor.act import after_answer
from supervisor.decide import decide, finished
from supervisor.decision import Cancel, Decision, Run, StopJob
from supervisor.jobmanager import Look
from supervisor.lane import read_job
from supervisor.world import Bootstrap, World

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # since when a TaskManager is idle: no rescaleDelay is waited for


@dataclass(frozen=True)
class Step:
    """What is done to a job's run: stop (`savepoint` or not) or start, from `path` or empty."""

    verb: str
    namespace: str
    job: str
    why: str
    savepoint: bool = False
    drain: bool = False
    deleted: bool = False  # the job itself: nothing starts from its state
    path: str = ""  # stop: the savepoint that is taken; start: where from
    parallelism: int = 0


class Supervision:
    """`steps` is what was done to the jobs' runs so far, in its order."""

    def __init__(self, state: State, now: datetime) -> None:
        self.steps = list[Step]()
        self._state, self._now = state, now
        self._flinks = {
            place_of(item): flink.of_cluster(item, _statuses(state, item)) for item in state.of(names.CLUSTER)
        }

    def supervise(self, cluster: Object) -> None:
        pods = self._state.of_cluster("Pod", cluster)
        jobmanager = self._flink(cluster)
        look = jobmanager.look(pods)
        self._report(cluster, look)
        view = observe.cluster_view(cluster, pods, look)
        for job in self._state.of_cluster(names.JOB, cluster):
            status, problems = read_status(job), problems_of(job)
            world = World(
                now=self._now,
                job=read_job(job, problems),
                status=status,
                cluster=view,
                flink=jobmanager.job(status, look),
                bootstrap=_carried(status),
                planning=jobmanager.planning(status),
                flink_settings=clusters.read(cluster).flink_configuration,
                problems=tuple(problems),
            )
            self._follow(job, world, decide(world), jobmanager)
            view = replace(view, slots_free=_free(jobmanager, pods))

    def _flink(self, cluster: Object) -> Flink:
        """A new incarnation knows nothing of the one before."""
        place, incarnation = place_of(cluster), clusters.read_status(cluster).incarnation
        known = self._flinks.get(place)
        if known is None or known.incarnation != incarnation:
            known = self._flinks[place] = Flink(incarnation, clusters.read(cluster).task_slots)
        return known

    def _report(self, cluster: Object, look: Look) -> None:
        read, status = clusters.read(cluster), clusters.read_status(cluster)
        idle = dict.fromkeys(report.idle_since({}, look, self._now), LONG_AGO)
        jobs = self._state.of_cluster(names.JOB, cluster)
        told = report.tell(read, status, look, jobs, looked=True, idle=idle, now=self._now)
        known = cluster["metadata"].get("annotations") or {}
        annotations = {**known, names.REPORT: told.report.text()}
        if told.handled:
            annotations = _without_request(annotations)
        self._state.put({**cluster, "metadata": {**cluster["metadata"], "annotations": annotations}})

    def _follow(self, job: Object, world: World, decision: Decision, jobmanager: Flink) -> None:
        """The status is written, then Flink is asked."""
        metadata = job["metadata"]
        if decision.handled:
            metadata = {**metadata, "annotations": _without_request(metadata.get("annotations") or {})}
        self._state.put({**job, "metadata": metadata, "status": decision.status.to_json()})
        if step := _step(job, world, decision):
            self.steps.append(step)
        if decision.action is None:
            return
        answer = jobmanager.do(decision.action)
        if answer and (outcome := after_answer(replace(world, status=decision.status), decision.action, answer)):
            self._state.put({**job, "metadata": metadata, "status": finished(world, outcome).status.to_json()})


def _step(job: Object, world: World, decision: Decision) -> Step | None:
    namespace, name, action = job["metadata"].get("namespace", ""), job["metadata"]["name"], decision.action
    why, deleted = decision.status.stop.reason, bool(world.job.deleting)
    match action:
        case StopJob():
            path = flink.savepoint(action)
            return Step("stop", namespace, name, why, savepoint=True, drain=action.drain, deleted=deleted, path=path)
        case Cancel():
            return Step("stop", namespace, name, why, deleted=deleted)
        case Run():
            return Step("start", namespace, name, "", path=action.savepoint_path, parallelism=action.parallelism)
    return None


def _carried(status: JobStatus) -> Bootstrap:
    """The JAR arrives as soon as it is ordered."""
    return Bootstrap(jar_id=f"jar-{status.ordered.number}") if status.ordered else Bootstrap()


def _free(jobmanager: Flink, pods: list[Object]) -> int:
    """What the jobs before it in this round have taken is not free any more."""
    overview = jobmanager.look(pods).overview
    return overview.slots_available if overview else 0


def _statuses(state: State, cluster: Object) -> list[JobStatus]:
    return [read_status(job) for job in state.of_cluster(names.JOB, cluster)]


def _without_request(annotations: Mapping[str, str]) -> dict[str, str]:
    gone = (names.WITHOUT_SAVEPOINT, names.FROM_SAVEPOINT, names.DRAIN)
    return {**{key: value for key, value in annotations.items() if key not in gone}, names.REQUESTED_ACTION: "NONE"}
