"""A server on 127.0.0.1 that answers as a test says."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    method: str
    path: str
    params: dict[str, str]
    headers: Any
    body: Any  # decoded JSON, None for none


Answer = Callable[[Asked], tuple[int, Any]]  # the status, and bytes or what is sent as JSON


@contextmanager
def served(answer: Answer) -> Iterator[int]:
    """The port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url, size = urlsplit(self.path), int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            code, told = answer(Asked(self.command, url.path, dict(parse_qsl(url.query)), self.headers, body))
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
