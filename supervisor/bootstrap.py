"""The bootstrap program: carries one JAR to the JobManager. It has no access to Kubernetes; its termination message is
its only word: {"jarId": "..."} or {"error": "..."}."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from clients.flink import FlinkClient, FlinkError, Rejected
from core.redaction import redacted

WAIT_SECONDS = 600.0
RETRY_SECONDS = 0.1


def deliver(
    flink: FlinkClient,
    jar: Path,
    *,
    deadline: float = WAIT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """The id under which the JobManager knows this JAR, uploading it if it does not. Waits for the JobManager.

    OSError when the JAR cannot be read; FlinkError when the JobManager refuses it or does not answer in time.
    """
    end, name = clock() + deadline, content_name(jar)
    while True:
        try:
            return delivered(flink, jar, name)
        except Rejected:
            raise
        except FlinkError:
            if clock() >= end:
                raise
        sleep(RETRY_SECONDS)


def delivered(flink: FlinkClient, jar: Path, name: str) -> str:
    """Likewise, at once or not at all. `name` is its content_name."""
    known = [found for found in flink.jars() if found.name == name]
    if known:
        return max(known, key=lambda found: found.uploaded).id
    return flink.upload(jar, name)


def content_name(jar: Path) -> str:
    """The file's name behind a hash of its content: the same name is the same JAR."""
    return f"{hashlib.sha256(jar.read_bytes()).hexdigest()[:16]}-{jar.name}"


def is_content_name(name: str) -> bool:
    return re.match(r"[0-9a-f]{16}-.", name) is not None


def run(url: str, jar: Path, message: Path) -> int:
    """The whole program; returns its exit code."""
    try:
        said, code = {"jarId": deliver(FlinkClient(url), jar)}, 0
    except OSError as error:
        said, code = {"error": f"cannot read the JAR {jar}: {error.strerror or error}"}, 1
    except FlinkError as error:
        said, code = {"error": redacted(f"cannot upload the JAR {jar.name}: {error}")}, 1
    text = json.dumps(said)
    print(text)
    message.write_text(text)
    return code
