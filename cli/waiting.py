"""Waits for outcomes: one watch for each resource, a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cli import kinds, output
from cli.contact import Contact
from cli.errors import Failed, sentence
from cli.session import Session
from cli.verdicts import Goal, Outcome, Verdict, phase, waiting
from clients.kube import Changed, KubeError, Resource, watch

LONG = 80  # characters of a part of a text
LOOK = 0.2  # seconds between two looks at the clock


@dataclass
class Awaited:
    """One resource, what is waited for, and what is known of it."""

    resource: Resource
    namespace: str
    name: str
    goal: Goal
    state: str = ""
    verdict: Verdict = field(default_factory=lambda: waiting("no news yet"))
    elapsed: float = 0.0  # seconds, until it was decided
    trouble: KubeError | None = None  # why there is no news

    @property
    def title(self) -> str:
        return kinds.title(self.resource, self.name)

    @property
    def short(self) -> str:
        return f"{self.resource.kind.lower()}/{self.name}"

    @property
    def open(self) -> bool:
        return self.verdict.outcome == Outcome.WAITING

    def learn(self, item: dict[str, Any] | None) -> None:
        if self.open:
            self.state = phase(item) if item else "gone"
            self.verdict = self.goal.judge(item)

    def hear(self, trouble: KubeError | None) -> None:
        self.trouble = trouble


class Display(Protocol):
    def show(self, awaited: Sequence[Awaited]) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


def wait_and_tell(session: Session, awaited: Sequence[Awaited], timeout: float) -> None:
    """wait(), and what each has reached on stdout, also where another one failed."""
    try:
        wait(session, awaited, timeout)
    finally:
        for one in awaited:
            if one.verdict.outcome == Outcome.DONE:
                output.data(f"{one.title} {one.verdict.text}")


def wait(session: Session, awaited: Sequence[Awaited], timeout: float) -> None:
    """Returns when all goals are reached. Failed: one cannot be, or the time (seconds) is over."""
    try:
        _watch_all(session, awaited, timeout)
    except KeyboardInterrupt:
        for one in (one for one in awaited if one.open):
            state = ": ".join(filter(None, (one.state, one.verdict.text)))
            output.note(f"interrupted; {one.title} goes on: {state}")
        raise
    _raise_for(awaited, timeout)


def _watch_all(session: Session, awaited: Sequence[Awaited], timeout: float) -> None:
    stop, news = threading.Event(), queue.Queue[tuple[Awaited, Any]]()
    for one in awaited:
        threading.Thread(target=_follow, args=(session, one, news, stop), name=f"wait-{one.name}", daemon=True).start()
    display = _display()
    contact = Contact(patience=None, say=display.note)
    began = time.monotonic()
    try:
        while any(one.open for one in awaited) and time.monotonic() - began < timeout:
            _show(display, awaited, began)
            for one in awaited:
                contact.hear(one.trouble, one.title)
            _take(news, min(LOOK, max(0.0, timeout - (time.monotonic() - began))))
    finally:
        stop.set()
        _show(display, awaited, began)
        display.close()


def _show(display: Display, awaited: Sequence[Awaited], began: float) -> None:
    for one in awaited:
        if one.open or not one.elapsed:
            one.elapsed = time.monotonic() - began
    display.show(awaited)


def _follow(session: Session, one: Awaited, news: queue.Queue[tuple[Awaited, Any]], stop: threading.Event) -> None:
    try:
        for event in watch(
            session.client, one.resource, namespace=one.namespace, name=one.name, stop=stop, hear=one.hear
        ):
            if isinstance(event, Changed):
                news.put((one, None if event.type == "DELETED" else event.object))
            else:
                news.put((one, event.items[0] if event.items else None))
    except Exception as error:  # it belongs to the thread that waits
        news.put((one, error))


def _take(news: queue.Queue[tuple[Awaited, Any]], timeout: float) -> None:
    """All news that there are, or the first to come."""
    try:
        one, found = news.get(timeout=timeout)
        while True:
            if isinstance(found, Exception):
                raise found
            one.learn(found)
            one, found = news.get_nowait()
    except queue.Empty:
        return


def _raise_for(awaited: Sequence[Awaited], timeout: float) -> None:
    texts = [f"{one.title}: {one.verdict.text}" for one in awaited if one.verdict.outcome == Outcome.FAILED]
    texts += [
        f"{one.title}: not done after {timeout:g}s; {_last_known(one)}; {_more(one)}" for one in awaited if one.open
    ]
    if texts:
        raise Failed("\n".join(texts))


def _last_known(one: Awaited) -> str:
    """How it is, or how it was when the API server last answered."""
    verb = "was" if one.trouble else "is"
    state = f"it {verb} {one.state}: {one.verdict.text}" if one.state else "nothing was heard of it"
    return f"{state}; {sentence(one.trouble)[0]}" if one.trouble else state


def _more(one: Awaited) -> str:
    return f"flinkctl explain {kinds.short(one.resource)}/{one.name} -n {one.namespace} says more"


# ---- what the person sees ------------------------------------------------------------------------------------------


class Lines:
    """A line for each change, on stderr, with what of it is new; what is long is told once."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[str, set[str]]] = {}

    def show(self, awaited: Sequence[Awaited]) -> None:
        for one in (one for one in awaited if one.state):
            clauses = list(dict.fromkeys(one.verdict.text.split("; ")))
            state, said = self._said.get(id(one), ("", set()))
            news = (one.state if one.state != state else "", "; ".join(text for text in clauses if text not in said))
            self._said[id(one)] = one.state, {*(text for text in said if len(text) > LONG), *clauses}
            if any(news):
                output.note(f"{one.elapsed:5.1f}s {': '.join(filter(None, (one.short, *news)))}")

    def note(self, text: str) -> None:
        output.note(text)

    def close(self) -> None:
        return


class Live:
    """One line for each resource, kept up to date."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")
        self._live = RichLive(console=Console(stderr=True), refresh_per_second=8, transient=True)
        self._live.start()

    def show(self, awaited: Sequence[Awaited]) -> None:
        from rich.table import Column, Table
        from rich.text import Text

        # Only what it waits for goes on below where the terminal is narrow.
        grid = Table.grid(*(Column(no_wrap=True) for _ in range(4)), Column(), padding=(0, 1))
        for one in awaited:
            mark: Any = self._spinner if one.open else Text("✓" if one.verdict.outcome == Outcome.DONE else "✗")
            state, elapsed = Text(one.state, style="bold"), f"{one.elapsed:.0f}s"
            grid.add_row(mark, Text(one.short), state, elapsed, Text(one.verdict.text))
        self._live.update(grid)

    def note(self, text: str) -> None:
        """Above the lines."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()


def _display() -> Display:
    return Live() if output.redrawn(sys.stderr) else Lines()
