"""What the supervisor answers to probes and to Prometheus, over HTTP."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace

import pytest
import requests

from supervisor import health


@pytest.fixture
def fleet():
    cycle = SimpleNamespace(
        namespace="test", name="demo", heartbeat=time.monotonic(), ticks=1, busy=0.5, lanes=lambda: []
    )
    return SimpleNamespace(ready=True, cycle=cycle, cycles=lambda: [cycle])


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


OF_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6")


@pytest.fixture(
    params=[
        ("127.0.0.1", "127.0.0.1"),
        pytest.param(("::1", "[::1]"), marks=OF_IPV6),
        pytest.param(("::ffff:127.0.0.1", "127.0.0.1"), marks=OF_IPV6),
    ],
    ids=["ipv4", "ipv6", "ipv4 over ipv6"],
)
def get(request, fleet):
    address, host = request.param
    server = health.serve(address, 0, fleet)
    with requests.Session() as session:
        session.trust_env = False
        yield lambda path: session.get(f"http://{host}:{server.server_address[1]}{path}", timeout=20)
    server.shutdown()
    server.server_close()


def test_metrics_of_the_clusters_and_of_the_process(get):
    text = get("/metrics").text
    assert 'flink_supervisor_cycle_seconds_sum{cluster="demo",namespace="test"} 0.5' in text
    assert "process_cpu_seconds_total" in text


def test_probes(get, fleet):
    assert (get("/healthz").status_code, get("/readyz").status_code, get("/x").status_code) == (200, 200, 404)
    fleet.cycle.heartbeat -= health.STALE + 1
    fleet.ready = False
    assert (get("/healthz").text, get("/readyz").status_code) == ("no heartbeat: test/demo", 503)
