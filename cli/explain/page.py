"""The explanation as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cli import output, verdicts
from cli.explain.reasons import Reason
from cli.explain.scene import Scene
from core import conditions, times


def page(scene: Scene, found: list[Reason], now: datetime) -> str:
    return "\n".join(_lines(scene, found, now))


def _lines(scene: Scene, found: list[Reason], now: datetime) -> Iterator[str]:
    text = " ".join(verdicts.waits_for(scene.item).split())
    yield f"{scene.item['kind']} {scene.namespace}/{scene.name} {_state(scene, now)}"
    if text:
        yield f"  waits for: {text}"
    for reason in found:
        if reason.text not in text:
            yield f"  because:   {reason.text}"
        if reason.next:
            yield f"  next:      {reason.next}"
    if not text and not found:
        yield "  It is as its spec wants it."
    for warning in scene.warnings:
        yield f"  event:     {warning}"


def _state(scene: Scene, now: datetime) -> str:
    ready = verdicts.condition(scene.item, conditions.READY)
    since = output.age(times.from_text(ready.get("lastTransitionTime")), now)
    word = "ready" if conditions.is_true(scene.item, conditions.READY) else "not ready"
    return f"is {verdicts.phase(scene.item)}, {word}{f' for {since}' if since else ''}"
