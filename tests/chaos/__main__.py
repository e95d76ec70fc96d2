"""python -m tests.chaos: a seeded chaos run, see README.md."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from local.metacontroller import Guards
from tests.e2e import places

from . import plan
from .about import about
from .report import Report
from .rest import Rest, detour
from .run import Run

TABLE_WIDTH = 110  # also where the output is no terminal
# Syncs in a row that write. Metacontroller's cache is one write behind at times; then two statuses that differ in the
# times of their conditions alone go on side by side, until two events come at once. With faults that may be after 20.
ENDLESS = 100


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="faults from a seed, and what came of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=1000, help="so many at most")
    parser.add_argument("--minutes", type=float, default=60.0, help="so long at most")
    parser.add_argument(
        "--kinds", default="", help="only these, with commas between: " + ", ".join(plan.ANYWHERE | plan.LOCAL)
    )
    parser.add_argument("--cluster", action="store_true", help="on the current context of KUBECONFIG")
    parser.add_argument("--api-stop", default="", help="with --cluster: a command that stops its API server")
    parser.add_argument("--api-start", default="", help="... and the one that starts it again")
    parser.add_argument("--report", type=Path, help="write REPORT.json and REPORT.md")
    found = parser.parse_args(words)
    known = kinds(found)
    if wrong := sorted(set(known) - {*plan.ANYWHERE, *plan.LOCAL, *plan.API_STOPPED}):
        parser.error(f"--kinds: there is no {', '.join(wrong)}")
    return found


def kinds(found: argparse.Namespace) -> list[str]:
    if found.kinds:
        return str(found.kinds).split(",")
    if not found.cluster:
        return [*plan.ANYWHERE, *plan.LOCAL]
    return [*plan.ANYWHERE, *(plan.API_STOPPED if found.api_stop and found.api_start else ())]


def run(found: argparse.Namespace, directory: Path, report: Report) -> None:
    started = time.monotonic()
    rest = None if found.cluster else Rest()
    try:
        with (
            places.on_cluster()
            if found.cluster
            else places.local(directory, detour=detour, guards=Guards(hot=ENDLESS)) as place,
            Run(place, rest, (found.api_stop, found.api_start)) as running,
        ):
            report.about = about(place)
            try:
                running.steps(found.seed, kinds(found), report, found.faults, found.minutes * 60)
            finally:
                report.guards = tuple(map(str, place.guards.findings))
                report.restores = running.restores
                report.seconds = time.monotonic() - started
    finally:
        if rest:
            rest.close()


def main() -> int:
    found = options()
    signal.signal(signal.SIGTERM, interrupt)
    directory = Path(tempfile.mkdtemp(prefix="flink-chaos-"))
    logging.basicConfig(
        level=logging.INFO, filename=directory / "chaos.log", format="%(asctime)s %(levelname)s %(name)s - %(message)s"
    )
    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    told.setLevel(logging.INFO)
    logging.getLogger("chaos").addHandler(told)
    logging.getLogger("chaos").setLevel(logging.DEBUG)
    report = Report(found.seed, "on a cluster" if found.cluster else "local runtime")
    try:
        run(found, directory, report)
    except KeyboardInterrupt:
        print("interrupted: the report so far", file=sys.stderr)
    finally:
        tell(report, found.report or directory / "report")
    if report.good:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"logs: {directory}", file=sys.stderr)
    return 0 if report.good else 1


def tell(report: Report, written: Path) -> None:
    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    console.print(report.table())
    for line in report.details():
        console.print(line, markup=False, soft_wrap=True)
    written.with_suffix(".json").write_text(report.to_json() + "\n")
    written.with_suffix(".md").write_text(report.to_markdown())


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
