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
