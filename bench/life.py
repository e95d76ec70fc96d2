"""A job's life by the product and by a bare script, one after the other in the same run, with the same pods: deployed,
its arguments and its parallelism changed, its cluster changed, its JobManager killed. Then what the supervisor costs.

Exit code 1 when a limit is broken or a run came back behind a completed checkpoint.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import upkeep
from bench.floor import Script
from bench.product import Product
from bench.rest import Rest
from bench.verdict import Verdict
from bench.waiting import until
from supervisor import settings
from tests.e2e import manifests, places
from tests.e2e.places import Place

DEPLOY, KILL = "deployed until Ready", "JobManager killed until RUNNING"
ARGUMENTS, PARALLELISM, PODS = (f"other {what}: no processing for" for what in ("arguments", "parallelism", "pods"))
LIMITS = {DEPLOY: 1.25, ARGUMENTS: 2.0, PARALLELISM: 2.0, PODS: 1.3, KILL: 1.3}
Life = Script | Product


class Samples(NamedTuple):
    """Seconds, by the figure and whose it is; and the runs that came back behind what they had done."""

    seconds: dict[tuple[str, str], list[float]]
    behind: list[str]


class Run(NamedTuple):
    """A run in Flink, and the number of the newest checkpoint that it has completed."""

    job: str
    checkpoint: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true", help="on the current context of KUBECONFIG")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=120.0, help="seconds for which the supervisor is watched")
    options = parser.parse_args()
    verdict = Verdict()
    with somewhere(options.cluster) as place:
        lives(place, options.rounds, verdict)
    upkeep.measure(verdict, options.idle)
    sys.exit(verdict.exit_code)


@contextmanager
def somewhere(cluster: bool) -> Iterator[Place]:
    with (
        tempfile.TemporaryDirectory(prefix="flink-bench-") as folder,
        places.on_cluster() if cluster else places.local(Path(folder)) as place,
    ):
        yield place


def lives(place: Place, rounds: int, verdict: Verdict) -> None:
    """The first ones warm up what a machine has once: images, and the archive of Java's classes."""
    cluster = manifests.cluster(place, slots=2, changes={"supervisor.pollingInterval": 5})
    # As the product asks for by itself: else a JobManager that is told to end takes the script's checkpoints along.
    cluster["flinkConfiguration"][settings.RETENTION] = settings.RETAINED
    job = manifests.job(place)
    print(f"{rounds} lives by a bare script and {rounds} by the product, after one each to warm up", flush=True)
    samples = Samples(defaultdict(list), [])
    for number in range(rounds + 1):
        for who in (Script, Product) if number % 2 else (Product, Script):
            live(who(place, cluster, job), samples if number else Samples(defaultdict(list), samples.behind))
    for what, limit in LIMITS.items():
        floor, product = (samples.seconds[what, who.title] for who in (Script, Product))
        verdict.ratio(what, floor, product, limit)
    verdict.none("runs behind a completed checkpoint", samples.behind)


def live(life: Life, samples: Samples) -> None:
    def change(what: str, act: Callable[[], None]) -> None:
        before, began = settled(life), time.monotonic()
        act()
        job = until(f"{life.title}: {what}: another run", lambda: life.flink.running(but=before.job))
        passed = time.monotonic() - began
        samples.seconds[what, life.title].append(passed if what == KILL else paused(life.flink, job))
        if (restored := life.flink.restored(job)) < before.checkpoint:
            samples.behind.append(f"{life.title}: {what}: from {restored}, {before.checkpoint} was complete")

    with life:
        began = time.monotonic()
        life.deploy()
        until(f"{life.title}: ready", life.ready)
        samples.seconds[DEPLOY, life.title].append(time.monotonic() - began)
        change(ARGUMENTS, life.edit_arguments)
        change(PARALLELISM, lambda: life.edit_parallelism(2))
        change(PODS, lambda: life.edit_cluster("jobManager.environment", [{"name": "LIFE", "value": "2"}]))
        change(KILL, life.lose_jobmanager)


def settled(life: Life) -> Run:
    """Ready, with a checkpoint of this run."""

    def found() -> Run | None:
        job = life.flink.running()
        newest = life.flink.checkpoint(job).get("id", 0) if job and life.ready() else 0
        return Run(job, newest) if newest > life.flink.restored(job) else None

    return until(f"{life.title}: ready, with a checkpoint", found)


def paused(flink: Rest, job: str) -> float:
    """Seconds without a record, in the job's own words: from the last one in its state to the first one now."""

    def found() -> int | None:
        said = flink.gauges(job, "pause")
        return said["pause"] if said.get("pause", -1) >= 0 else None

    return until("the job says how long it paused (is its JAR of this checkout?)", found) / 1000


if __name__ == "__main__":
    main()
