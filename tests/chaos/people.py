"""What people do meanwhile, and what they do when it is over so that every job runs again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from clients.kube import KubeError
from clients.kube import resources as r
from tests.e2e.world import World

from .looking import Watcher

log = logging.getLogger("chaos")
PATIENCE = 30.0
ASK_AGAIN = 10.0  # seconds, when a job was to be stopped and runs
CONFIGURATION = "cluster/flinkConfiguration/web.refresh-interval"


class People:
    def __init__(self, world: World, watcher: Watcher, deployment: str, jobs: Sequence[str]) -> None:
        self._world, self._watcher, self._deployment, self._jobs = world, watcher, deployment, jobs
        self._edits = 0

    def act(self, action: str, job: str) -> None:
        match action:
            case "savepoint":
                insist(lambda: self._world.request(r.FLINK_JOBS, job, "TRIGGER_SAVEPOINT"))
            case "restart":
                insist(lambda: self._world.request(r.FLINK_JOBS, job, "STOP"))
            case "scale":
                replicas = 3 - int(self._watcher.seen.jobs[job]["spec"]["jobParallelism"])
                insist(lambda: self._world.scale(r.FLINK_JOBS, job, replicas))
            case "edit-job":
                self._edits += 1
                before = self._watcher.seen.jobs[job]["spec"]["bootstrap"]["arguments"]
                arguments = ["--rate", str(200 + self._edits % 50), *before[2:]]
                path = f"jobs/{self._jobs.index(job)}/spec/bootstrap/arguments"
                insist(lambda: self._world.edit(r.FLINK_DEPLOYMENTS, self._deployment, path, arguments))
            case "edit-cluster":
                self._edits += 1
                value = str(3000 + self._edits)
                insist(lambda: self._world.edit(r.FLINK_DEPLOYMENTS, self._deployment, CONFIGURATION, value))

    def follow(self, action: str, job: str, patience: float) -> str:
        """The second half of a restart, when the first is done; what is lacking still when the patience is over."""
        if action != "restart":
            return ""
        end, again = time.monotonic() + patience, time.monotonic() + ASK_AGAIN
        while (phase := self._watcher.seen.status(job).get("supervisorStatus")) != "Stopped" and time.monotonic() < end:
            if phase == "Started" and time.monotonic() > again:
                self.act(action, job)  # its savepoint failed, so it went on
                again = time.monotonic() + ASK_AGAIN
            time.sleep(0.1)
        insist(lambda: self._world.request(r.FLINK_JOBS, job, "START"))
        return "" if phase == "Stopped" else f"{job} was to stop and is {phase}"


def insist(deed: Callable[[], None]) -> None:
    """As people do when the API does not answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return deed()
        except KubeError as error:
            if time.monotonic() > end:
                raise
            log.info("once more: %s", error)
            time.sleep(0.2)
