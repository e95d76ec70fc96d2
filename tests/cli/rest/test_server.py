"""flinkctl server run as a process: TLS by files, and who is let in."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
            while not (found := re.search(r"serving on https?://(127\.0\.0\.1:\d+)", told)):
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
