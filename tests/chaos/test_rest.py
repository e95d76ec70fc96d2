"""The way to Flink's REST API, with a real connection: what comes through, and what does not."""

import gc
import socket
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread, Timer

import pytest
import requests

from .rest import PORT, Rest, detour

ADDRESS = "127.93.17.201"
URL = f"http://{detour(ADDRESS)}:{PORT}/"


@pytest.fixture
def asked():
    """The requests that reached Flink."""
    found = []

    class Flink(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.append(self.command)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer((ADDRESS, PORT), Flink)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def rest():
    made = Rest()
    made.follow([ADDRESS])
    yield made
    made.close()


@pytest.mark.parametrize(("ill", "reached"), [("refused", 0), ("lost", 1)])
def test_no_answer(rest, asked, ill, reached):
    rest.begin(ill, 1.0, seed=1)
    with pytest.raises(requests.ConnectionError):
        requests.post(URL, "x" * 100_000, timeout=5)
    assert len(asked) == reached
    rest.end()
    assert requests.post(URL, "x" * 100_000, timeout=5).text == "ok"


def test_who_loses_answers_to_changes_still_sees_what_there_is(rest, asked):
    rest.begin("lost", 1.0, seed=1)
    assert requests.get(URL, timeout=5).text == "ok"
    assert asked == ["GET"]


def test_only_a_submission_loses_its_answer(rest, asked):
    rest.begin("submission", 1.0, seed=1)
    assert requests.post(f"{URL}jobs/j/stop", timeout=5).text == "ok"
    assert not rest.lost.is_set()
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{URL}jars/a.jar/run", "{}", timeout=5)
    assert rest.lost.is_set()
    assert asked == ["POST", "POST"]


def test_an_answer_that_waits_for_the_end(rest, asked):
    rest.begin("hang", 1.0, seed=1)
    Timer(0.2, rest.end).start()
    assert requests.get(URL, timeout=30).text == "ok"
    rest.begin("hang", 1.0, seed=1)
    with pytest.raises(requests.ReadTimeout):
        requests.get(URL, timeout=0.2)
    assert len(asked) == 2


def test_a_request_that_waits_when_it_ends_leaves_nothing_open():
    with socket.create_server((ADDRESS, PORT)) as silent:
        made = Rest()
        made.follow([ADDRESS])
        with socket.create_connection((detour(ADDRESS), PORT)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with silent.accept()[0], warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                made.close()
                assert client.recv(1) == b""
                del made
                gc.collect()
    assert not [warning.message for warning in caught]
