"""The work queue of one hosted controller: a set, with delays and back-off per key."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BASE_DELAY = 0.005
MAX_DELAY = 1000.0
# All retries of one queue together: ten a second after a burst of a hundred.
BUCKET_RATE = 10.0
BUCKET_SIZE = 100


class Queue(Generic[K]):
    """Hands out each key to one worker at a time; one added meanwhile is handed out once more. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._failures: dict[K, int] = {}
        self._bucket_free = -float("inf")
        self._closed = False

    def add(self, key: K) -> None:
        with self._changed:
            self._add(key)

    def _add(self, key: K) -> None:
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._ready.append(key)
            self._changed.notify()

    def add_after(self, key: K, seconds: float) -> None:
        """Adds later; of several pending delays of a key the earliest wins. Not positive: at once."""
        with self._changed:
            due = self._clock() + seconds
            if seconds <= 0:
                self._add(key)
            elif not self._closed and due < self._due.get(key, float("inf")):
                self._due[key] = due
                self._count += 1
                heapq.heappush(self._heap, (due, self._count, key))
                self._changed.notify()

    def add_failed(self, key: K) -> float:
        """Adds after the key's back-off, 5 ms x 2^failures up to 1000 s; returns that delay in seconds."""
        with self._changed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            delay = max(min(BASE_DELAY * 2.0 ** min(failures, 64), MAX_DELAY), self._take_token())
        self.add_after(key, delay)
        return delay

    def _take_token(self) -> float:
        now = self._clock()
        self._bucket_free = max(self._bucket_free, now - BUCKET_SIZE / BUCKET_RATE) + 1 / BUCKET_RATE
        return max(0.0, self._bucket_free - now)

    def forget(self, key: K) -> None:
        """The key succeeded: its next failure starts at 5 ms again."""
        with self._changed:
            self._failures.pop(key, None)

    def poll(self) -> K | None:
        """A key that is ready now, or None; whoever takes one must call `done`."""
        with self._changed:
            return self._poll()

    def _poll(self) -> K | None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:  # else an earlier one has run in its place
                del self._due[key]
                self._add(key)
        if not self._ready:
            return None
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        return key

    def get(self) -> K | None:
        """Waits for a key; None once the queue is shut down."""
        with self._changed:
            while not self._closed:
                key = self._poll()
                if key is not None:
                    return key
                self._changed.wait(max(0.0, self._heap[0][0] - self._clock()) if self._heap else None)
            return None

    def idle(self, seconds: float) -> bool:
        """Whether no key is handed out, ready, or due within that time."""
        with self._changed:
            soon = self._clock() + seconds
            return not (self._processing or self._dirty or any(due <= soon for due in self._due.values()))

    def done(self, key: K) -> None:
        with self._changed:
            self._processing.discard(key)
            if key in self._dirty:
                self._ready.append(key)
                self._changed.notify()

    def shut_down(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
