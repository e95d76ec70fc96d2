"""gunicorn around the application: one process, threads, no file of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Serves until it is told to stop; port 0 takes a free one. more: settings of gunicorn's."""

    def __init__(self, make: Callable[[], flask.Flask], *, address: str, port: int, threads: int, **more: Any) -> None:
        """OSError where it cannot listen: gunicorn would try for five seconds, in eleven lines of its log."""
        self.make = make
        self.settings: dict[str, Any] = {
            "bind": f"fd://{_bound(address, port).detach()}",
            # One worker: the metrics are of the whole, and the work is short. More of them are more replicas.
            "workers": 1,
            "worker_class": "gthread",
            "threads": threads,
            # Metacontroller keeps connections for 90 s; the side that closes first loses a request now and then.
            "keepalive": 100,
            "graceful_timeout": 8,
            # Under a read-only root file system.
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm",
            "loglevel": "warning",
            **more,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> flask.Flask:
        return self.make()


def _bound(address: str, port: int) -> socket.socket:
    """On `::` it hears IPv4 too, whatever the machine's default is."""
    family, place = (
        (socket.AF_INET6, f"[{address}]:{port}") if ":" in address else (socket.AF_INET, f"{address}:{port}")
    )
    own = socket.socket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        own.bind((address, port))
    except OSError as error:
        own.close()
        place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        raise OSError(error.errno, error.strerror, place) from error
    return own
