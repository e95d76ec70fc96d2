"""The proxy to services and pods, and containers' logs."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.store import Store

from .conftest import PODS, Http, pod

SERVICES = "/api/v1/namespaces/default/services"
ADDRESS = "127.0.0.7"


class Echo(BaseHTTPRequestHandler):
    """Answers 418 with what it was asked."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        seen = {"method": self.command, "path": self.path, "body": body, "type": self.headers.get("Content-Type")}
        text = json.dumps(seen).encode()
        self.send_response(418)
        self.send_header("X-Echo", "yes")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_DELETE = do_PATCH = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port at ADDRESS of something that answers as a pod would."""
    server = ThreadingHTTPServer((ADDRESS, 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def run_pod(http: Http, port: int, name: str = "p", address: str = ADDRESS, ready: str = "True") -> None:
    container = {"name": "c", "image": "x", "ports": [{"containerPort": port, "name": "ui"}]}
    body = pod(name, containers=[container])
    body["metadata"]["labels"] = {"app": "p"}
    http.ok("POST", PODS, body)
    status = {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": ready}]}
    http.patch(f"{PODS}/{name}/status", {"status": status})


def make_service(http: Http, target: int | str = "ui") -> None:
    ports = [{"name": "other", "port": 1, "targetPort": 1}, {"name": "web", "port": 80, "targetPort": target}]
    http.ok("POST", SERVICES, {"metadata": {"name": "s"}, "spec": {"selector": {"app": "p"}, "ports": ports}})


@pytest.mark.parametrize("target", ["s:web", "s:80", "http:s:web"])
@pytest.mark.parametrize("ready", ["True", "False"])
def test_a_service_leads_to_its_pod_ready_or_not(http: Http, port: int, target: str, ready: str) -> None:
    run_pod(http, port, ready=ready)
    make_service(http)
    answer = http.request(
        "POST", f"{SERVICES}/{target}/proxy/jobs/1%2F2/?a=b&a=c", data="x", headers={"Content-Type": "t/t"}
    )
    assert (answer.status_code, answer.headers["X-Echo"]) == (418, "yes")
    assert answer.json() == {"method": "POST", "path": "/jobs/1%2F2/?a=b&a=c", "body": "x", "type": "t/t"}


def test_ready_pods_are_preferred(http: Http, port: int) -> None:
    run_pod(http, port, "a", "127.0.0.8", ready="False")
    run_pod(http, port, "b")
    make_service(http, port)
    assert http.request("GET", f"{SERVICES}/s:80/proxy").json()["path"] == "/"


def test_a_pod_is_reached_by_its_name(http: Http, port: int) -> None:
    run_pod(http, port)
    for target in ("p", f"p:{port}"):
        assert http.request("DELETE", f"{PODS}/{target}/proxy/x").json()["method"] == "DELETE"


def test_where_nothing_answers(http: Http) -> None:
    make_service(http, 1)
    code, status = http.call("GET", f"{SERVICES}/s:80/proxy/x")
    assert (code, status["message"]) == (503, 'no endpoints available for service "s"')
    run_pod(http, 1)
    code, status = http.call("GET", f"{SERVICES}/s:80/proxy/x")
    assert (code, status["reason"]) == (503, "ServiceUnavailable") and "Connection refused" in status["message"]
    code, status = http.call("GET", f"{SERVICES}/s:none/proxy/x")
    assert code == 503 and "no service port" in status["message"]
    assert http.call("GET", f"{SERVICES}/none:80/proxy/x")[0] == 404


@pytest.fixture
def log(tmp_path: Path, store: Store) -> Path:
    file = tmp_path / "logs" / "default" / "p" / "c.log"
    file.parent.mkdir(parents=True)
    file.write_text("one\ntwo\nthree\n")
    return file


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "one\ntwo\nthree\n"),
        ({"tailLines": "2"}, "two\nthree\n"),
        ({"tailLines": "0"}, ""),
        ({"container": "c", "tailLines": "9"}, "one\ntwo\nthree\n"),
    ],
)
def test_logs(http: Http, log: Path, query: dict[str, str], text: str) -> None:
    http.ok("POST", PODS, pod())
    assert http.request("GET", f"{PODS}/p/log", params=query).text == text


def test_a_followed_log_goes_on_until_the_container_ends(http: Http, log: Path) -> None:
    http.ok("POST", PODS, pod())
    with http.request("GET", f"{PODS}/p/log", params={"follow": "true", "tailLines": "1"}, stream=True) as answer:
        lines = answer.iter_lines(chunk_size=None)
        assert next(lines) == b"three"
        with log.open("a") as stream:
            stream.write("four\n")
        assert next(lines) == b"four"
        with log.open("a") as stream:
            stream.write("five\n")
        ended = [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]
        http.patch(f"{PODS}/p/status", {"status": {"containerStatuses": ended}})
        assert list(lines) == [b"five"]


def test_logs_that_cannot_be_had(http: Http, log: Path) -> None:
    two = [{"name": name, "image": "x"} for name in ("c", "d")]
    http.ok("POST", PODS, pod(containers=two))
    for query, message in (
        ({}, "a container name must be specified for pod p, choose one of: [c d]"),
        ({"container": "x"}, "container x is not valid for pod p"),
        ({"container": "d"}, 'container "d" in pod "p" is waiting to start: ContainerCreating'),
        ({"container": "c", "previous": "true"}, 'previous terminated container "c" in pod "p" not found'),
    ):
        code, status = http.call("GET", f"{PODS}/p/log", **query)
        assert (code, status["message"]) == (400, message)
    assert http.call("GET", f"{PODS}/none/log")[0] == 404


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"waiting": {"reason": "ImagePullBackOff"}}, "waiting to start: ImagePullBackOff"),
        ({"terminated": {"exitCode": 128, "reason": "StartError"}}, "terminated"),
    ],
)
def test_a_container_that_never_ran_says_why_it_has_no_log(
    http: Http, log: Path, state: dict[str, Any], why: str
) -> None:
    log.unlink()
    http.ok("POST", PODS, pod())
    http.patch(f"{PODS}/p/status", {"status": {"containerStatuses": [{"name": "c", "state": state}]}})
    code, status = http.call("GET", f"{PODS}/p/log")
    assert (code, status["message"]) == (400, f'container "c" in pod "p" is {why}')
