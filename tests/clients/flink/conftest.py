"""A server on 127.0.0.1 that gives the answers it was told to, well or badly, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from clients.flink import FlinkClient

DATA = Path(__file__).parents[2] / "data" / "flink"
VERSIONS = ["1.17.2", "1.18.1", "1.19.3", "1.20.5", "2.0.2", "2.1.3", "2.2.1", "2.3.0"]


@dataclass
class Answer:
    """`length` lies about the length of the body; `hang` never answers, `drop` closes without a word."""

    status: int = 200
    body: bytes = b"{}"
    length: int | None = None
    hang: bool = False
    drop: bool = False
    location: str | None = None


@dataclass
class Asked:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.released = threading.Event()

    def tell(self, status: int = 200, body: bytes = b"{}", **how: Any) -> None:
        """What to answer next; `how` as in Answer."""
        self.answers.append(Answer(status, body, **how))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(
            Asked(
                self.command,
                url.path,
                dict(parse_qsl(url.query)),
                {k.lower(): v for k, v in self.headers.items()},
                body,
            )
        )
        answer = self.server.answers.pop(0)
        self.close_connection = True
        if answer.hang:
            self.server.released.wait()
        if answer.hang or answer.drop:
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server: Server) -> FlinkClient:
    return FlinkClient(server.url)


@dataclass
class Recording:
    """The recorded exchanges of one version, by what they were about."""

    version: str
    server: Server
    exchanges: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def play(self, label: str) -> list[dict[str, Any]]:
        """The server gives these answers next, in this order; returns the exchanges."""
        for exchange in self.exchanges[label]:
            self.server.tell(exchange["status"], json.dumps(exchange["body"]).encode())
        return self.exchanges[label]

    def job_id(self, label: str) -> str:
        return str(self.exchanges[label][0]["path"].split("/")[2])


def load(version: str, server: Server) -> Recording:
    recording = Recording(version.removesuffix("-adaptive"), server)
    for exchange in json.loads((DATA / f"{version}.json").read_text()):
        recording.exchanges.setdefault(exchange["label"], []).append(exchange)
    return recording


@pytest.fixture(params=VERSIONS)
def flink(request: pytest.FixtureRequest, server: Server) -> Recording:
    return load(request.param, server)


@pytest.fixture(params=["1.20.5-adaptive", "2.3.0-adaptive"])
def adaptive(request: pytest.FixtureRequest, server: Server) -> Recording:
    return load(request.param, server)
