"""Logging of the server programs: one line a change, on stderr."""

from __future__ import annotations

import logging


def configure() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s - %(message)s")
    # One line per retried connection is noise: what matters is said by us.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
