"""The supervisor logs each step; here there are thousands of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    log = logging.getLogger("supervisor")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)
