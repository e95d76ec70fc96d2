"""The Flink of `bench.scale`: one server plays every JobManager, told apart by the first part of the path.

It says what a healthy JobManager says, at no cost to speak of: what is measured is who asks.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hooks.children.pod import FLINK_DEFAULTS

JAR = "bench.jar"
NEVER = 2**63 - 1
Workers = Callable[[str], Collection[str]]


class JobManager:
    """Its jobs; each runs from its submission to its stop. `checkpoint` is their interval in seconds, 0 for none."""

    def __init__(self, workers: Callable[[], Collection[str]], slots: int, checkpoint: float) -> None:
        self._workers, self._slots, self._checkpoint = workers, slots, checkpoint
        self._jobs: dict[str, float] = {}  # id: since when it runs
        self._ended: dict[str, str] = {}
        self._savepoints: dict[str, str] = {}

    def get(self, path: str) -> Any:
        match path.split("/"):
            case ["config"]:
                return {"flink-version": "2.3.0"}
            case ["jobmanager", "config"]:
                return [{"key": key, "value": value} for key, value in FLINK_DEFAULTS.items()]  # what our pods are told
            case ["overview"]:
                return self._overview()
            case ["taskmanagers"]:
                free = self._slots if not self._jobs else 0
                known = {"path": "", "slotsNumber": self._slots, "freeSlots": free}
                return {"taskmanagers": [{"id": name, **known} for name in sorted(self._workers())]}
            case ["jobs", "overview"]:
                return {"jobs": [self._summary(job) for job in (*self._jobs, *self._ended)]}
            case ["jars"]:
                return {"files": [{"id": JAR, "name": JAR, "uploaded": 0}]}
            case ["jobs", job, "checkpoints"]:
                return self._checkpoints(job)
            case ["jobs", _, "checkpoints", "config"]:
                return {"interval": int(self._checkpoint * 1000) or NEVER}
            case ["jobs", _, "savepoints", trigger] if trigger in self._savepoints:
                return {"status": {"id": "COMPLETED"}, "operation": {"location": self._savepoints[trigger]}}
        return None

    def post(self, path: str, body: Any) -> Any:
        match path.split("/"):
            case ["jars", _, "run"]:
                self._jobs.setdefault(body["jobId"], time.time())
                return {"jobid": body["jobId"]}
            case ["jobs", job, "stop" | "savepoints" as what]:
                self._savepoints[body["triggerId"]] = f"file:///bench/{job}/{body['triggerId']}"
                if what == "stop":
                    self._end(job, "FINISHED")
                return {"request-id": body["triggerId"]}
        return None

    def patch(self, path: str) -> Any:
        self._end(path.rpartition("/")[2], "CANCELED")
        return {}

    def _end(self, job: str, state: str) -> None:
        if self._jobs.pop(job, None):
            self._ended[job] = state

    def _overview(self) -> Any:
        workers = len(self._workers())
        slots = {"taskmanagers": workers, "slots-total": workers * self._slots}
        free = max(0, workers * self._slots - len(self._jobs))
        counts = {"jobs-running": len(self._jobs), "jobs-finished": len(self._ended)}
        return {"flink-version": "2.3.0", **slots, "slots-available": free, **counts} | {
            "jobs-cancelled": 0,
            "jobs-failed": 0,
        }

    def _summary(self, job: str) -> Any:
        runs = job in self._jobs
        tasks = {"deploying": 0, "initializing": 0, "running": int(runs), "finished": int(not runs), "total": 1}
        state = self._ended.get(job, "RUNNING")
        return {"jid": job, "name": "bench", "state": state, "start-time": 0, "duration": 0, "tasks": tasks}

    def _checkpoints(self, job: str) -> Any:
        age = time.time() - self._jobs.get(job, time.time())
        number = int(age / self._checkpoint) if self._checkpoint else 0
        moment = int((time.time() - age + number * self._checkpoint) * 1000)
        newest = {
            "id": number,
            "external_path": f"file:///bench/{job}/chk-{number}",
            "is_savepoint": False,
            "trigger_timestamp": moment,
            "latest_ack_timestamp": moment,
        }
        counts = {"completed": number, "failed": 0, "in_progress": 0, "restored": 0}
        return {"counts": counts, "latest": {"completed": newest if number else None}}


class Flink(ThreadingHTTPServer):
    """At http://127.0.0.1:PORT/NAME is the JobManager of that name; `workers` says which TaskManagers it has."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, workers: Workers, *, slots: int, checkpoint: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._known: dict[str, JobManager] = {}
        self._make: Callable[[str], JobManager] = lambda name: JobManager(lambda: workers(name), slots, checkpoint)
        self._lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.heard: Callable[[str, str], None] = lambda method, path: None
        threading.Thread(target=self.serve_forever, name="flink", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, body: Any) -> Any:
        name, _, rest = path.lstrip("/").partition("/")
        with self._lock:
            about_one = rest.startswith("jobs/") and rest != "jobs/overview"
            self.asked["requests about a job" if about_one else "other requests"] += 1
            self.heard(method, rest)
            found = self._known.setdefault(name, self._make(name))
            if method == "GET":
                return found.get(rest)
            return found.post(rest, body) if method == "POST" else found.patch(rest)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Flink

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = re.sub(r"\?.*", "", self.path)
        found = self.server.answer(self.command, path, json.loads(body) if body else None)
        status, told = (404, {"errors": ["not known"]}) if found is None else (200, found)
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""
