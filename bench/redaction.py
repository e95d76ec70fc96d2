"""What it costs to hide the secrets of a line, against a line of half its length: 2 is linear, 4 is quadratic.

Exit code 1 when a limit is broken.
"""

from __future__ import annotations

import sys
import time

from core.redaction import LONGEST, redacted

LIMIT = 3.5
REPEATS = 9
# Each makes one of the patterns begin, and none end.
PIECES = (
    *(
        "a",
        "a.",
        "-",
        "--",
        " ",
        '"',
        "\\",
        "://",
        "://a:",
        "bearer ",
        "password ",
        "password.",
        "pass-",
    ),
    *("--password ", 'password="', 'password=\\"', "password='", "password=[", "secret key ", "[--password, "),
)


def main() -> None:
    print(f"a line of {LONGEST} characters against its half (limit {LIMIT:g})")
    ratios = [ratio(piece) for piece in PIECES]
    sys.exit(1 if max(ratios) > LIMIT else 0)


def ratio(piece: str) -> float:
    line = (piece * LONGEST)[:LONGEST]
    whole, half = seconds(line), seconds(line[: LONGEST // 2])
    print(f"  {piece!r:16} {whole * 1e3:6.1f} ms, ratio {whole / half:.1f}")
    return whole / half


def seconds(line: str) -> float:
    """Of the best of some, in CPU time."""
    found = []
    for _ in range(REPEATS):
        redacted.cache_clear()
        before = time.process_time()
        redacted(line)
        found.append(time.process_time() - before)
    return min(found)


if __name__ == "__main__":
    main()
