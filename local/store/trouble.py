"""What an API server does to its clients on a bad day. It is well until somebody says otherwise."""

from __future__ import annotations

import random
import threading
from enum import StrEnum

from .errors import MODIFIED, Refusal


class Ill(StrEnum):
    CONFLICT = "conflict"  # writes are refused, as if somebody else had been quicker
    ERROR = "error"  # nothing is done, and the answer is 500
    HANG = "hang"  # nothing is done, and no answer comes until this is over
    LOST = "lost"  # it is done, and the connection breaks before the answer


class Trouble:
    """At most one illness at a time, which a share of the requests meets. Watches are not requests here: they can be
    cut all at once, or tell everything late."""

    def __init__(self) -> None:
        self.lag = 0.0  # seconds by which watches tell everything late
        self.cuts = 0  # a watch ends when this is not what it was at its beginning
        self._ill: Ill | None = None
        self._share = 0.0
        self._draw = random.Random()
        self._well = threading.Event()

    def begin(self, ill: Ill, share: float, seed: int) -> None:
        self._draw, self._share, self._well = random.Random(seed), share, threading.Event()
        self._ill = ill

    def end(self) -> None:
        self._ill, self.lag = None, 0.0
        self._well.set()

    def cut(self) -> None:
        self.cuts += 1

    def meet(self, method: str) -> bool:
        """Before a request is carried out: raises what it meets, or says whether its answer will be lost."""
        ill, well = self._ill, self._well
        if ill is None or self._draw.random() >= self._share:
            return False
        if ill is Ill.ERROR:
            raise Refusal(500, "InternalError", "Internal error occurred: etcdserver: leader changed")
        if ill is Ill.CONFLICT and method in ("PUT", "PATCH"):
            raise Refusal(409, "Conflict", f"Operation cannot be fulfilled: {MODIFIED}")
        if ill is Ill.HANG:
            well.wait()
            raise ConnectionAbortedError
        return ill is Ill.LOST
