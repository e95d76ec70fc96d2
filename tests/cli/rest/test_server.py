"""flinkctl server run as a process: TLS by files, and who is let in."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.rest.app import LARGEST_BODY
from clients.kube import resources
from tests.cli.conftest import Run, World

SUBJECT = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Certificate and key; the certificate is its own authority."""
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    command = ["openssl", "req", "-x509", *KEY, *SUBJECT, "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@contextmanager
def serving(*options: str | Path) -> Iterator[str]:
    """host:port of the server, which says there where it listens."""
    command = [sys.executable, "-m", "cli.main", "server", "run", "--address=127.0.0.1", "--port=0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as it:
        try:
            assert it.stderr
            told = ""
            while not (found := re.search(r"serving on https?://(\S+:\d+)", told)):
                told = it.stderr.readline()
                assert told, it.wait(20)
            yield found[1]
        finally:
            it.send_signal(signal.SIGTERM)
            assert it.wait(20) == 0


def get(url: str, context: ssl.SSLContext | None = None, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_tls_by_files_and_a_token(world: World, pair: tuple[Path, Path]) -> None:
    cert, key = pair
    trusting = ssl.create_default_context(cafile=str(cert))
    with serving("--tls-cert", cert, "--tls-key", key) as place:
        assert get(f"https://{place}/healthz", trusting) == 200
        assert get(f"https://{place}/api/v1/clusters", trusting, "somebody") == 200
        assert get(f"https://{place}/api/v1/clusters", trusting) == 401


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6")
def test_a_socket_of_ipv6_hears_ipv4_too(world: World) -> None:
    with serving("--address=::ffff:127.0.0.1") as place:
        assert place.startswith("[::ffff:")
        assert get(f"http://127.0.0.1:{place.rpartition(':')[2]}/healthz") == 200


def test_callers_may_have_to_show_a_certificate(world: World, pair: tuple[Path, Path]) -> None:
    cert, key = pair
    trusting = ssl.create_default_context(cafile=str(cert))
    with serving("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", cert) as place:
        with pytest.raises(OSError):
            get(f"https://{place}/healthz", trusting)
        trusting.load_cert_chain(cert, key)
        assert get(f"https://{place}/healthz", trusting) == 200


def test_half_of_a_pair_is_wrong_usage(run: Run, pair: tuple[Path, Path]) -> None:
    assert run("server", "run", "--tls-cert", str(pair[0])).exit_code == 2
    assert run("server", "run", "--tls-client-ca", str(pair[0])).exit_code == 2
    assert run("server", "run", "--tls-cert", "/none", "--tls-key", "/none").exit_code == 2


def refused(*options: str) -> tuple[int, str]:
    """Exit code and last line of a server that does not start; one that does is ended."""
    command = [sys.executable, "-m", "cli.main", "server", "run", "--address=127.0.0.1", *options]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    return done.returncode, done.stderr.splitlines()[-1]


def test_so_are_files_that_no_connection_could_be_made_with(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = pair
    rubbish, locked, other = (tmp_path / name for name in ("rubbish", "locked.key", "other.key"))
    rubbish.write_text("rubbish")
    for command in (
        ["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked],
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other],
    ):
        subprocess.run(command, check=True, capture_output=True)
    wrong = [
        (rubbish, key, cert),
        (cert, rubbish, cert),
        (cert, other, cert),
        (cert, locked, cert),
        (cert, key, rubbish),
    ]
    for paths in wrong:
        names = ("--tls-cert", "--tls-key", "--tls-client-ca")
        code, told = refused("--port=0", *(f"{name}={path}" for name, path in zip(names, paths, strict=True)))
        assert code == 2
        assert "no PEM certificate" in told


def test_a_port_that_is_taken_is_told_in_one_line(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(f"--port={port}") == (1, f"error: 127.0.0.1:{port}: Address already in use")


HEAD = b"PUT /api/v1/clusters/c/stop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer somebody\r\n"


def test_a_body_that_broke_off_or_is_too_large_does_nothing(world: World) -> None:
    """Of the first nothing came, which would be a stop with a savepoint. The second is one when it is cut."""
    world.cluster("c")
    blanks = b"{}" + b" " * (LARGEST_BODY + 1)
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(blanks), blanks)
    with serving() as place:
        broken = HEAD + b"Content-Length: 30\r\n\r\n"
        assert sent(place, broken) == (400, "PUT /api/v1/clusters/c/stop: the body broke off after 0 bytes")
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + pieces
        assert sent(place, chunked) == (413, "body: must be smaller than 3 MiB")
        assert not world.annotations(resources.FLINK_CLUSTERS, "c")


def sent(place: str, request: bytes) -> tuple[int, str]:
    """Status and error of the answer to these bytes, after which nothing comes."""
    host, _, port = place.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())["error"]
