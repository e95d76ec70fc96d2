"""What a person is told while the API server is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cli import output
from cli.errors import Failed, sentence
from clients.kube import KubeError

PATIENCE = 60.0  # seconds without an answer after which nobody is waited for any more


class Contact:
    """Says once that the server is lost, and once that it is back; Failed when it stays away."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._lock = threading.Lock()

    def hear(self, trouble: KubeError | None) -> None:
        """A failure in a row of them, or None for an answer. From any thread."""
        with self._lock:
            self._heard(trouble)

    def _heard(self, trouble: KubeError | None) -> None:
        if trouble is None:
            if self._since is not None:
                output.note("the connection is back")
            self._since = None
        elif self._since is None:
            self._since = self._clock()
            output.note(f"the connection is lost, trying again for {PATIENCE:.0f} s: {trouble}")
        elif self._clock() - self._since >= PATIENCE:
            raise Failed(f"{sentence(trouble)[0]}; no answer for {PATIENCE:.0f} s")
