"""An API server for development: speaks the part of the Kubernetes REST protocol that this system and kubectl use.

In memory, on one machine, for everyone who reaches its address: no users, no rights, no admission plug-ins.
"""

import threading
from pathlib import Path

import yaml

from .api import Api
from .garbage import Collector
from .http import Server
from .objects import Objects
from .trouble import Ill, Trouble

__all__ = ["Ill", "Store", "Trouble", "serve"]


class Store:
    """A running API server; `close` ends it. Usable as a context manager."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._collector = Collector(server.api)
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="store-http", daemon=True)
        self._collector.start()
        self._thread.start()

    @property
    def trouble(self) -> Trouble:
        """What its clients have to put up with: nothing, until it is told to."""
        return self._server.trouble

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig with one context, "local", to path and return path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": self.url}}],
            "users": [{"name": "local", "user": {}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local", "namespace": "default"}}],
            "current-context": "local",
        }
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def close(self) -> None:
        """End watches, connections and threads; what was stored is gone."""
        self._server.end()
        self._thread.join()
        self._collector.stop()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def serve(address: str = "127.0.0.1", port: int = 0, *, logs: Path, history: int = 10_000) -> Store:
    """Start an API server in threads of this process; port 0 takes a free one.

    logs: folder of the containers' logs, `<namespace>/<pod>/<container>.log`.
    history: how many changes a watch may lie behind before it is answered 410.
    """
    return Store(Server((address, port), Api(Objects(history)), logs))
