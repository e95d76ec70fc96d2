"""Flink's REST API behind the API server's proxy: what the measurements read there, and what a bare script does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from cli.demo import wordcount
from clients.kube import KubeClient, KubeError

SECONDS = 60.0


class Rest:
    """`door` is the path of a pod's or a service's proxy."""

    def __init__(self, client: KubeClient, door: str) -> None:
        self._client, self._door = client, door

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The decoded answer, None while nobody gives one."""
        try:
            return self._client.request("GET", self._door + path, params=params, repeat_server_errors=False).json()
        except KubeError:
            return None

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._client.request("POST", self._door + path, json=body, timeout=(SECONDS, SECONDS)).json()

    def upload(self, jar: Path) -> str:
        """The id of the JAR."""
        connection = self._client.connection
        credential = connection.credentials.get()
        answer = requests.post(
            f"{connection.server}{self._door}/jars/upload",
            files={"jarfile": (jar.name, jar.read_bytes(), "application/java-archive")},
            headers=credential.headers,
            cert=credential.cert,
            verify=connection.verify,
            timeout=SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["filename"]).rpartition("/")[2]

    # ---- a job -------------------------------------------------------------------------------------------------------

    def running(self, but: str = "") -> str:
        """The id of the job whose tasks all run, '' for none; `but` does not count."""
        for job in (self.get("/jobs/overview") or {"jobs": []})["jobs"]:
            tasks = job["tasks"]
            if job["jid"] != but and job["state"] == "RUNNING" and tasks["running"] == tasks["total"] > 0:
                return str(job["jid"])
        return ""

    def checkpoint(self, job: str) -> Mapping[str, Any]:
        """The newest that a run has completed, a savepoint too; empty when there is none."""
        found = self._checkpoints(job)
        done = [found.get(kind) or {} for kind in ("completed", "savepoint")]
        return max(done, key=lambda item: item.get("id", 0))

    def restored(self, job: str) -> int:
        """The number of the checkpoint or savepoint that a run began with, 0 for none."""
        return int((self._checkpoints(job).get("restored") or {}).get("id", 0))

    def _checkpoints(self, job: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.get(f"/jobs/{job}/checkpoints") or {}).get("latest") or {}
        return found

    def gauges(self, job: str, *names: str) -> dict[str, int]:
        """What the word count says of itself; a gauge that it does not show yet is left out."""
        return wordcount.gauges(self.get, job, *names)
