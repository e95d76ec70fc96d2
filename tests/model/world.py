"""One cluster and one job, everyone who acts on them, everything that can go wrong, and what must never be."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from clients.flink import Unknown
from clients.kube import Conflict, Listed, Unreachable, resources
from core import cluster as clusters
from core import job as jobs
from core import names, pods, revisions, times
from core.job_status import JobStatus, read_status
from supervisor import cycle as cycle_module
from supervisor import jobmanager as jobmanager_module
from supervisor import leftovers as leftovers_module
from supervisor.cache import Scope, Watches
from supervisor.cycle import ClusterCycle
from supervisor.lane import Lane
from tests.supervisor.lane.fakes import Clock, Killed, Knife, Run

from .flink import ABSENT, BROKEN, REFUSED, USELESS, JobManager
from .kubernetes import CLUSTER, NS, Api, Caches, Metacontroller, Object

JOB = "demo-count"
CLUSTER_SPEC: Object = {
    "runtime": {"image": "flink:1"},
    "jobManager": {"serviceMode": "ClusterIP"},
    "taskManager": {"taskSlots": 1},
    "supervisor": {"image": "ours:1", "pollingInterval": 1, "rescaleDelay": 5},
    "updateTimeout": 20,
    "deletionDeadline": 120,
}
JOB_SPEC: Object = {
    "clusterName": CLUSTER,
    "jobParallelism": 1,
    "bootstrap": {"image": "img:1", "className": "Main", "jarPath": "/app.jar"},
    "savepoint": {"savepointMode": "Automatic", "savepointInterval": 0, "savepointTargetPath": "s3://s"},
    "restart": {"restartPolicy": "Always", "restartDelay": 5, "restartMaxDelay": 10, "restartTimeout": 60},
    "deletionDeadline": 120,
}


def killed(where: str) -> None:
    raise Killed(where)


def unanswered(where: str) -> None:
    raise Unknown(where) if where.startswith("flink") else Unreachable(where, sent=True)


def refused(where: str) -> None:
    raise Unknown(where) if where.startswith("flink") else Conflict(409, "Conflict", where)


TROUBLE = {"kill": killed, "silence": unanswered, "conflict": refused}


NO_IMAGE = {"reason": "ErrImagePull", "message": "not found"}


def _image(pod: Object) -> str:
    """Of the container that runs Flink."""
    role = pod["metadata"]["labels"][names.LABEL_ROLE]
    return next(item["image"] for item in pod["spec"]["containers"] if item["name"] == role)


class AtOnce:
    """An executor without threads: the work is done when it is given."""

    def submit(self, work: Any, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args))
        return future


class Supervisor(ClusterCycle):
    """The real cycle on caches that are behind, with a clock of ours."""

    def __init__(self, world: World) -> None:
        watches = Watches(world.api, Scope(NS, CLUSTER), lambda _: None, Event())  # type: ignore[arg-type]
        super().__init__(world.api, watches, (NS, CLUSTER))  # type: ignore[arg-type]
        self._pool = AtOnce()  # type: ignore[assignment]
        self.caches = Caches(world.api)
        self.caches.catch_up()  # its first lists

    def tick(self) -> None:
        for real, behind in zip(self._watches.caches, self.caches.every, strict=True):
            real._take(Listed(tuple(item for item in behind.all() if _is_chosen(item))))
        self._tick()


def _is_chosen(item: Object) -> bool:
    """By the watches' selector."""
    return item["kind"] == "FlinkCluster" or item["metadata"]["labels"].get(names.LABEL_CLUSTER) == CLUSTER


