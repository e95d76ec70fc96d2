"""/healthz, /readyz and /metrics of the supervisor.

Healthy: the heartbeat of every cycle is fresh. Ready: the watches have brought what there is; so is who stands by for
the holder of the Lease, and has no cycle.
"""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from supervisor.fleet import Fleet
from supervisor.metrics import Metrics

# A cycle waits for Flink for some seconds at most; one that is silent for longer than this hangs.
STALE = 120.0


def serve(address: str, port: int, fleet: Fleet) -> ThreadingTCPServer:
    """In a thread of its own; the caller shuts it down."""
    ours = CollectorRegistry()
    ours.register(Metrics(fleet.cycles))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = _answer(self.path, fleet, ours)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are no news."""

    class Server(ThreadingTCPServer):  # not HTTPServer, which asks DNS for its name
        allow_reuse_address = daemon_threads = True
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def server_bind(self) -> None:
            if self.address_family == socket.AF_INET6:
                # On :: it hears IPv4 too, whatever the machine's default is.
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    server = Server((address, port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _answer(path: str, fleet: Fleet, ours: CollectorRegistry) -> tuple[int, str]:
    if path == "/metrics":
        return 200, (generate_latest(REGISTRY) + generate_latest(ours)).decode()
    if path == "/readyz":
        return (200, "ok") if fleet.ready else (503, "the watches are not there yet")
    if path == "/healthz":
        silent = [
            f"{cycle.namespace}/{cycle.name}" for cycle in fleet.cycles() if time.monotonic() - cycle.heartbeat > STALE
        ]
        return (503, f"no heartbeat: {', '.join(silent)}") if silent else (200, "ok")
    return 404, "not found"
