"""Services: a forwarder on each clusterIP:port to the pods that the selector matches, and hosts files with their names.

The forwarder stands in for kube-proxy, the hosts files for cluster DNS. One thread, one event loop.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clients.kube import KubeClient
from clients.kube import resources as r
from local.kubelet.mirror import Mirror
from local.kubelet.status import TERMINAL, Object

log = logging.getLogger(__name__)
Address = tuple[str, int]
Detour = Callable[[str], str]  # a pod's address → the one by which our own programs reach it
_CHUNK = 1 << 16
_RETRY = 1.0  # seconds after an address could not be taken
_LAST = 5.0  # seconds for connections to end


class Services:
    """Forwards and names, following a mirror of pods and its own of services."""

    def __init__(self, client: KubeClient, pods: Mirror, detour: Detour | None = None) -> None:
        self._pods, self._services = pods, Mirror(client, r.SERVICES)
        self._hosts: dict[Path, tuple[str, str]] = {}  # a pod's hosts file → its namespace and address
        self._detour = detour
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._forwarders: dict[Address, Forwarder] = {}
        self._thread = threading.Thread(target=self._run, name="services", daemon=True)
        for mirror in (pods, self._services):
            mirror.listen(self._poke)

    def start(self, stop: threading.Event) -> threading.Thread:
        """Begin; returns the watch's thread."""
        self._thread.start()
        return self._services.start(stop)

    def close(self) -> None:
        """Close all forwarders. The mirrors must have stopped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def write_hosts(self, path: Path, namespace: str, ip: str) -> None:
        """The hosts file of a pod, kept up to date for as long as its folder is there."""
        _replace(path, self._hosts_text(namespace, ip))
        self._hosts[path] = (namespace, ip)
        self._loop.call_soon_threadsafe(self._changed.set)  # in case a service came in between

    def _hosts_text(self, namespace: str, ip: str) -> str:
        detours = {other: self._detour(other) for other in self._living()} if self._detour else {}
        return hosts_text(namespace, ip, self._services.objects(), detours)

    def _living(self) -> list[str]:
        """The addresses of the pods that have one."""
        return [pod["status"]["podIP"] for pod in self._pods.objects() if _lives(pod)]

    def _poke(self, _item: Object, _gone: bool) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        follower = self._loop.create_task(self._follow())
        self._loop.run_forever()
        follower.cancel()
        self._loop.run_until_complete(self._end(follower))

    async def _end(self, follower: asyncio.Task[None]) -> None:
        """A connection ends by itself when nothing is behind it. One that is cancelled before its task began would stay
        open."""
        closing: list[Coroutine[Any, Any, None]] = [forwarder.close() for forwarder in self._forwarders.values()]
        await asyncio.gather(*closing, follower, return_exceptions=True)
        end = self._loop.time() + _LAST
        while (rest := asyncio.all_tasks() - {asyncio.current_task()}) and self._loop.time() < end:
            await asyncio.wait(rest, timeout=_LAST)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own last words

    async def _follow(self) -> None:
        while True:
            complete = await self._apply()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if complete else _RETRY)
            self._changed.clear()

    async def _apply(self) -> bool:
        """Make forwarders and files what the mirrors say; False if an address could not be taken."""
        services, pods = self._services.objects(), self._pods.objects()
        for path, (namespace, ip) in list(self._hosts.items()):
            try:
                _replace(path, self._hosts_text(namespace, ip))
            except FileNotFoundError:
                self._hosts.pop(path)
        wanted = routes(services, pods)
        for address in self._forwarders.keys() - wanted.keys():
            await self._forwarders.pop(address).close()
        complete, living = True, self._living()
        for address, backends in wanted.items():
            forwarder = self._forwarders.setdefault(address, Forwarder(address))
            complete &= await forwarder.follow(backends, living)
        return complete


class Forwarder:
    """Listens on one address while there are backends: without one a connection is refused, as in a cluster."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._server: asyncio.Server | None = None
        self._backends: Sequence[Address] = ()
        self._turn = itertools.count()
        self._writers: dict[asyncio.StreamWriter, str] = {}  # both ends of every connection → its pod's address

    async def follow(self, backends: Sequence[Address], living: Iterable[str]) -> bool:
        """Forward new connections to `backends`; cut those to pods not among the `living`. False: could not listen."""
        self._backends, alive = backends, set(living)
        for writer, ip in list(self._writers.items()):
            if ip not in alive:
                writer.transport.abort()
        if not backends:
            await self._listen(False)
            return True
        try:
            await self._listen(True)
        except OSError as problem:
            log.warning("cannot listen on %s:%d: %s", *self._address, problem)
            return False
        return True

    async def close(self) -> None:
        await self.follow((), ())

    async def _listen(self, wanted: bool) -> None:
        if wanted and self._server is None:
            host, port = self._address
            self._server = await asyncio.start_server(self._connected, host, port)
        elif not wanted and self._server is not None:
            self._server.close()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._backends:
            writer.transport.abort()
            return
        backend = self._backends[next(self._turn) % len(self._backends)]
        self._writers[writer] = backend[0]
        ends = [writer]
        try:
            there_reader, there_writer = await asyncio.open_connection(*backend)
            self._writers[there_writer] = backend[0]
            ends.append(there_writer)
            if writer.is_closing():
                return  # the service went meanwhile
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        except OSError:
            _reset(writer)
        finally:
            for end in ends:
                self._writers.pop(end, None)
                end.transport.abort() if end.is_closing() else end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST rather than a polite end: nothing listens behind."""
    end = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def routes(services: Iterable[Object], pods: Sequence[Object]) -> dict[Address, list[Address]]:
    """Pure: (clusterIP, port) → the pods' addresses it leads to, possibly none."""
    found = {}
    for service in services:
        spec, namespace = service["spec"], service["metadata"]["namespace"]
        if spec.get("clusterIP") in (None, "", "None"):
            continue
        backends = [pod for pod in pods if pod["metadata"]["namespace"] == namespace and is_backend(spec, pod)]
        for port in spec.get("ports", ()):
            targets = ((pod["status"]["podIP"], _target_port(port, pod)) for pod in backends)
            found[spec["clusterIP"], port["port"]] = [(ip, number) for ip, number in targets if number is not None]
    return found


