"""What the server programs write on stderr."""

from __future__ import annotations

import logging

from cli.logs import WithoutSecrets


def test_no_secret_in_a_line_nor_in_the_trace_below_it():
    try:
        raise ValueError("refused: password=hunter2")
    except ValueError as error:
        record = logging.LogRecord("supervisor", logging.ERROR, "", 0, "token: %s", ("abc",), (ValueError, error, None))
    text = WithoutSecrets("%(message)s").format(record)
    assert text.splitlines() == ["token: ***", "ValueError: refused: password=***"]


def test_nor_one_that_is_known_by_now():
    known: set[str] = set()
    lines = WithoutSecrets("%(message)s", lambda: frozenset(known))
    record = logging.LogRecord("supervisor", logging.INFO, "", 0, "cannot open %s", ("letmein-again",), None)
    assert lines.format(record) == "cannot open letmein-again"
    known.add("letmein-again")
    assert lines.format(record) == "cannot open ***"
