"""The run: one step after the other until there are enough, the time is over, or something does not come back."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Sequence

from clients.kube import KubeError
from clients.kube import resources as r
from tests.e2e import places
from tests.e2e.manifests import cluster, flink_deployment, job
from tests.e2e.places import Place
from tests.e2e.story import story
from tests.e2e.world import World

from . import plan
from .faults import Hands, container
from .judge import Finding
from .looking import Seen, Watcher
from .people import People
from .report import Record, Report
from .rest import Rest

log = logging.getLogger("chaos")
CLUSTER, JOBS = "chaos", ("one", "two")
NAMES = tuple(f"{CLUSTER}-{name}" for name in JOBS)
PATIENCE, PACE = 180.0, 0.1
# Recovered is a job that has gone on for so many checkpoints.
CHECKPOINTS = 2


class Settling:
    """Fine, and each job has completed checkpoints since it was: until then a lost TaskManager may not be noticed."""

    def __init__(self) -> None:
        self._base: dict[str, tuple[tuple[str, int], int]] = {}

    def lacks(self, seen: Seen) -> str:
        """'' when it is settled."""
        if lack := seen.lacks():
            return lack
        for name, sight in seen.sights.items():
            if self._base.get(name, (None, 0))[0] != (beginning := (sight.run, sight.restored_from)):
                self._base[name] = (beginning, sight.completed)
            if sight.completed < self._base[name][1] + CHECKPOINTS:
                return f"{name} has completed {sight.completed} checkpoints, {self._base[name][1]} when it was fine"
        return ""


class Run:
    """One FlinkDeployment with two jobs in a place."""

    def __init__(self, place: Place, rest: Rest | None, api: tuple[str, str] = ("", "")) -> None:
        self._place = place
        self._world = World(place)
        self._watcher = Watcher(place.client, place.namespace, CLUSTER, NAMES, rest)
        self._hands = Hands(place, self._watcher, rest, api)
        self._people = People(self._world, self._watcher, CLUSTER, NAMES)
        self._told = 0  # findings that are in a record

    def __enter__(self) -> Run:
        # A second between two of the five retained checkpoints: what was seen last is still there.
        spec = job(self._place, "--checkpoint-interval", "1000")
        shared = cluster(self._place, slots=2)
        # For so long, by default 10 min, Flink waits for the counts of a TaskManager that was killed, and tells none.
        shared["flinkConfiguration"]["web.timeout"] = "10000"
        manifest = flink_deployment(CLUSTER, shared, dict.fromkeys(JOBS, spec))
        self._world.apply(manifest)
        self._watcher.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watcher.stop()

    @property
    def restores(self) -> int:
        return sum(history.restores for history in self._watcher.histories.values())

    def steps(self, seed: int, kinds: Sequence[str], report: Report, faults: int, seconds: float) -> None:
        """Into the report as they are done."""
        beginning = self._record(plan.BEGINNING, time.monotonic())
        if beginning.stuck or beginning.findings:
            report.add(beginning)
            return
        end, number = time.monotonic() + seconds, 0
        while report.faults < faults and time.monotonic() < end:
            step, began = plan.step(seed, number, kinds), time.monotonic()
            try:
                record = self._step(step)
            except BaseException:
                if findings := self._findings():
                    report.add(Record(step, time.monotonic() - began, findings=findings))
                raise
            report.add(record)
            if record.stuck:
                return
            number += 1

    def _step(self, step: plan.Step) -> Record:
        target = NAMES[int(step.pick * len(NAMES))]
        log.info("step %d: %s %s, %s", step.number, step.action or "nothing", target, step.faults)
        self._hands.victims.clear()
        self._hands.missed.clear()
        self._people.act(step.action, target)
        time.sleep(step.gap)
        struck = time.monotonic()
        self._watcher.struck(struck)
        self._strike(step.faults)
        lack = self._people.follow(step.action, target, PATIENCE)
        return self._record(step, struck, lack)

    def _record(self, step: plan.Step, since: float, lack: str = "") -> Record:
        """When it has settled, or does not; nothing else begins before what the jobs began with is judged."""
        lack = lack or self._settle(frozenset(self._hands.victims))
        seconds = time.monotonic() - since
        lack = lack or self._judged()
        stuck = f"{lack}\n{story(self._world)}" if lack else ""
        log.info("step %d: %s after %.1f s", step.number, f"STUCK: {lack}" if lack else "fine", seconds)
        return Record(step, seconds, stuck, self._findings(), tuple(self._hands.missed))

    def _findings(self) -> tuple[Finding, ...]:
        """Those that are in no record yet."""
        found = tuple(self._watcher.findings[self._told :])
        self._told += len(found)
        return found

    def _strike(self, faults: Sequence[plan.Fault]) -> None:
        started, count = time.monotonic(), 0
        due: list[tuple[float, int, Callable[[], None]]] = []

        def begin(fault: plan.Fault) -> None:
            nonlocal count
            end = self._hands.begin(fault)
            count += 1
            heapq.heappush(due, (time.monotonic() - started + fault.seconds, -count, end))

        for fault in faults:
            count += 1
            heapq.heappush(due, (fault.after, count, lambda fault=fault: begin(fault)))  # type: ignore[misc]
        try:
            while due:
                time.sleep(max(0.0, due[0][0] - (time.monotonic() - started)))
                heapq.heappop(due)[2]()
        except BaseException:
            for _, number, deed in due:
                if number < 0:
                    deed()
            raise

    def _settle(self, victims: frozenset[tuple[str, str]]) -> str:
        """Waits; what is lacking still when the patience is over, else ''."""
        settling, since = Settling(), time.monotonic()
        lack = told = "no look"
        while time.monotonic() < since + PATIENCE:
            time.sleep(PACE)
            if (seen := self._watcher.seen).at <= since:
                continue
            here = {(pod["metadata"]["uid"], container(pod)) for pod in seen.pods}
            lack = "a victim is still there" if here & victims else settling.lacks(seen) or self._hooks_lack()
            if not lack:
                return ""
            if lack != told:
                log.debug("waiting: %s", lack)
            told = lack
        return lack

    def _judged(self) -> str:
        end = time.monotonic() + PATIENCE
        while unjudged := self._watcher.seen.unjudged:
            if time.monotonic() > end:
                return f"nobody can tell what {', '.join(unjudged)} began with"
            time.sleep(PACE)
        return ""

    def _hooks_lack(self) -> str:
        try:
            found = self._place.client.get(r.DEPLOYMENTS, "flink-hooks", namespace=places.HOOKS[0])
        except KubeError as error:
            return str(error)
        return "" if (found.get("status") or {}).get("readyReplicas") else "the hooks are not ready"
