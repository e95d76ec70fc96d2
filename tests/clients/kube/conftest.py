"""A Kubernetes API server on 127.0.0.1 that misbehaves as told, certificates of our own, and no other network."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from clients.kube import Connection, KubeClient, config


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network but 127.0.0.0/8, no names, and nothing of the developer's own environment."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        assert str(address[0]).startswith("127."), f"a test must not connect to {address}"
        connect(self, address)

    def resolve(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host.startswith("127."):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(port)))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or "CA_BUNDLE" in name or name.startswith(("SSL_CERT", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")


# ---- the server ----------------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    method: str
    url: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    peer: str | None  # common name in the client's certificate


Answer = Callable[["_Handler"], None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeApi

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = {key: value for part in (certificate or {}).get("subject", ()) for key, value in part}
        body = json.loads(self.rfile.read(length)) if length else None
        query = dict(parse_qsl(parts.query))
        asked = Asked(self.command, self.path, parts.path, query, dict(self.headers), body, names.get("commonName"))
        self.server.asked.append(asked)
        answer = self.server.answers.popleft() if self.server.answers else self.server.otherwise
        answer(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, format: str, *args: Any) -> None:
        pass


class FakeApi(ThreadingHTTPServer):
    """Gives the queued answers in order, then `otherwise`; remembers what was asked."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tls = tls
        self.asked: list[Asked] = []
        self.answers: deque[Answer] = deque()
        self.otherwise: Answer = reply({})
        self.closing = threading.Event()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> Any:
        connection, address = super().get_request()
        if self.tls:
            try:
                connection.getpeername()
            except OSError:  # gone already: wrap_socket would fail, and leave it open
                connection.close()
                raise
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that go away are what these tests are about

    def will(self, *answers: Answer) -> None:
        self.answers.extend(answers)


def reply(body: Any, code: int = 200, **headers: str) -> Answer:
    def answer(handler: _Handler) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def refuse(code: int, reason: str, message: str = "no", **headers: str) -> Answer:
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return reply(status, code, **headers)


def hang(handler: _Handler) -> None:
    """No answer until the server closes."""
    handler.close_connection = True
    handler.server.closing.wait(60)


def hang_up(handler: _Handler) -> None:
    """The connection is closed without an answer."""
    handler.close_connection = True


def half(body: bytes) -> Answer:
    """Half of what the header promises."""

    def answer(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2 * len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def stream(*lines: Any, end: str = "clean", chunked: bool = True) -> Answer:
    """Lines, each at once; then `end`: clean, cut (broken off), or hold (open until the server closes)."""

    def answer(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding" if chunked else "Connection", "chunked" if chunked else "close")
        handler.end_headers()
        for line in lines:
            data = (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        if end == "hold":
            handler.server.closing.wait(60)
        if end == "clean" and chunked:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = end != "clean" or not chunked

    return answer


class Will:
    """The answers, for tests: `will.reply({...})`."""

    reply, refuse, half, stream = map(staticmethod, (reply, refuse, half, stream))
    hang, hang_up = staticmethod(hang), staticmethod(hang_up)


@pytest.fixture
def will() -> type[Will]:
    return Will


@pytest.fixture
def start_api() -> Iterator[Callable[..., FakeApi]]:
    started: list[tuple[FakeApi, threading.Thread]] = []

    def start(tls: ssl.SSLContext | None = None) -> FakeApi:
        server = FakeApi(tls)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def api(start_api: Callable[..., FakeApi]) -> FakeApi:
    return start_api()


@pytest.fixture
def slept() -> list[float]:
    """The pauses that `client` made, none of which took time."""
    return []


@pytest.fixture
def open_client(slept: list[float]) -> Iterator[Callable[..., KubeClient]]:
    opened: list[KubeClient] = []

    def open_client(connection: Connection, **options: Any) -> KubeClient:
        opened.append(KubeClient(connection, **{"sleep": slept.append, **options}))
        return opened[-1]

    yield open_client
    for client in opened:
        client.close()


@pytest.fixture
def client(api: FakeApi, open_client: Callable[..., KubeClient]) -> KubeClient:
    return open_client(Connection(server=api.url, namespace="flink"))


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- certificates --------------------------------------------------------------------------------------------------


class Pki(NamedTuple):
    """Files: our CA, a CA nobody used, the server's pair (127.0.0.1, kube.test), alice's pair; her locked key."""

    ca: Path
    other_ca: Path
    server: Path
    server_key: Path
    alice: Path
    alice_key: Path
    locked_key: Path


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _authority(directory: Path, name: str) -> None:
    extensions = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
    _openssl(directory, "req", "-x509", *_EC, "-days", "2", "-subj", f"/CN={name}", *extensions, *files)


def _signed(directory: Path, name: str, extension: str) -> None:
    (directory / f"{name}.ext").write_text(f"{extension}\nauthorityKeyIdentifier=keyid\n")
    request = ("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    _openssl(directory, "req", *_EC, *request)
    issuer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
    _openssl(directory, "x509", "-req", "-in", f"{name}.csr", *issuer, "-out", f"{name}.pem")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    directory = tmp_path_factory.mktemp("pki")
    _authority(directory, "ca")
    _authority(directory, "other")
    _signed(directory, "server", "subjectAltName=IP:127.0.0.1,DNS:kube.test")
    _signed(directory, "alice", "extendedKeyUsage=clientAuth")
    _openssl(directory, "ec", "-in", "alice.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    names = ("ca.pem", "other.pem", "server.pem", "server.key", "alice.pem", "alice.key", "locked.key")
    return Pki(*(directory / name for name in names))


@pytest.fixture
def secure_api(start_api: Callable[..., FakeApi], pki: Pki) -> FakeApi:
    """Over TLS; asks for a client certificate and takes none too."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pki.server, pki.server_key)
    tls.load_verify_locations(pki.ca)
    tls.verify_mode = ssl.CERT_OPTIONAL
    return start_api(tls)


# ---- kubeconfig files ----------------------------------------------------------------------------------------------


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Callable[..., str]:
    """Writes a kubeconfig of one context "here" from a cluster's and a user's fields; returns its path."""

    def write(cluster: dict[str, Any], user: dict[str, Any] | None = None, name: str = "config") -> str:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "flink"}}],
        }
        path = tmp_path / name
        path.write_text(yaml.safe_dump(document))
        return str(path)

    return write
