"""One container of a pod: its process, probes and restarts. The pod's thread drives it; others only leave notes."""

import functools
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clients.kube.errors import KubeError
from local.kubelet.environment import EnvironmentProblem
from local.kubelet.guard import Guard, kill_group
from local.kubelet.launch import ImagePending, ImageProblem, Launch, StartProblem
from local.kubelet.probes import Target, watch_probe
from local.kubelet.status import Backoff, ContainerView, Object, should_restart, timestamp

_MESSAGE_BYTES = 4096
_FALLBACK_BYTES = 2048  # of the log, for terminationMessagePolicy FallbackToLogsOnError
_FORGIVEN = 600.0  # seconds of life after which earlier crashes no longer count, as on a real node


class Prepared(NamedTuple):
    """Everything a start needs."""

    launch: Launch
    cwd: Path
    target: Target


class Files(NamedTuple):
    """Where a container's output goes."""

    log: Path
    message: Path


class Container:
    """Start, watch, restart and stop one container."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        policy: str,
        files: Files,
        prepare: Callable[[Mapping[str, Any]], Prepared],
        guard: Guard,
        backoff: Backoff,
        wake: Callable[[], None],
    ) -> None:
        self.spec, self._policy, self._files = spec, policy, files
        self._prepare, self._guard, self._backoff, self._wake = prepare, guard, backoff, wake
        self._notes: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()  # (probe kind or "exit", verdict or code)
        self._process: subprocess.Popen[bytes] | None = None
        self._state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self._last_state: Object = {}
        self._restarts = self._crashes = self._pulls = 0
        self._due = self._born = 0.0
        self._kill_at: float | None = None
        self._passed: set[str] = set()  # probes whose last verdict is good
        self._stop_probes = threading.Event()

    @property
    def running(self) -> bool:
        return self._process is not None

    def view(self) -> ContainerView:
        """What the status says about it now."""
        started = self.running and "startup" in self._passed
        pid = (
            f"process://{self._process.pid}"
            if self._process
            else self._state.get("terminated", {}).get("containerID", "")
        )
        ready = started and "readiness" in self._passed
        name, image = self.spec["name"], self.spec.get("image", "")
        return ContainerView(name, image, self._state, self._last_state, self._restarts, ready, started, pid)

    def settle(self, now: float) -> float | None:
        """Take notice of exits and probes, kill what had its time; seconds until it must be called again."""
        while not self._notes.empty():
            kind, value = self._notes.get()
            if kind == "exit":
                self._exited(value)
            elif self._process and not value and kind in ("liveness", "startup"):
                self.stop(self.spec.get("terminationGracePeriodSeconds", 30), now)
            else:
                self._probed(kind, bool(value))
        if self._process is None or self._kill_at is None:
            return None
        if now >= self._kill_at:
            kill_group(self._process.pid, signal.SIGKILL)
            return 1.0
        return self._kill_at - now

    def advance(self, now: float) -> float | None:
        """Start it when that is due; seconds until it must be called again."""
        if self._process:
            return None
        ended = self._state.get("terminated")
        if ended:
            if not should_restart(self._policy, ended["exitCode"]):
                return None
            self._last_state = self._state
            self._due = now + (self._backoff.delay(self._crashes) if self._crashes else 0.0)
            self._crashes += 1
            self._wait("CrashLoopBackOff", f"back-off restarting failed container {self.spec['name']}")
        if now < self._due:
            waiting = self._state["waiting"]
            if waiting.get("reason") == "ErrImagePull":
                back_off = f'Back-off pulling image "{self.spec.get("image", "")}": ErrImagePull: {waiting["message"]}'
                self._wait("ImagePullBackOff", back_off)
            return self._due - now
        return self._start(now)

    def stop(self, grace: float, now: float) -> None:
        """SIGTERM to its group, SIGKILL after `grace` seconds. Repeats may shorten the time."""
        if self._process is None:
            return
        if self._kill_at is None and grace > 0:
            kill_group(self._process.pid, signal.SIGTERM)
        self._kill_at = min(now + grace, self._kill_at if self._kill_at is not None else now + grace)

    def _start(self, now: float) -> float | None:
        try:
            prepared = self._prepare(self.spec)
        except ImagePending as pending:
            self._retry("ContainerCreating", pending, now + self._backoff.first)
            return self._backoff.first
        except ImageProblem as problem:
            self._pulls += 1
            self._retry("ErrImagePull", problem, now + self._backoff.delay(self._pulls))
            return 0.0  # to say next that it backs off
        except (EnvironmentProblem, KubeError, OSError) as problem:
            self._retry("CreateContainerConfigError", problem, now + self._backoff.first)
            return self._backoff.first
        except StartProblem as problem:
            return self._failed_to_start(problem)
        self._files.message.write_bytes(b"")
        self._files.log.parent.mkdir(parents=True, exist_ok=True)
        if self._files.log.exists():
            self._files.log.rename(self._files.log.with_suffix(".previous.log"))
        launch, cwd, target = prepared
        try:
            self._process = self._guard.spawn(
                launch.argv, launch.env, cwd, self._files.log, functools.partial(self._note, "exit")
            )
        except OSError as problem:
            return self._failed_to_start(problem)
        self._restarts += bool(self._last_state)
        self._born, self._kill_at = now, None
        self._state = {"running": {"startedAt": timestamp(time.time())}}
        self._watch_probes(target)
        return None

    def _watch_probes(self, target: Target) -> None:
        """Probes that are not there have passed; the others wait for the startup probe."""
        self._stop_probes = threading.Event()
        declared = {
            kind: self.spec[f"{kind}Probe"]
            for kind in ("startup", "liveness", "readiness")
            if self.spec.get(f"{kind}Probe")
        }
        self._passed = {"startup", "readiness"} - set(declared)
        stop, started = self._stop_probes, threading.Event()

        def follow(kind: str) -> None:
            def note(verdict: bool) -> None:
                if kind == "startup" and verdict:
                    started.set()
                self._note(kind, int(verdict))

            while kind != "startup" and "startup" in declared and not started.wait(0.1):
                if stop.is_set():
                    return
            watch_probe(declared[kind], target, stop, note)

        for kind in declared:
            threading.Thread(target=follow, args=(kind,), name=f"{kind}-{self.spec['name']}", daemon=True).start()

    def _note(self, kind: str, value: int) -> None:
        self._notes.put((kind, value))
        self._wake()

    def _probed(self, kind: str, good: bool) -> None:
        (self._passed.add if good else self._passed.discard)(kind)

    def _exited(self, code: int) -> None:
        pid = self._process.pid if self._process else 0
        self._process = None
        self._stop_probes.set()
        if time.monotonic() - self._born > _FORGIVEN:
            self._crashes = 0
        started_at = self._state.get("running", {}).get("startedAt")
        self._end(code if code >= 0 else 128 - code, "Completed" if code == 0 else "Error", self._message(code))
        details = {
            "startedAt": started_at,
            "containerID": f"process://{pid}",
            **({"signal": -code} if code < 0 else {}),
        }
        self._state["terminated"].update(details)

    def _message(self, code: int) -> str:
        data = self._files.message.read_bytes()[:_MESSAGE_BYTES] if self._files.message.is_file() else b""
        if not data and code != 0 and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            data = self._files.log.read_bytes()[-_FALLBACK_BYTES:]
        return data.decode(errors="replace")

    def _failed_to_start(self, problem: Exception) -> float:
        self._restarts += bool(self._last_state)
        self._end(128, "StartError", str(problem))
        return 0.0

    def _end(self, exit_code: int, reason: str, message: str) -> None:
        now = timestamp(time.time())
        ended = {"exitCode": exit_code, "reason": reason, "message": message, "startedAt": now, "finishedAt": now}
        self._state = {"terminated": {key: value for key, value in ended.items() if value != ""}}

    def _retry(self, reason: str, problem: Exception, due: float) -> None:
        self._wait(reason, str(problem))
        self._due = due

    def _wait(self, reason: str, message: str) -> None:
        self._state = {"waiting": {"reason": reason, "message": message}}
