"""Logging of the server programs: one line a change, on stderr."""

from __future__ import annotations

import logging

from core.redaction import redacted


class WithoutSecrets(logging.Formatter):
    """Flink's own words are in our lines, and in the traces below them."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def configure() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(WithoutSecrets("%(asctime)s %(levelname)s %(name)s - %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # One line per retried connection is noise: what matters is said by us.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
