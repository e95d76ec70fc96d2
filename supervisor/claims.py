"""Slots that are somebody's before Flink counts them as taken: those of a submission on its way, and of a job whose
tasks Flink is about to start again. Without this, two jobs that wait for one slot would both be submitted."""

from __future__ import annotations

import threading
from collections.abc import Collection


class Claims:
    """Of the jobs of one cluster, by uid. For all of their threads."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._over: set[str] = set()
        self._lock = threading.Lock()

    def left(self, uid: str, free: int) -> int:
        """Of the slots that Flink calls free, those that no other job claims."""
        with self._lock:
            return self._left(uid, free)

    def take(self, uid: str, slots: int, free: int) -> bool:
        """For a submission; False when others were first."""
        with self._lock:
            if self._left(uid, free) < slots:
                return False
            self._hold(uid, slots)
            return True

    def hold(self, uid: str, slots: int) -> None:
        """The job was submitted, and its tasks do not run."""
        with self._lock:
            self._hold(uid, slots)

    def release(self, uid: str) -> None:
        """Its tasks run, or nothing of it. What is free was counted before that was seen: see settle()."""
        with self._lock:
            self._over.add(uid)

    def settle(self, jobs: Collection[str]) -> None:
        """Before Flink is asked anew what is free; `jobs` are those that there are."""
        with self._lock:
            self._slots = {uid: n for uid, n in self._slots.items() if uid in jobs and uid not in self._over}
            self._over.clear()

    def _left(self, uid: str, free: int) -> int:
        return max(0, free - sum(slots for other, slots in self._slots.items() if other != uid))

    def _hold(self, uid: str, slots: int) -> None:
        self._slots[uid] = slots
        self._over.discard(uid)
