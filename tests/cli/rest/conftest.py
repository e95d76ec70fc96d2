"""The REST interface in this process, before the local store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cli.rest.app import create_app
from clients.kube import Connection
from tests.cli.conftest import World

TOKEN = {"Authorization": "Bearer somebody"}


class Told(NamedTuple):
    code: int
    status: str
    output: Any  # decoded; None for none
    error: str


Ask = Callable[..., Told]


@pytest.fixture
def ask(world: World) -> Ask:
    """ask("GET", "/clusters", body) with a token."""
    client = create_app(Connection(world.client.connection.server)).test_client()

    def call(method: str, path: str, body: Any = None, headers: dict[str, str] = TOKEN) -> Told:
        answer = client.open(f"/api/v1{path}", method=method, json=body, headers=headers)
        envelope = json.loads(answer.data)
        output = json.loads(envelope["output"]) if "output" in envelope else None
        return Told(answer.status_code, envelope["status"], output, envelope.get("error", ""))

    return call
