"""Kubernetes sees the caller's token and nobody else's, and what it says about it is passed on."""

from __future__ import annotations

from typing import Any

from cli.rest.app import create_app
from clients.kube import Connection
from clients.kube.auth import ANONYMOUS, Fixed
from tests.cli.servers import Asked, served


class Kubernetes:
    """Knows alice, who may not list; nobody else."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    def __call__(self, asked: Asked) -> tuple[int, Any]:
        token = asked.headers["Authorization"]
        self.seen.append(token)
        code, reason = (403, "Forbidden") if token == "Bearer alice" else (401, "Unauthorized")
        return code, {"kind": "Status", "status": "Failure", "reason": reason, "message": f"alice: {reason}"}


def test_the_callers_token_and_never_our_own() -> None:
    ours, kubernetes = Fixed(ANONYMOUS.with_token("ours")), Kubernetes()
    with served(kubernetes) as port:
        client = create_app(Connection(f"http://127.0.0.1:{port}", credentials=ours)).test_client()
        callers = [{"Authorization": f"Bearer {name}"} for name in ("alice", "mallory")]
        answers = [client.get("/api/v1/clusters", headers=headers) for headers in callers]
    assert [answer.status_code for answer in answers] == [403, 401]
    assert answers[1].headers["WWW-Authenticate"] == "Bearer"
    assert answers[0].json == {"status": "ERROR", "error": "alice: Forbidden"}
    assert client.get("/api/v1/clusters").status_code == 401
    assert kubernetes.seen == ["Bearer alice", "Bearer mallory"]


def test_kubernetes_that_does_not_answer_is_unknown() -> None:
    client = create_app(Connection("http://127.0.0.1:1")).test_client()
    answer = client.put("/api/v1/clusters/c/scale", json={"taskManagers": 1}, headers={"Authorization": "Bearer alice"})
    assert answer.status_code == 503
    assert answer.json is not None and answer.json["status"] == "FAILURE"
