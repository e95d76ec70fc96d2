"""Probes: the three kinds against real sockets and programs, and how results become a verdict."""

import http.server
import os
import threading
from pathlib import Path

import pytest

from local.kubelet.probes import Tally, Target, check, count, watch_probe


@pytest.fixture
def server():
    """Answers 200 for /good, 302 for /moved, 500 otherwise; the header X-Key turns any into 200."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            code = 200 if self.headers.get("X-Key") else {"/good": 200, "/moved": 302}.get(self.path, 500)
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield httpd.server_address[1]
        httpd.shutdown()
        thread.join()


def target(port):
    return Target("127.0.0.1", {"ui": port}, dict(os.environ), Path.cwd(), lambda word: word)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"path": "/good", "port": "ui"}}, True),
        ({"httpGet": {"path": "/moved", "port": "ui"}}, True),
        ({"httpGet": {"path": "/bad", "port": "ui"}}, False),
        ({"httpGet": {"path": "/bad", "port": "ui", "httpHeaders": [{"name": "X-Key", "value": "1"}]}}, True),
        ({"httpGet": {"path": "/good", "port": "none"}}, False),
        ({"httpGet": {"path": "/good", "port": "ui", "scheme": "HTTPS"}}, False),
        ({"tcpSocket": {"port": "ui"}}, True),
        ({"tcpSocket": {"port": 1}}, False),
        ({"exec": {"command": ["true"]}}, True),
        ({"exec": {"command": ["false"]}}, False),
        ({"exec": {"command": ["/no/such/program"]}}, False),
        ({"exec": {"command": ["sleep", "1000"]}, "timeoutSeconds": 0.1}, False),
    ],
)
def test_a_probe_passes_or_fails(server, probe, expected):
    assert check(probe, target(server)) is expected


@pytest.mark.parametrize(
    ("results", "thresholds", "verdicts"),
    [
        ("+", (1, 3), [True]),
        ("---", (1, 3), [None, None, False]),
        ("--+--", (1, 3), [None, None, True, True, True]),
        ("+-+", (2, 1), [None, False, False]),
        ("-++", (2, 1), [False, False, True]),
    ],
)
def test_thresholds_count_results_in_a_row(results, thresholds, verdicts):
    tally, seen = Tally(), []
    for result in results:
        tally = count(tally, result == "+", *thresholds)
        seen.append(tally.verdict)
    assert seen == verdicts


def test_only_changes_of_the_verdict_are_told(tmp_path):
    """And nothing more once it is to stop."""
    flag, stop, seen = tmp_path / "flag", threading.Event(), []

    def note(verdict):
        seen.append(verdict)
        if len(seen) == 3:
            stop.set()
        elif verdict:
            flag.unlink()
        else:
            flag.touch()

    flag.touch()
    probe = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 0.01, "failureThreshold": 2}
    watch_probe(probe, target(0), stop, note)
    assert seen == [True, False, True]
