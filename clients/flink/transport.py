"""One request to a JobManager, and what its answer proves: the decoded body, or one of the package's errors.

Asks once and retries nothing: the caller knows what a repeat would mean. Safe to share between threads: each request
has a connection of its own, since a kept one that the JobManager closes meanwhile would turn a submission into Unknown
for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from clients.flink.errors import Duplicate, Failed, NotFound, NotReachable, Rejected, TimedOut, Unknown, useful_line

T = TypeVar("T")

# How Flink words what its HTTP status does not tell.
_DUPLICATES = ("DuplicateJobSubmissionException", "DuplicateApplicationSubmissionException")
_NO_JAR = re.compile(r"RestHandlerException: (?:Jar f|F)ile \S+ does not exist")
_NO_SUCH_PATH = re.compile(r"Unable to load requested file")  # no handler's answer: a job was not even looked for
_MAIN_FAILED = "ProgramInvocationException"  # in a 500, wherever main() was
_NO_PROGRAM = re.compile(r"(?:ClassNotFound|ProgramInvocation)Exception: ")  # a 500 before main() is called
_TIMED_OUT = re.compile(r"java\.util\.concurrent\.TimeoutException|AskTimeoutException")  # inside Flink, in a 400


class Transport:
    """To the JobManager at `base_url`."""

    def __init__(self, base_url: str, timeout: tuple[float, float]):
        """`timeout` is (connect, read) in seconds."""
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout

    def read(self, path: str, parse: Callable[[Any], T], params: Mapping[str, str] | None = None) -> T:
        """GET; what `parse` makes of the body."""
        return parsed(path, self.request("GET", path, params=params), parse)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        files: Any = None,
        timeout: tuple[float, float] | None = None,
    ) -> Any:
        """The decoded body. `timeout` is (connect, read) in seconds, instead of the transport's.

        Raises NotReachable when nothing was sent, TimedOut or another Unknown when nobody can tell what became of it,
        and Rejected or one of its kinds for Flink's definite no.
        """
        what = f"{method} {self.base_url}{path}"
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy and no .netrc between us and the JobManager
                response = session.request(
                    method,
                    self.base_url + path,
                    params=params,
                    json=json,
                    files=files,
                    timeout=timeout or self.timeout,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise _broken(what, error) from error
        return _answer(what, response)


def parsed(what: str, answer: Any, parse: Callable[[Any], T]) -> T:
    """What `parse` makes of an answer; Unknown when it is none of Flink's."""
    try:
        return parse(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unknown(f"{what}: not an answer of Flink's: {error!r}") from error


def _broken(what: str, error: requests.RequestException) -> Unknown:
    """Only a connection that was never made proves that nothing was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return NotReachable(f"{what}: no connection in time")
    if isinstance(error, requests.Timeout):
        return TimedOut(f"{what}: no answer in time")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, NewConnectionError):
        return NotReachable(f"{what}: {re.sub(r'^.*Failed to', 'failed to', str(reason))}")
    return Unknown(f"{what}: connection broken: {error}")


def _answer(what: str, response: requests.Response) -> Any:
    """The decoded body of a success; anything else is raised."""
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = None
    if response.ok and response.status_code < 300 and body is not None:
        return body
    raise _failure(what, response.status_code, body)


def _failure(what: str, status: int, body: Any) -> Rejected | Unknown:
    """A refusal counts only in Flink's own form, so that a proxy's 404 is not taken for a job that is gone."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return Unknown(f"{what}: HTTP {status}, not an answer of Flink's")
    whole = "\n".join(map(str, errors))
    text = useful_line(whole)
    if (status == 404 and not _NO_SUCH_PATH.match(text)) or _NO_JAR.match(text):
        return NotFound(status, text)
    if any(name in whole for name in _DUPLICATES):
        return Duplicate(status, text)
    if (400 <= status < 500 and status != 404 and not _TIMED_OUT.search(whole)) or _NO_PROGRAM.match(text):
        return Rejected(status, text)
    if what.endswith("/plan") and _MAIN_FAILED in whole:
        return Rejected(status, text)
    return Failed(f"{what}: HTTP {status}", text)
