"""Kubernetes sees the caller's token and nobody else's, and what it says about it is passed on."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from cli.rest.app import create_app
from clients.kube import Connection
from clients.kube.auth import ANONYMOUS, Fixed


class Kubernetes(http.server.BaseHTTPRequestHandler):
    """Knows alice, who may not list; nobody else."""

    seen: list[str | None] = []

    def do_GET(self) -> None:
        token = self.headers["Authorization"]
        self.seen.append(token)
        known = token == "Bearer alice"
        code, reason = (403, "Forbidden") if known else (401, "Unauthorized")
        status = {"kind": "Status", "status": "Failure", "reason": reason, "message": f"alice: {reason}", "code": code}
        text = json.dumps(status).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    Kubernetes.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_the_callers_token_and_never_our_own(server: str) -> None:
    ours = Fixed(ANONYMOUS.with_token("ours"))
    client = create_app(Connection(server, credentials=ours)).test_client()
    answers = [
        client.get("/api/v1/clusters", headers={"Authorization": f"Bearer {token}"}) for token in ("alice", "mallory")
    ]
    assert [answer.status_code for answer in answers] == [403, 401]
    assert answers[0].json == {"status": "ERROR", "error": "alice: Forbidden"}
    assert client.get("/api/v1/clusters").status_code == 401
    assert Kubernetes.seen == ["Bearer alice", "Bearer mallory"]


def test_kubernetes_that_does_not_answer_is_unknown() -> None:
    client = create_app(Connection("http://127.0.0.1:1")).test_client()
    answer = client.put("/api/v1/clusters/c/scale", json={"taskManagers": 1}, headers={"Authorization": "Bearer alice"})
    assert answer.status_code == 503
    assert answer.json is not None and answer.json["status"] == "FAILURE"
