"""The loop itself: hosts controllers on an API, whichever it is, and calls their hooks.

It speaks Metacontroller 4.17.2's protocol, with its default client-side apply. The API is a Kubernetes or the store
next door; both are reached through `clients.kube`.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from clients.kube import KubeClient, KubeError, watch
from local.metacontroller.client import LoopClient
from local.metacontroller.controller import Controller
from local.metacontroller.discovery import Discovery
from local.metacontroller.errors import SyncError, Unsupported
from local.metacontroller.events import Events
from local.metacontroller.informer import Informers, Watch
from local.metacontroller.observer import Observer
from local.metacontroller.spec import read_spec
from local.metacontroller.webhook import BaseUrl

log = logging.getLogger(__name__)

JOIN_SECONDS = 15.0
SOON = 1.0


class Loop:
    """Hosts CompositeControllers and DecoratorControllers (their manifests, as dicts).

    webhook_url: where a `webhook.service` is really served: base URLs by service name, or a function of service name
    and namespace. A `webhook.url` is used as it is.
    seed: None works through the children of a type by name, a number in an order drawn from it.
    observer: is told of what the loop does, as guards.py wants to know it.
    """

    def __init__(
        self,
        client: KubeClient,
        controllers: Sequence[Mapping[str, Any]],
        *,
        webhook_url: BaseUrl | Mapping[str, str],
        workers: int = 2,
        seed: int | None = None,
        watch: Watch = watch,
        observer: Observer | None = None,
    ) -> None:
        self._client = client
        self._sources = [dict(source) for source in controllers]
        self._base_url = webhook_url if callable(webhook_url) else _lookup(webhook_url)
        self._workers = workers
        self._shuffle = None if seed is None else random.Random(seed)
        self._watch = watch
        self._observer = observer or Observer()
        self._stop, self._killed = threading.Event(), threading.Event()
        self._informers = Informers(client, self._stop, watch)
        self._controllers: list[Controller] = []
        self._ended, self._revival = threading.Event(), threading.Thread()

    def start(self) -> None:
        """Returns at once; the first syncs follow when the caches are filled. Nothing is left of an earlier life.

        Raises Unsupported for a controller that asks for what is not imitated (rolling updates, ETags, TLS and
        credentials of webhooks), SyncError if a type it names is not served, KubeError if the API does not answer.
        """
        self._stop, self._killed = threading.Event(), threading.Event()
        client = LoopClient(self._client, self._observer, self._killed)
        self._informers = Informers(client, self._stop, self._watch)
        self._controllers = []
        discovery, events = Discovery(client), Events(client)
        specs = [read_spec(source, discovery, self._base_url) for source in self._sources]
        for spec in specs:
            controller = Controller(
                spec,
                client,
                discovery,
                self._informers,
                events,
                self._observer,
                self._stop,
                workers=self._workers,
                shuffle=self._shuffle,
            )
            self._controllers.append(controller)
            controller.start()
            log.info("hosting %s %s", spec.source["kind"], spec.name)

    def stop(self) -> None:
        """Ends all threads; a hook that is being called is waited for."""
        self._revive_no_more()
        self._stop.set()
        for controller in self._controllers:
            controller.queue.shut_down()
        for controller in self._controllers:
            controller.shut_down(JOIN_SECONDS)
        self._informers.join(JOIN_SECONDS)

    def kill(self) -> None:
        """Ends as a killed process does: between two calls of the API, with all that is under way left undone."""
        self._revive_no_more()
        self._killed.set()
        self.stop()

    @property
    def killed(self) -> bool:
        return self._killed.is_set()

    def restart(self) -> None:
        """As a kubelet does it: at once, and again in the background while the API is not there, or not all of it."""
        self.kill()
        try:
            self.start()
        except (KubeError, SyncError):
            self._revival = threading.Thread(target=self._revive, name="loop-revival", daemon=True)
            self._revival.start()

    def _revive(self) -> None:
        while not self._ended.wait(SOON):
            try:
                self.start()
                return
            except (KubeError, SyncError) as error:
                log.warning("cannot start: %s", error)

    def _revive_no_more(self) -> None:
        self._ended.set()
        if self._revival.is_alive():
            self._revival.join()
        self._ended.clear()

    def current(self) -> bool:
        """Whether the caches are as the API is, and whom that concerns is queued."""
        return self._informers.current()

    def settled(self) -> bool:
        """Whether the caches are as the API is, and no sync runs or is due soon."""
        idle = self.current() and all(controller.queue.idle(SOON) for controller in self._controllers)
        return idle and not self._revival.is_alive()


def _lookup(urls: Mapping[str, str]) -> BaseUrl:
    def base_url(name: str, namespace: str) -> str:
        if name not in urls:
            raise Unsupported(f"no address is known for the webhook's service {namespace}/{name}")
        return urls[name]

    return base_url