class World:
    def __init__(self) -> None:
        self.clock, self.knife = Clock(), Knife()
        self.api = Api(self.knife)
        self.disk: dict[str, float] = {}
        self.history: list[Run] = []
        self.jobmanagers: dict[str, JobManager] = {}  # by address
        self.requests = 0
        self.had_state = False  # the supervisor has told so
        self.promised = 0.0  # work that no start may be behind
        self.wrong: list[str] = []  # what must never be; a lane survives an exception in its step
        self.useless = False  # there were pods on which no job runs
        self.excused = False  # ... and a person wants a start to be empty, and has not got it yet
        self.metacontroller = Metacontroller(self.api, self.clock, self._removed)
        self._make(resources.FLINK_CLUSTERS, "FlinkCluster", CLUSTER, CLUSTER_SPEC, {})
        self._make(resources.FLINK_JOBS, "FlinkJob", JOB, JOB_SPEC, {names.LABEL_CLUSTER: CLUSTER})
        self.supervisor = Supervisor(self)

    def _make(self, resource: resources.Resource, kind: str, name: str, spec: Object, labels: Object) -> None:
        metadata = {"name": name, "namespace": NS, "generation": 1, "labels": labels, "annotations": {}}
        metadata["creationTimestamp"] = times.to_text(self.clock.now)
        self.api.make(resource, {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})

    # what there is

    @property
    def cluster(self) -> Object | None:
        return self.api.objects.get(("flinkclusters", CLUSTER))

    @property
    def job(self) -> Object | None:
        return self.api.objects.get(("flinkjobs", JOB))

    @property
    def status(self) -> JobStatus:
        return read_status(self.job or {})

    @property
    def alive(self) -> list[Run]:
        """The runs that take effect: in a JobManager, or in TaskManagers that outlived theirs."""
        found = [run for manager in self.jobmanagers.values() for run in manager.runs.values() if run.alive]
        return found + [run for manager in self.jobmanagers.values() if manager.slots for run in manager.orphans]

    # what people do

    def edit(self, which: str, **spec: Any) -> None:
        resource, found = (
            (resources.FLINK_JOBS, self.job) if which == "job" else (resources.FLINK_CLUSTERS, self.cluster)
        )
        if found:
            metadata = {**found["metadata"], "generation": found["metadata"]["generation"] + 1}
            self.api.put(resource, {**found, "metadata": metadata, "spec": {**found["spec"], **spec}})

    def ask(self, which: str, action: str, *, without: bool = False) -> None:
        resource, found = (
            (resources.FLINK_JOBS, self.job) if which == "job" else (resources.FLINK_CLUSTERS, self.cluster)
        )
        if found:
            self.requests += 1
            self.excused |= action == "FORGET_SAVEPOINT" or (without and action == "START")
            asked = {names.REQUESTED_ACTION: action, names.ACTION_TIMESTAMP: str(self.requests)}
            asked |= {names.WITHOUT_SAVEPOINT: "true"} if without else {}
            known = found["metadata"]["annotations"]
            annotations = {key: value for key, value in known.items() if key != names.WITHOUT_SAVEPOINT} | asked
            self.api.put(resource, {**found, "metadata": {**found["metadata"], "annotations": annotations}})

    def lose_label(self) -> None:
        """Somebody's manifest has other labels; the job hook puts its own back. Not a second time before the cluster
        hook has seen it, and that it runs; nor when the cluster is deleted, which waits for nobody it does not see."""
        if "deletionTimestamp" in (self.cluster or {"metadata": {}})["metadata"]:
            return
        held = clusters.read_status(self.cluster or {}).held_by
        unseen = any(held.values()) or (self.status.holds_cluster and JOB not in held)
        if (found := self.job) and not unseen:
            self.api.put(resources.FLINK_JOBS, {**found, "metadata": {**found["metadata"], "labels": {}}})

    def delete(self, which: str) -> None:
        resource, name = (resources.FLINK_JOBS, JOB) if which == "job" else (resources.FLINK_CLUSTERS, CLUSTER)
        self.api.delete(resource, name, self.clock.now)

    # what the programs do

    def tick(self, *, at: int = -1, when: str = "after", trouble: str = "kill") -> None:
        """One tick of the supervisor; at its n-th call with an effect it is killed, or left without an answer."""
        self.knife.seen.clear()
        self.knife.at, self.knife.when, self.knife.do = at, when, TROUBLE[trouble]
        clock = SimpleNamespace(monotonic=lambda: self.clock.now.timestamp())
        now = SimpleNamespace(now=lambda zone: self.clock.now, min=datetime.min)
        lane = partial(Lane, clock=self.clock)
        try:
            with (
                patch.multiple(cycle_module, Lane=lane, datetime=now, time=clock),
                patch.object(jobmanager_module, "FlinkClient", self._client),
                patch.object(leftovers_module, "time", clock),
            ):
                self.supervisor.tick()
        except Killed:
            self.supervisor = Supervisor(self)
        finally:
            self.knife.at = -1
            self.had_state |= self.status.had_state
        assert not self.wrong, self.wrong

    def look(self) -> None:
        """A tick with the newest view, without trouble: what the run has completed by then is a way back."""
        self.supervisor.caches.catch_up()
        status = self.status
        shown = self._shown(status) if status.supervisor_status in ("Starting", "Started") else None
        self.tick()
        if shown:
            # The newest two may not be stored yet.
            written = [self.disk.get(str(seen.external_path), 0.0) for seen in shown.snapshots[:-2]]
            self.promised = max([self.promised, *written])

    def _shown(self, status: JobStatus) -> Run | None:
        """What the JobManager shows of the job that the status names."""
        known = clusters.read_status(self.cluster or {})
        here = known.phase in ("Starting", "Started") and known.incarnation == status.incarnation
        runs = (manager.runs.get(status.job_id) for manager in self.jobmanagers.values())
        return next(filter(None, runs), None) if here and self.job else None

    def _client(self, url: str) -> JobManager:
        return self.jobmanagers[url.removeprefix("http://").partition(":")[0]]

    def kubelet(self) -> None:
        """Every pod gets on by one step; those of a cluster that is gone are garbage."""
        for pod in self.api.all(resources.PODS):
            owned = pod["metadata"]["labels"][names.LABEL_ROLE] != names.BOOTSTRAP
            if "deletionTimestamp" in pod["metadata"] or (owned and not self.cluster):
                self._end(pod)
                self.api.remove(resources.PODS, pod["metadata"]["name"])
            elif not pod["status"]:
                self._begin(pod)
            elif pod["status"]["phase"] == "Running":
                self._register(pod)

    def _begin(self, pod: Object) -> None:
        metadata, status = pod["metadata"], {"phase": "Running"}
        role = metadata["labels"][names.LABEL_ROLE]
        if role == names.BOOTSTRAP:
            status = self._carried(pod)
        elif _image(pod) == ABSENT:
            status = {"phase": "Pending", "containerStatuses": [{"name": role, "state": {"waiting": NO_IMAGE}}]}
        elif role == names.JOBMANAGER:
            number = len(self.jobmanagers) + 1
            status["podIP"] = f"10.0.0.{number}"
            flink = JobManager(self.clock, self.knife, number, self.disk, self.history, self._accepted, self._stopped)
            flink.useless = _image(pod) == USELESS
            self.useless |= flink.useless
            self.jobmanagers[status["podIP"]] = flink
        if status:
            self.api.put(resources.PODS, {**pod, "status": status})

    def _carried(self, pod: Object) -> Object:
        """A bootstrap ends when there is a JobManager behind the Service."""
        behind = next((m for m in self.jobmanagers.values() if m.alive), None)
        if behind is None:
            return {}
        jar = f"{len(behind.carried)}_{pod['metadata']['name']}.jar"
        behind.carried.add(jar)
        ended = {"terminated": {"exitCode": 0, "message": f'{{"jarId": "{jar}"}}'}}
        return {"phase": "Succeeded", "containerStatuses": [{"name": names.BOOTSTRAP, "state": ended}]}

    def _register(self, pod: Object) -> None:
        if pod["metadata"]["labels"][names.LABEL_ROLE] == names.TASKMANAGER and (manager := self._manager(pod)):
            manager.slots[pod["metadata"]["name"]] = 1

    def _manager(self, pod: Object) -> JobManager | None:
        """The JobManager of a pod's incarnation."""
        number = pods.incarnation_of(pod)
        for other in self.api.all(resources.PODS):
            labels = other["metadata"]["labels"]
            if labels[names.LABEL_ROLE] == names.JOBMANAGER and pods.incarnation_of(other) == number:
                return self.jobmanagers.get(other["status"].get("podIP", ""))
        return None

    def _end(self, pod: Object) -> None:
        role, name = pod["metadata"]["labels"][names.LABEL_ROLE], pod["metadata"]["name"]
        if role == names.JOBMANAGER and (manager := self.jobmanagers.get(pod["status"].get("podIP", ""))):
            manager.die()
        if role == names.TASKMANAGER:
            for manager in self.jobmanagers.values():
                manager.slots.pop(name, None)

    def kill(self, role: str, which: int) -> None:
        """A container ends."""
        found = [p for p in self.api.all(resources.PODS) if p["metadata"]["labels"][names.LABEL_ROLE] == role]
        running = [pod for pod in found if pod["status"].get("phase") == "Running"]
        if running:
            pod = running[which % len(running)]
            self._end(pod)
            self.api.put(resources.PODS, {**pod, "status": {**pod["status"], "phase": "Failed"}})

    def wait(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)
        for manager in self.jobmanagers.values():
            manager.tick(seconds)
        assert not self.wrong, self.wrong

    def lose(self, which: int) -> None:
        """A node goes, and a pod with it."""
        if found := self.api.all(resources.PODS):
            pod = found[which % len(found)]
            self._end(pod)
            self.api.remove(resources.PODS, pod["metadata"]["name"])

    # what must never be

    def _accepted(self, run: Run) -> None:
        """Flink takes a submission."""
        never = {
            "an attempt was submitted twice": [other.id for other in self.history].count(run.id) != 1,
            "two runs of one job take effect": self.alive != [run],
            "a job that had state starts empty": not run.restored and self.had_state and not self.excused,
            f"from {run.work}, and {self.promised} was promised": run.work < self.promised and not self.excused,
        }
        self.wrong += [what for what, so in never.items() if so]
        if not run.restored:
            self.had_state, self.excused, self.promised = False, False, 0.0

    def _stopped(self, run: Run) -> None:
        """With a savepoint, and Flink has discarded the checkpoints: that is the way back, whoever is told."""
        self.promised = max(self.promised, run.work)

    def _removed(self, pod: Object, status: Object) -> None:
        """Metacontroller deletes a pod."""
        name, holds = pod["metadata"]["name"], self.status
        manager = self._manager(pod)
        labels = pod["metadata"]["labels"]
        held = (holds.cluster_revision, holds.incarnation) == (labels[names.LABEL_REVISION], pods.incarnation_of(pod))
        if not held or pods.has_ended(pod) or manager is None or not manager.alive or self._deadline_passed():
            return
        others = sum(slots for other, slots in manager.slots.items() if other != name)
        needed = sum(run.parallelism for run in manager.runs.values() if run.alive)
        assert labels[names.LABEL_ROLE] == names.TASKMANAGER and others >= needed, (
            f"{name} was removed while {JOB} holds it: {status}"
        )

    def _deadline_passed(self) -> bool:
        since = times.from_text(self.cluster["metadata"].get("deletionTimestamp")) if self.cluster else None
        deadline = timedelta(seconds=CLUSTER_SPEC["deletionDeadline"])
        return since is not None and self.clock.now >= since + deadline

    # how it ends

    def round(self, seconds: float = 1.0) -> None:
        """Everybody acts once, with the newest view."""
        for caches in (self.metacontroller.caches, self.supervisor.caches):
            caches.catch_up()
        self.metacontroller.sync_cluster()
        self.metacontroller.sync_jobs()
        self.kubelet()
        self.look()
        self.wait(seconds)
        if self.status.had_state and not self.unrest():
            self.excused = False

    def settle(self, rounds: int = 250) -> None:
        for _ in range(rounds):
            if not (why := self.unrest()):
                return
            self.round()
        raise AssertionError(f"no end after {rounds} rounds: {why}; {self.status.message}; {self.status.failure}")

    def unrest(self) -> str:
        """What is not as the specs and the people want it, '' when all is."""
        cluster, job, status = self.cluster, self.job, self.status
        runs = [run.id for run in self.alive]
        if cluster and any(item and self._asks(item) for item in (cluster, job)):
            return "a request waits"
        if cluster is None or "deletionTimestamp" in cluster["metadata"]:
            return "" if cluster is None and not runs else "the cluster is to go"
        declared, known = clusters.read(cluster), clusters.read_status(cluster)
        report = clusters.report(declared, known)
        here = revisions.in_force(declared, known, report)
        down = bool(cluster["spec"].get("suspend")) or report.stopped
        phase, wanted = cluster["status"].get("supervisorStatus"), "Stopped" if down else "Started"
        target = "" if down else clusters.revision(here, report.restarts)
        # The first pods, if they cannot run, wait for a person; so does a job on pods that were well without it.
        absent = here.runtime["image"] == ABSENT and not known.stable.revision
        useless = here.runtime["image"] == USELESS and not known.on_trial
        if (phase, known.revision) != (wanted, target) and (down or not absent):
            return f"the cluster is {phase}, not {wanted}, or of another revision"
        if job is None or "deletionTimestamp" in job["metadata"]:
            return "" if job is None and not runs else "the job is to go"
        if down:
            return "" if not runs and not status.holds_cluster else "the job runs"
        if absent or useless:
            return "the job runs" if runs else ""
        return self._unrest_of_job(job, status, runs)

    def _asks(self, item: Object) -> bool:
        return item["metadata"]["annotations"].get(names.REQUESTED_ACTION, "NONE") != "NONE"

    def _unrest_of_job(self, job: Object, status: JobStatus, runs: list[str]) -> str:
        wanted = 0 if job["spec"].get("suspend") else job["spec"]["jobParallelism"]
        refused = bool({REFUSED, BROKEN} & set(job["spec"]["bootstrap"].get("arguments", ())))
        if status.supervisor_status == "Stopped":
            by_right = status.stopped_by == "Person" or not wanted or (refused and not status.stable.digest)
            return "" if by_right and not runs else f"the job is Stopped by {status.stopped_by}, {runs} run"
        running = status.supervisor_status == "Started" and bool(status.ready_at) and runs == [status.job_id]
        spec = jobs.read({**job, "spec": {**job["spec"], "restart": {}}}).bootstrap_digest
        # What ran on nothing but useless pods is taken back as well.
        taken_back = (refused or self.useless) and status.rejected.digest == spec
        as_wanted = (status.job_parallelism, status.digest.get("bootstrap")) == (
            wanted,
            status.stable.digest if taken_back else spec,
        )
        return "" if running and as_wanted else f"the job is {status.supervisor_status}"