def is_backend(spec: Object, pod: Object) -> bool:
    """Pure: whether a service with this spec leads to the pod now."""
    selector: Mapping[str, str] = spec.get("selector") or {}
    labels = pod["metadata"].get("labels", {})
    if not selector or not _lives(pod) or any(labels.get(key) != value for key, value in selector.items()):
        return False
    if spec.get("publishNotReadyAddresses"):
        return True
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))
    return ready and "deletionTimestamp" not in pod["metadata"]


def hosts_text(namespace: str, ip: str, services: Iterable[Object], detours: Mapping[str, str] = {}) -> str:
    """Pure: every service by the names that a pod of `namespace` may use, and what leads elsewhere; localhost is where
    the pod's programs listen: the JobManager of Flink 1.x looks there for its own BLOB server."""
    lines = [f"{ip} localhost", f"127.0.0.1 {socket.gethostname()}"]
    for service in sorted(services, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"])):
        address = service["spec"].get("clusterIP")
        if address and address != "None":
            own, name = service["metadata"]["namespace"], service["metadata"]["name"]
            full = [f"{name}.{own}{end}" for end in ("", ".svc", ".svc.cluster.local")]
            lines.append(" ".join([address, *([name] if own == namespace else []), *full]))
    lines += [f"{there} {address}" for address, there in detours.items()]
    return "\n".join(lines) + "\n"


def _lives(pod: Object) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") not in TERMINAL


def _target_port(port: Object, pod: Object) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    ports = (item for container in pod["spec"]["containers"] for item in container.get("ports", ()))
    return next((item["containerPort"] for item in ports if item.get("name") == target), None)


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: JVMs read it at any time."""
    if not path.exists() or path.read_text() != text:
        partial = path.with_suffix(f".{threading.get_ident()}")
        partial.write_text(text)
        partial.replace(path)
