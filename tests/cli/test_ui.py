"""flinkctl ui: a door to what is behind the API server's proxy, for looking only."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from cli.ui import READ_ONLY, serve

from .conftest import Run, World


@pytest.fixture
def door(world: World) -> Iterator[str]:
    """The proxy of a path of the API server's own: what Flink answers is in e2e."""
    with serve(world.client, "/api/v1/namespaces", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_answers_and_refusals_are_handed_on(door: str) -> None:
    found = requests.get(f"{door}/default?pretty=true", timeout=10)
    assert (found.status_code, found.json()["metadata"]["name"]) == (200, "default")
    assert found.headers["Content-Type"].startswith("application/json")
    missing = requests.get(f"{door}/absent", timeout=10)
    assert (missing.status_code, "not found" in missing.text) == (404, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_changed_through_it(door: str, method: str) -> None:
    refused = requests.request(method, f"{door}/default", data="{}", timeout=10)
    assert (refused.status_code, refused.text) == (405, f"{READ_ONLY}\n")
    assert requests.get(f"{door}/default", timeout=10).status_code == 200


def test_another_name_for_this_address_is_not_served(door: str) -> None:
    assert requests.get(f"{door}/default", headers={"Host": "evil.example"}, timeout=10).status_code == 403


def test_a_cluster_whose_jobmanager_does_not_answer(run: Run, world: World) -> None:
    world.cluster(phase="Stopped")
    result = run("ui", "cluster/demo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: flinkcluster.nextbreakpoint.com/demo is Stopped, and its JobManager does not answer\n"
    )
    assert run("ui", "pods/x").exit_code == 2
