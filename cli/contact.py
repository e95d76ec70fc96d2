"""What a person is told while the API server is away, or has no time for us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from cli import output
from cli.errors import Failed, sentence
from clients.kube import KubeError

PATIENCE = 60.0  # seconds without an answer after which nobody is waited for any more


class Contact:
    """Says once that there is no answer, and once that there is one again; Failed when that takes too long.

    patience: None where somebody else ends it. say: shows a line.
    """

    def __init__(
        self,
        patience: float | None = PATIENCE,
        *,
        say: Callable[[str], None] = output.note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._say = say
        self._clock = clock
        self._away: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def hear(self, trouble: KubeError | None, who: Hashable = None) -> None:
        """A failure in a row of them, or None for an answer; `who` asked. From any thread."""
        with self._lock:
            if trouble is None:
                self._answered(who)
            else:
                self._unanswered(trouble, who)

    def _answered(self, who: Hashable) -> None:
        if self._away.pop(who, None) is not None and not self._away:
            self._say("the API server answers again")

    def _unanswered(self, trouble: KubeError, who: Hashable) -> None:
        if not self._away:
            limit = f" for {self._patience:.0f} s" if self._patience else ""
            self._say(f"no answer from the API server, trying again{limit}: {trouble}")
        since = self._away.setdefault(who, self._clock())
        if self._patience and self._clock() - since >= self._patience:
            raise Failed(f"{sentence(trouble)[0]}; no answer for {self._patience:.0f} s")
