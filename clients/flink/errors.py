"""What can go wrong with Flink, and the one useful line in its stack traces. Pure; the tree is drawn in the package."""

from __future__ import annotations

import re

_CLASS_NAME = re.compile(r"(?:[a-z_]\w*\.)+([A-Z][\w$]*)")
_CAUSED_BY = re.compile(r"^Caused by: (.+)$", re.MULTILINE)
_FRAME = re.compile(r"^\s*(?:at .+\(.*\)|\.\.\. \d+ more)$")
_SETTING = re.compile(r"Could not parse value .* for key ")
_EMPTY = ("Internal server error.", "<Exception on server side:", "End of exception on server side>")


class FlinkError(Exception):
    """Anything that went wrong between us and Flink."""


class Rejected(FlinkError):
    """Flink's own, definite no. `status` is the HTTP status, `text` the useful line of what it said."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status
        self.text = text


class NotFound(Rejected):
    """No such job, JAR or operation on this JobManager."""


class Duplicate(Rejected):
    """A job with that id is already known to this JobManager, running or finished."""


class Unknown(FlinkError):
    """Nobody knows whether it happened."""


class Failed(Unknown):
    """Flink says that something went wrong, and not how far it had come. `text` is the useful line of what it said."""

    def __init__(self, what: str, text: str):
        super().__init__(f"{what}: {text}")
        self.text = text


class TimedOut(Unknown):
    """Asked, and no answer in the time that was given."""


class NotReachable(Unknown):
    """No connection was made: nothing was sent."""


def useful_line(trace: str) -> str:
    """The deepest cause that has a message, without its package; '' for an empty trace. The setting that cannot be read
    is named by another one.

    Causes of suppressed exceptions are indented, so they are not taken.
    """
    lines = [line for line in trace.splitlines() if line.strip() and not _FRAME.match(line)]
    told = [line for line in lines if not line.startswith(_EMPTY)] or lines
    causes = [_short(line) for line in [*told[:1], *_CAUSED_BY.findall(trace)]]
    with_message = [cause for cause in causes if not re.fullmatch(r"[\w$]+", cause)]
    last = (with_message or causes or [""])[-1]
    setting = next((cause for cause in with_message if _SETTING.search(cause)), last)
    return last if setting == last else f"{setting} {last}"


def _short(line: str) -> str:
    """java.util.concurrent.CompletionException: java.io.IOException: disk full -> IOException: disk full."""
    words = line.strip().split(": ")
    classes = 0
    while classes < len(words) and _CLASS_NAME.fullmatch(words[classes]):
        classes += 1
    if not classes:
        return line.strip()
    name = _CLASS_NAME.sub(r"\1", words[classes - 1])
    return ": ".join([name, *words[classes:]])
