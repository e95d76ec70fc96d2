"""Unkind surroundings for a loop, drawn from a seed: caches that lag, events that come twice or in another order,
watches that break, and, by Strikes, processes that end.

A seed repeats the draws, not the moments at which threads come to them.
"""

from __future__ import annotations

import heapq
import logging
import queue
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clients.kube import Changed, KubeClient, Listed, watch
from clients.kube.resources import Resource
from local.metacontroller.objects import name_of, namespace_of

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks at `stop` while nothing comes
Id = tuple[str, str]


@dataclass(frozen=True)
class Faults:
    """lag: seconds that an event comes late, at most. Those of one object keep their order, no others do.
    repeats, drops: the shares of events that come again later, and with which the watch breaks: a new list follows.
    restarts: seconds between two ends of the loop, and of the hooks, on average; 0: they never end.
    done: how many of each there were so far.
    """

    seed: int
    lag: float = 0.3
    repeats: float = 0.1
    drops: float = 0.03
    restarts: float = 5.0
    done: Counter[str] = field(default_factory=Counter, compare=False)

    def watch(self, client: KubeClient, resource: Resource, *, stop: threading.Event) -> Iterator[Listed | Changed]:
        """As `clients.kube.watch`, until `stop` is set."""
        draw = random.Random(f"{self.seed}/{resource.plural}.{resource.group}")
        while not stop.is_set():
            yield from self._until_it_breaks(client, resource, stop, draw)

    def _until_it_breaks(
        self, client: KubeClient, resource: Resource, stop: threading.Event, draw: random.Random
    ) -> Iterator[Listed | Changed]:
        source, late = _Source(client, resource), _Late()
        try:
            while not stop.is_set():
                found = source.get(late.seconds_to_next())
                if isinstance(found, Listed):
                    late = _Late()  # it says all that those that are under way would say
                    yield found
                elif found and draw.random() < self.drops:
                    self.done["drops"] += 1
                    return
                elif found:
                    self.done["lags"] += bool(self.lag)
                    late.add(found, draw.uniform(0.0, self.lag))
                for change, is_new in late.due():
                    yield change
                    if is_new and draw.random() < self.repeats and change.type != "DELETED":
                        self.done["repeats"] += 1
                        late.add(change, draw.uniform(0.0, self.lag), is_new=False)
        finally:
            source.close()


class _Source:
    """A watch that can be waited for with a time-out: a thread reads it."""

    def __init__(self, client: KubeClient, resource: Resource) -> None:
        self._found: queue.Queue[Listed | Changed | Exception] = queue.Queue()
        self._stop = threading.Event()
        arguments = (client, resource)
        self._thread = threading.Thread(
            target=self._read, args=arguments, name=f"faulty-{resource.plural}", daemon=True
        )
        self._thread.start()

    def _read(self, client: KubeClient, resource: Resource) -> None:
        try:
            for found in watch(client, resource, stop=self._stop):
                self._found.put(found)
        except Exception as error:  # whatever it is belongs to the caller, not to this thread
            self._found.put(error)

    def get(self, seconds: float) -> Listed | Changed | None:
        try:
            found = self._found.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self._stop.set()


class _Late:
    """Changes on their way, each due at a time of its own; those of one object in their order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bool, Changed]] = []
        self._last: defaultdict[Id, float] = defaultdict(float)  # when the last one of an object is due
        self._newest: dict[Id, Changed] = {}
        self._count = 0

    def add(self, change: Changed, seconds: float, *, is_new: bool = True) -> None:
        key = namespace_of(change.object), name_of(change.object)
        due = max(time.monotonic() + seconds, self._last[key])
        self._count += 1
        if is_new:
            self._last[key], self._newest[key] = due, change
        heapq.heappush(self._heap, (due, self._count, is_new, change))

    def seconds_to_next(self) -> float:
        return max(0.0, min(LOOK, self._heap[0][0] - time.monotonic())) if self._heap else LOOK

    def due(self) -> Iterator[tuple[Changed, bool]]:
        """What is due now, and whether it is new. A repeat is left out if the object has changed again."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            _, _, is_new, change = heapq.heappop(self._heap)
            if is_new or change is self._newest[namespace_of(change.object), name_of(change.object)]:
                yield change, is_new


class Strikes:
    """Does something at moments drawn from a seed, `seconds` apart on average, until it is stopped."""

    def __init__(self, faults: Faults, name: str, deed: Callable[[], None]) -> None:
        self._faults = faults
        self._name = name
        self._deed = deed
        self._draw = random.Random(f"{faults.seed}/{name}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"strikes-{name}", daemon=True)

    def start(self) -> None:
        if self._faults.restarts:
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._draw.expovariate(1 / self._faults.restarts)):
            self._faults.done[self._name] += 1
            try:
                self._deed()
            except Exception:  # the next one may succeed
                log.exception("%s", self._name)

    def stop(self) -> None:
        """Returns when the last one is over."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
