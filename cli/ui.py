"""ui: Flink's web UI on this machine, through the API server: with the user's own rights, and to look at only."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cli import flink, kinds, output, verdicts
from cli.errors import Failed
from cli.session import Session
from clients.kube import ApiError, KubeClient, KubeError, Resource, resources
from clients.kube.resources import segment
from core import names

ADDRESS = "127.0.0.1"
PORT = 8081  # of the Service
READ_ONLY = "to look at only: stop, start and scale with flinkctl, so that no state is lost"


def ui(session: Session, resource: Resource, name: str, port: int) -> None:
    """Until Ctrl-C."""
    item = session.get(resource, name)
    is_job = item["kind"] == names.JOB
    cluster = flink.cluster_of(session, item) if is_job else name
    run = verdicts.status_of(item).get("jobId") if is_job else ""
    flink.JobManager(session, cluster).get("/config")  # else it says here why not, rather than in the browser
    with _server(session.client, session.namespace, cluster, port) as server:
        page = f"#/job/running/{run}/overview" if run else ""
        output.data(f"http://{ADDRESS}:{server.server_port}/{page}")
        output.note(f"Flink's UI of {kinds.title_of(item)}, {READ_ONLY}. Ctrl-C ends it.")
        server.serve_forever()


def _server(client: KubeClient, namespace: str, cluster: str, port: int) -> ThreadingHTTPServer:
    service = segment(f"{names.jobmanager_service(cluster)}:{PORT}")
    door = resources.SERVICES.path(namespace, service, "proxy")
    try:
        return serve(client, door, port)
    except OSError as error:
        raise Failed(f"--port {port}: {error.strerror}") from error


def serve(client: KubeClient, door: str, port: int) -> ThreadingHTTPServer:
    """A server that hands GETs on to what is behind this path of the API server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self._is_meant():
                return self._answer(403, "text/plain", b"this address is not served here\n")
            try:
                accept = self.headers.get("Accept", "*/*")
                found = client.request("GET", f"{door}{self.path}", accept=accept, repeat_server_errors=False)
                self._answer(found.status_code, found.headers.get("Content-Type", ""), found.content)
            except ApiError as error:
                self._answer(error.status, "text/plain", f"{error}\n".encode())
            except KubeError as error:
                self._answer(502, "text/plain", f"{error}\n".encode())

        def _refuse(self) -> None:
            self.close_connection = True  # its body is not read
            self._answer(405, "text/plain", f"{READ_ONLY}\n".encode())

        do_POST = do_PUT = do_PATCH = do_DELETE = _refuse

        def _is_meant(self) -> bool:
            """Not another name that points here: a page of somebody else's in the same browser would be let in."""
            own = {f"{host}:{server.server_port}" for host in (ADDRESS, "localhost")}
            return self.headers.get("Host") in own

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Who looks sees it in the browser."""

    server = ThreadingHTTPServer((ADDRESS, port), Handler)
    server.daemon_threads = True
    return server
