"""Figures beside their limits, each said as it comes, and whether all of them held."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


class Verdict:
    """One line for each figure."""

    def __init__(self) -> None:
        self.exit_code = 0

    def ratio(self, what: str, floor: Sequence[float], ours: Sequence[float], limit: float) -> None:
        """Of the medians, in seconds."""
        value = median(ours) / median(floor)
        self._say(what, f"floor {spread(floor)}  ours {spread(ours)}  ratio {value:.2f}", f"{limit:g}", value <= limit)

    def at_most(self, what: str, value: float, limit: float, unit: str = "", detail: str = "") -> None:
        text = f"{value:.2f} {unit}".rstrip() + (f"  ({detail})" if detail else "")
        self._say(what, text, f"{limit:g} {unit}".rstrip(), value <= limit)

    def none(self, what: str, found: Sequence[str]) -> None:
        self._say(what, "; ".join(found) or "0", "0", not found)

    def _say(self, what: str, text: str, limit: str, held: bool) -> None:
        print(f"  {what:<36} {text:<64} limit {limit:<8} {'ok' if held else 'over'}", flush=True)
        self.exit_code |= not held


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} s ({min(values):.2f}-{max(values):.2f})"
