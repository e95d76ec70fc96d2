"""How the measurements wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")
PATIENCE = 240.0
PACE = 0.05


def until(what: str, done: Callable[[], T | Literal[False] | None]) -> T:
    """What `done` gives once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := done()):
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(PACE)
    return found
