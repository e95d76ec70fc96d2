"""The client of one life of a loop: an observer is told of its writes, and when the life ends, so do its calls."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import requests

from clients.kube import KubeClient, Unreachable
from local.metacontroller.observer import Observer

_READS = ("GET", "HEAD")


class LoopClient(KubeClient):
    """Sends through another client, until `ended` is set: a process that was killed sends nothing any more."""

    def __init__(self, client: KubeClient, observer: Observer, ended: threading.Event) -> None:
        super().__init__(client.connection, timeout=client.timeout)
        self._client = client
        self._observer = observer
        self._ended = ended

    def without_repeats(self) -> KubeClient:
        return LoopClient(self._client.without_repeats(), self._observer, self._ended)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        if self._ended.is_set():
            raise Unreachable(f"{method} {path} was not sent: the loop was killed", sent=False, passing=False)
        send = partial(self._client.request, method, path, **options)
        return send() if method in _READS else self._observer.write(send)
