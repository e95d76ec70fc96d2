"""The steps of the demo: each does one thing, waits for what should come of it, and checks that it held."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from cli.demo.scene import JOBS, NAME, NAMESPACE, Scene, Seen
from clients.kube import resources
from core import names, times

FAST, SLOW = JOBS
STEP_SECONDS = 60.0
# A count is read from metrics that are up to half a second old, and a checkpoint's time is that of its end.
SLACK = timedelta(seconds=3)


class Broken(Exception):
    """A step did not come to what it should, or something that must hold did not."""


def steps(scene: Scene, manifest: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """What the step is, and the function that does it and says what was seen."""
    yield "apply the FlinkDeployment: one cluster, two jobs", lambda: _apply(scene, manifest)
    yield "take a savepoint of the fast job", lambda: _savepoint(scene)
    yield "stop the fast job with a savepoint", lambda: _stop(scene)
    yield "start it from that savepoint", lambda: _start(scene)
    yield "give the slow job a parallelism of 3: another TaskManager, savepoint, resume", lambda: _scale(scene)
    yield "kill -9 the JobManager: both jobs come back", lambda: _kill(scene)
    yield "delete everything", lambda: _delete(scene)


def _wait(scene: Scene, what: str, done: Callable[[Seen], bool], seconds: float = STEP_SECONDS) -> Seen:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = scene.seen
        _check_counts(seen)
        if done(seen):
            return seen
        time.sleep(0.05)
    raise Broken(f"{what}: not within {seconds:.0f} s")


def _check_counts(seen: Seen) -> None:
    for job, gauges in seen.gauges.items():
        if gauges.errors:
            raise Broken(f"{job}: {gauges.errors} records were lost or counted twice")
    claimed = [seen.status(job).get("jobId") for job in JOBS]
    if len(seen.running) > len(JOBS):
        raise Broken(f"{len(seen.running)} jobs run in Flink for {len(JOBS)} FlinkJobs: {seen.running}, {claimed}")


def _both_run(seen: Seen) -> bool:
    """Ready, counting, and exactly one job in Flink for each FlinkJob."""
    ids = sorted(str(seen.status(job).get("jobId")) for job in JOBS)
    return seen.all_ready() and set(seen.gauges) == set(JOBS) and sorted(seen.running) == ids


def _apply(scene: Scene, manifest: dict[str, Any]) -> str:
    scene.client.create(resources.FLINK_DEPLOYMENTS, manifest, namespace=NAMESPACE)
    seen = _wait(scene, "both jobs run", _both_run, 90)
    counted = " and ".join(str(seen.gauges[job].total) for job in JOBS)
    return f"both jobs run, and have {counted} words in their state, each exactly once"


def _request(scene: Scene, job: str, action: str) -> None:
    annotations = {names.REQUESTED_ACTION: action, names.ACTION_TIMESTAMP: str(time.time_ns() // 1_000_000)}
    scene.client.patch(resources.FLINK_JOBS, job, {"metadata": {"annotations": annotations}}, namespace=NAMESPACE)


def _savepoint(scene: Scene) -> str:
    before = scene.seen.status(FAST).get("savepointPath", "")
    _request(scene, FAST, "TRIGGER_SAVEPOINT")
    seen = _wait(scene, "a savepoint", lambda seen: seen.status(FAST).get("savepointPath", "") not in ("", before))
    return _short(seen.status(FAST)["savepointPath"])


def _stop(scene: Scene) -> str:
    before = scene.seen.status(FAST).get("savepointPath", "")
    _request(scene, FAST, "STOP")

    def stopped(seen: Seen) -> bool:
        status = seen.status(FAST)
        own = scene.history[FAST][-1][1]
        return (
            status.get("supervisorStatus") == "Stopped"
            and status.get("savepointPath") != before
            and own not in seen.running
        )

    seen = _wait(scene, "the job is stopped, with a savepoint", stopped)
    return f"{_short(seen.status(FAST)['savepointPath'])}; the slow job runs on"


def _start(scene: Scene) -> str:
    path = scene.seen.status(FAST)["savepointPath"]
    had = scene.history[FAST][-1][2]
    _request(scene, FAST, "START")
    seen = _wait(scene, "the job runs from the savepoint", lambda seen: _both_run(seen))
    return _resumed(seen, FAST, path, had)


def _resumed(seen: Seen, job: str, path: str, had: int) -> str:
    """The job started from exactly this path, and has at least what was counted before it was taken."""
    status, gauges = seen.status(job), seen.gauges[job]
    if path not in (status.get("restoredPath"), status.get("restorePath")):
        raise Broken(f"{job} started from {status.get('restoredPath')}, not from {path}")
    if gauges.restored < had:
        raise Broken(f"{job} came back with {gauges.restored} records; {had} were counted before")
    words = f"{had} words seen before, {gauges.restored} restored, now {gauges.total}"
    return f"{job.removeprefix(NAME + '-')}: {words}"


def _scale(scene: Scene) -> str:
    had, old = scene.history[SLOW][-1][2], scene.seen.status(SLOW)["jobId"]
    scene.client.patch(resources.FLINK_JOBS, SLOW, {"spec": {"replicas": 3}}, namespace=NAMESPACE, subresource="scale")

    def resumed(seen: Seen) -> bool:
        status = seen.status(SLOW)
        return status.get("jobId") != old and status.get("jobParallelism") == 3 and _both_run(seen)

    seen = _wait(scene, "the job runs with parallelism 3", resumed, 90)
    replicas = (seen.cluster or {}).get("status", {}).get("taskManagerReplicas")
    return f"{replicas} TaskManagers; {_resumed(seen, SLOW, seen.status(SLOW)['restorePath'], had)}"


def _kill(scene: Scene) -> str:
    pod = next(pod for pod in scene.seen.pods if pod["metadata"]["labels"].get(names.LABEL_ROLE) == names.JOBMANAGER)
    container = pod["status"]["containerStatuses"][0]["containerID"]
    before = {job: scene.seen.status(job)["jobId"] for job in JOBS}
    os.kill(int(container.removeprefix("process://")), signal.SIGKILL)

    def back(seen: Seen) -> bool:
        return all(seen.status(job).get("jobId") not in ("", before[job]) for job in JOBS) and _both_run(seen)

    seen = _wait(scene, "both jobs run again", back, 90)
    return "; ".join(_recovered(scene, seen, job) for job in JOBS)


def _recovered(scene: Scene, seen: Seen, job: str) -> str:
    """Not behind the recovery point: what was counted before it was taken is there."""
    path = seen.status(job)["restorePath"]
    point = next(item for item in seen.status(job)["recoveryPoints"] if item["path"] == path)
    moment = times.from_text(point["timestamp"])
    if moment is None:
        raise Broken(f"{job}: recovery point {path} has no time")
    return _resumed(seen, job, path, scene.count_before(job, moment - SLACK))


def _delete(scene: Scene) -> str:
    scene.client.delete(resources.FLINK_DEPLOYMENTS, NAME, namespace=NAMESPACE)

    def gone(seen: Seen) -> bool:
        return not (seen.deployment or seen.cluster or seen.jobs or seen.pods)

    _wait(scene, "everything is gone", gone)
    return "no resource and no process is left"


def _short(path: str) -> str:
    return path.rsplit("/", 1)[-1]
