"""What can be asked of one JobManager's REST API, Flink 1.17 to 2.3. Retries nothing, and is safe to share between
threads: see the transport.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clients.flink.errors import NotFound, Rejected, Unknown
from clients.flink.records import (
    Capabilities,
    Checkpoints,
    Jar,
    JobDetails,
    JobSummary,
    Operation,
    Overview,
    TaskManager,
    interval,
    newest_exception,
)
from clients.flink.transport import Transport, parsed

UPLOAD_SECONDS = 120.0


class FlinkClient:
    """Every method raises the errors drawn in the package: Rejected for Flink's definite no, else Unknown."""

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2.0, 10.0)):
        """`timeout` is (connect, read) in seconds."""
        self._rest = Transport(base_url, timeout)
        self.base_url = self._rest.base_url

    # The cluster

    def config(self) -> dict[str, Any]:
        """Version (`flink-version`) and features; read it once for each life of a JobManager."""
        return self._rest.read("/config", dict)

    def overview(self) -> Overview:
        return self._rest.read("/overview", Overview.of)

    def jobmanager_config(self) -> dict[str, str]:
        """The effective configuration; secrets are masked by Flink."""
        return self._rest.read("/jobmanager/config", lambda answer: {each["key"]: each["value"] for each in answer})

    def taskmanagers(self) -> tuple[TaskManager, ...]:
        return self._rest.read("/taskmanagers", lambda answer: tuple(map(TaskManager.of, answer["taskmanagers"])))

    # Jobs

    def jobs(self) -> tuple[JobSummary, ...]:
        """Running jobs, and finished ones for as long as Flink keeps them (an hour by default); never a cached list."""
        return self._rest.read("/jobs/overview", lambda answer: tuple(map(JobSummary.of, answer["jobs"])))

    def status(self, job_id: str) -> str:
        """As it is now; the other questions about one job show it as it was up to web.refresh-interval (3 s) ago."""
        return self._rest.read(_job(job_id, "status"), lambda answer: str(answer["status"]))

    def job(self, job_id: str) -> JobDetails:
        return self._rest.read(_job(job_id), JobDetails.of)

    def checkpoints(self, job_id: str) -> Checkpoints:
        return self._rest.read(_job(job_id, "checkpoints"), Checkpoints.of)

    def checkpointing_config(self, job_id: str) -> int | None:
        """Milliseconds between two checkpoints; None when checkpointing is off."""
        return self._rest.read(_job(job_id, "checkpoints", "config"), interval)

    def exceptions(self, job_id: str) -> str:
        """The useful line of the newest exception, '' if there is none."""
        found = self._rest.read(_job(job_id, "exceptions"), newest_exception)
        if not found:
            # From 2.3 on the adaptive scheduler tells only the job's application why a restore failed.
            with suppress(Rejected, Unknown):
                found = self._rest.read(f"/applications/{quote(job_id, safe='')}/exceptions", newest_exception)
        return found

    def cancel(self, job_id: str) -> None:
        """A job that is gone or already ended counts as cancelled."""
        try:
            self._rest.request("PATCH", _job(job_id), params={"mode": "cancel"})
        except Rejected as error:
            if error.status not in (404, 409):
                raise

    # JARs

    def upload(self, path: str | Path, name: str) -> str:
        """Uploads a JAR under a file name; returns its id, which also holds a random part."""
        part = {"jarfile": (name, Path(path).read_bytes(), "application/java-archive")}
        answer = self._rest.request("POST", "/jars/upload", files=part, timeout=(UPLOAD_SECONDS, UPLOAD_SECONDS))
        return parsed("/jars/upload", answer, lambda found: str(found["filename"]).rpartition("/")[2])

    def jars(self) -> tuple[Jar, ...]:
        return self._rest.read("/jars", lambda answer: tuple(map(Jar.of, answer["files"])))

    def delete_jar(self, jar_id: str) -> None:
        """A JAR that is gone counts as deleted."""
        with suppress(NotFound):
            self._rest.request("DELETE", f"/jars/{quote(jar_id, safe='')}")

    def run(
        self,
        jar_id: str,
        *,
        entry_class: str | None,
        arguments: Sequence[str],
        parallelism: int | None,
        job_id: str,
        savepoint_path: str | None = None,
        allow_non_restored_state: bool = False,
        claim_mode: str = "NO_CLAIM",
        flink_configuration: Mapping[str, str],
        capabilities: Capabilities,
        timeout_seconds: float,
    ) -> str:
        """Runs main() inside this call, and with it submits the job; returns its id (32 hex).

        Duplicate: the job id is taken. NotFound: no such JAR. Rejected: main() threw, the class or the savepoint is
        not there; but a main() that threw after it had submitted leaves a job that runs, and a bad savepoint one that
        FAILED, so look at the job. Even a success proves little: the adaptive scheduler reads the savepoint afterwards.
        """
        body: dict[str, Any] = {
            "jobId": job_id,
            "programArgsList": list(arguments),
            "flinkConfiguration": dict(flink_configuration),
        }
        if entry_class:
            body["entryClass"] = entry_class
        if parallelism is not None:
            body["parallelism"] = parallelism
        if savepoint_path:
            body["savepointPath"] = savepoint_path
            body["allowNonRestoredState"] = allow_non_restored_state
            body["claimMode" if capabilities.claim_mode else "restoreMode"] = claim_mode
        path = f"/jars/{quote(jar_id, safe='')}/run"
        answer = self._rest.request("POST", path, json=body, timeout=(self._rest.timeout[0], timeout_seconds))
        return parsed(path, answer, lambda found: str(found["jobid"]))

    def plan(
        self,
        jar_id: str,
        *,
        entry_class: str | None,
        arguments: Sequence[str],
        parallelism: int,
        flink_configuration: Mapping[str, str],
        timeout_seconds: float,
    ) -> str:
        """Runs main() up to where it would submit the job; returns the name that it gives it. NotFound: no such JAR.
        Rejected: main() threw or submits nothing, or the class is not there. TimedOut: it did not come so far."""
        body: dict[str, Any] = {
            "programArgsList": list(arguments),
            "parallelism": parallelism,
            "flinkConfiguration": dict(flink_configuration),
        }
        if entry_class:
            body["entryClass"] = entry_class
        path = f"/jars/{quote(jar_id, safe='')}/plan"
        answer = self._rest.request("POST", path, json=body, timeout=(self._rest.timeout[0], timeout_seconds))
        return parsed(path, answer, lambda found: str(found["plan"]["name"]))

    # Savepoints

    def stop(
        self,
        job_id: str,
        *,
        trigger_id: str,
        target_directory: str | None,
        drain: bool = False,
        format_type: str = "CANONICAL",
    ) -> None:
        """Starts a stop with savepoint; poll `operation`, which also tells of a job that is not there.

        The same trigger id again is the same operation, for as long as its result is kept (5 minutes by default) by
        this life of the JobManager.
        """
        body = {"drain": drain, "formatType": format_type, "triggerId": trigger_id}
        if target_directory:
            body["targetDirectory"] = target_directory
        self._rest.request("POST", _job(job_id, "stop"), json=body)

    def savepoint(
        self, job_id: str, *, trigger_id: str, target_directory: str | None, format_type: str = "CANONICAL"
    ) -> None:
        """Starts a savepoint; the job goes on. Trigger ids as in `stop`."""
        body = {"cancel-job": False, "formatType": format_type, "triggerId": trigger_id}
        if target_directory:
            body["target-directory"] = target_directory
        self._rest.request("POST", _job(job_id, "savepoints"), json=body)

    def operation(self, job_id: str, trigger_id: str) -> Operation:
        """NotFound when this JobManager never knew it, or knows it no longer."""
        return self._rest.read(_job(job_id, "savepoints", trigger_id), Operation.of)

    def dispose(self, path: str) -> str:
        """Begins to delete a savepoint's files; returns Flink's id of that. A second time it fails: they are gone."""
        answer = self._rest.request("POST", "/savepoint-disposal", json={"savepoint-path": path})
        return parsed("/savepoint-disposal", answer, lambda found: str(found["request-id"]))

    def disposal(self, request_id: str) -> Operation:
        """NotFound when this JobManager never knew it, or knows it no longer."""
        return self._rest.read(f"/savepoint-disposal/{quote(request_id, safe='')}", Operation.of_disposal)

    # Anything else

    def metrics(self, path: str, names: Sequence[str]) -> dict[str, str]:
        """Values by name, of e.g. /jobs/:id/metrics; a metric that Flink does not have is left out."""
        return self._rest.read(
            path, lambda answer: {each["id"]: each["value"] for each in answer}, {"get": ",".join(names)}
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The decoded answer to any GET."""
        return self._rest.request("GET", path, params=params)


def _job(job_id: str, *parts: str) -> str:
    return "/".join(["/jobs", *(quote(part, safe="") for part in (job_id, *parts))])
