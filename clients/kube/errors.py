"""Everything the Kubernetes client raises.

KubeError
├── ConfigError       the kubeconfig or the pod's own account cannot be used; names the file and the field
├── Unreachable       no (whole) answer: `sent` tells whether the request may have been carried out
└── ApiError          the API server answered with an error: status, reason, message, body, retry_after
    ├── BadRequest 400      ├── Unauthorized 401     ├── Forbidden 403    ├── NotFound 404
    ├── Conflict 409        ├── AlreadyExists 409    ├── Gone 410         ├── Invalid 422
    └── TooManyRequests 429 └── ServerError 5xx

Exceptions of requests and urllib3 never leave this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KubeError(Exception):
    """Base of all errors of this package; str() is a sentence for a person."""


class ConfigError(KubeError):
    """The configuration or a credential it names cannot be used; asking again does not help."""


class NotConfigured(ConfigError):
    """Nothing says where the API server is."""


class Unreachable(KubeError):
    """The API server gave no answer, or only a part of one.

    sent: the request may have reached the server, so a write may or may not have happened.
    passing: it may go away by itself (a refused connection may, an untrusted certificate does not).
    """

    def __init__(self, message: str, *, sent: bool, passing: bool = True) -> None:
        super().__init__(message)
        self.sent = sent
        self.passing = passing


class ApiError(KubeError):
    """The API server's refusal. `body` is the decoded answer (a Status object as a rule) or its text.

    retry_after: seconds the server asked us to wait, or None.
    """

    def __init__(
        self, status: int, reason: str, message: str, body: Any = None, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.body = body
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: the request itself is wrong."""


class Unauthorized(ApiError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ApiError):
    """403: known, but not allowed to do this."""


class NotFound(ApiError):
    """404: no such object, or no such kind."""


class Conflict(ApiError):
    """409: the object changed since it was read (resourceVersion), or the uid differs."""


class AlreadyExists(ApiError):
    """409 with reason AlreadyExists: an object of that name is there."""


class Gone(ApiError):
    """410: the resourceVersion or the page asked for is no longer kept."""


class Invalid(ApiError):
    """422: the object breaks its schema."""


class TooManyRequests(ApiError):
    """429: overload; retry_after is set as a rule."""


class ServerError(ApiError):
    """5xx: the server, or what it asked on our behalf, failed."""


LASTING = (Unauthorized, Forbidden, NotFound, ConfigError)
"""Asking again does not help against these; everything else may pass."""

_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
_LONGEST_TEXT = 300  # characters of a foreign body (an HTML page of some proxy) that a message repeats


def api_error(status: int, body: Any, *, asked: str, retry_after: float | None = None) -> ApiError:
    """The exception for an answer. asked: what was asked, for answers that say nothing themselves ("GET /api/...")."""
    told = body if isinstance(body, Mapping) and body.get("kind") == "Status" else {}
    reason = str(told.get("reason") or "")
    message = str(told.get("message") or "") or _describe(status, body, asked)
    kind = AlreadyExists if reason == "AlreadyExists" else _BY_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= 500 else ApiError
    return kind(status, reason or kind.__name__, message, body, retry_after=retry_after)


def _describe(status: int, body: Any, asked: str) -> str:
    text = " ".join(str(body).split()) if body else "no text"
    return f"{asked} was answered with {status}: {text[:_LONGEST_TEXT]}"
