"""Each kind of fault as it is done in a place. A fault begins, and most are over with that; the others end later."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from clients.kube import KubeError, NotFound
from clients.kube import resources as r
from core import names
from local.store import Ill
from tests.e2e import places
from tests.e2e.places import Place

from .looking import Object, Watcher
from .plan import Fault
from .rest import Rest

log = logging.getLogger("chaos")
NEW_SECONDS, PACE = 30.0, 0.02  # to the bootstrap or submission that follows the loss of a JobManager
LAG = 2.0  # seconds that watches are late
End = Callable[[], None]


def nothing() -> None:
    pass


class Hands:
    """Does what the plan says. `victims`: (pod's uid, container's id) of what was killed, which must be gone before
    anything counts as recovered. `missed`: faults for which there was nobody at that moment."""

    def __init__(self, place: Place, watcher: Watcher, rest: Rest | None, api: tuple[str, str] = ("", "")) -> None:
        self._place, self._watcher, self._rest = place, watcher, rest
        self._stop_api, self._start_api = api
        self.victims: set[tuple[str, str]] = set()
        self.missed: list[str] = []

    def begin(self, fault: Fault) -> End:
        """Returns how it ends."""
        subject, _, what = fault.kind.partition("-")
        seed = int(fault.pick * 1000)
        match subject, what:
            case "api", "stopped":
                _run(self._stop_api)
                return lambda: _run(self._start_api)
            case "api", _:
                assert self._place.trouble
                self._place.trouble.begin(Ill(what), fault.share, seed)
                return self._place.trouble.end
            case "watches", "cut":
                assert self._place.trouble
                self._place.trouble.cut()
                return nothing
            case "watches", _:
                assert self._place.trouble
                self._place.trouble.lag = LAG
                return self._place.trouble.end
            case "rest", _:
                assert self._rest
                self._rest.begin(what, fault.share, seed)
                return self._rest.end
            case "submission", _:
                return self._lose_submission(fault)
            case "metacontroller", _:
                self._place.restart_metacontroller()
                return nothing
            case "bootstrap", _:
                return self._kill_bootstrap(fault)
            case role, "frozen":
                return self._freeze(self._choose(fault, self._pods(role)))
            case role, _:
                self._end_pod(fault, self._pods(role), politely=what == "deleted")
                return nothing

    def _pods(self, role: str) -> Sequence[Object]:
        if role != "hooks":
            return [pod for pod in self._watcher.seen.of_role(role) if container(pod)]
        namespace, selector = places.HOOKS
        found: list[Object] = self._place.client.list(r.PODS, namespace=namespace, label_selector=selector)["items"]
        return [pod for pod in found if container(pod)]

    def _choose(self, fault: Fault, pods: Sequence[Object]) -> Object | None:
        if not pods:
            self.missed.append(fault.kind)
            return None
        return pods[int(fault.pick * len(pods))]

    def _end_pod(self, fault: Fault, pods: Sequence[Object], *, politely: bool) -> None:
        pod = self._choose(fault, pods)
        if pod is None:
            return
        victim = pod["metadata"]["uid"], container(pod)
        self.victims.add(victim)
        try:
            if politely:
                metadata = pod["metadata"]
                self._place.client.delete(r.PODS, metadata["name"], namespace=metadata["namespace"])
            else:
                self._place.kill(pod)
        except (NotFound, ProcessLookupError) as error:
            log.info("%s was gone already: %s", pod["metadata"]["name"], error)
        except KubeError as error:  # the other fault of this step is about the API server
            log.info("%s was not ended: %s", pod["metadata"]["name"], error)
            self.victims.discard(victim)
            self.missed.append(fault.kind)

    def _kill_bootstrap(self, fault: Fault) -> End:
        """There is one after a new JobManager; killed as soon as it runs."""
        self._end_pod(fault, self._pods(names.JOBMANAGER), politely=False)
        end = time.monotonic() + NEW_SECONDS
        while not (found := self._pods(names.BOOTSTRAP)):
            if time.monotonic() > end:
                self.missed.append(fault.kind)
                return nothing
            time.sleep(PACE)
        self._end_pod(fault, found, politely=False)
        return nothing

    def _lose_submission(self, fault: Fault) -> End:
        """There is one after a new JobManager: the answer to the first is lost."""
        assert self._rest
        self._rest.begin("submission", 1.0, 0)
        self._end_pod(fault, self._pods(names.JOBMANAGER), politely=False)
        if not self._rest.lost.wait(NEW_SECONDS):
            self.missed.append(fault.kind)
        self._rest.end()
        return nothing

    def _freeze(self, pod: Object | None) -> End:
        """It neither works nor ends; what is sent to it waits, and is done when it goes on."""
        if pod is None:
            return nothing
        group = int(container(pod).removeprefix("process://"))
        _signal(group, signal.SIGSTOP)
        return lambda: _signal(group, signal.SIGCONT)


def container(pod: Object) -> str:
    """The id of the pod's running container, '' without one."""
    statuses: list[dict[str, Any]] = (pod.get("status") or {}).get("containerStatuses") or []
    return next((str(item["containerID"]) for item in statuses if "running" in (item.get("state") or {})), "")


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        log.info("process group %d was gone already", group)


def _run(command: str) -> None:
    subprocess.run(command, shell=True, check=True, timeout=120)
