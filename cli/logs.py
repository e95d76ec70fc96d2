"""Logging of the server programs: one line a change, on stderr."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.redaction import redacted

Secrets = Callable[[], frozenset[str]]


class WithoutSecrets(logging.Formatter):
    """Flink's own words are in our lines, and in the traces below them. `secrets` are those known by now."""

    def __init__(self, format: str, secrets: Secrets = frozenset) -> None:
        super().__init__(format)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self._secrets())


def configure(secrets: Secrets = frozenset) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(WithoutSecrets("%(asctime)s %(levelname)s %(name)s - %(message)s", secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # One line per retried connection is noise: what matters is said by us.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
