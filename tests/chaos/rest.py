"""What stands between the supervisor and Flink's REST API in the local runtime, and loses what it is told to lose.

A connection is one request: the supervisor's client makes a new one for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import re
import threading
from collections.abc import Iterable

PORT = 8081
DISTANCE = 64 << 16  # from the addresses of pods, 127.64 to 127.95, to some that nobody else has
CHUNK = 1 << 16
# Whose answers are lost. Those to changes alone: who may not even look changes nothing.
LOSES = {"lost": re.compile(rb"(?!GET )"), "submission": re.compile(rb"POST /jars/[^ ]+/run ")}


def detour(address: str) -> str:
    return str(ipaddress.IPv4Address(address) + DISTANCE)


class Rest:
    """Listens before each JobManager that it is told of."""

    def __init__(self) -> None:
        self._ill, self._share, self._draw = "", 0.0, random.Random()
        self._well = asyncio.Event()
        self.lost = threading.Event()  # an answer was, since `begin`
        self._servers: dict[str, asyncio.Server] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._thread.start()

    def begin(self, ill: str, share: float, seed: int) -> None:
        """refused: nothing is sent. hang: it is, the answer waits for `end`. lost, submission: see LOSES."""
        self._share, self._draw, self._well = share, random.Random(seed), asyncio.Event()
        self.lost.clear()
        self._ill = ill

    def end(self) -> None:
        self._ill = ""
        self._loop.call_soon_threadsafe(self._well.set)

    def follow(self, addresses: Iterable[str]) -> None:
        """The JobManagers' addresses, as they are now."""
        asyncio.run_coroutine_threadsafe(self._follow(set(addresses)), self._loop).result(10)

    def close(self) -> None:
        self.end()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        await self._follow(set())
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    async def _follow(self, wanted: set[str]) -> None:
        for address in self._servers.keys() - wanted:
            self._servers.pop(address).close()
        for address in wanted - self._servers.keys():

            async def connected(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str = address
            ) -> None:
                await self._connected(address, reader, writer)

            self._servers[address] = await asyncio.start_server(connected, detour(address), PORT)

    async def _connected(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ill = self._ill if self._draw.random() < self._share else ""
        if ill == "refused":
            return writer.transport.abort()
        there_writer = None
        try:
            request = await reader.read(CHUNK)
            if ill in LOSES and not LOSES[ill].match(request):
                ill = ""
            there, there_writer = await asyncio.open_connection(address, PORT)
            there_writer.write(request)
            asking = asyncio.create_task(copy(reader, there_writer))
            answering = asyncio.create_task(self._answer(ill, there, writer))
            # A client that ends has all that it wants, or has given up.
            _, waiting = await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            for end in filter(None, (writer, there_writer)):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
        return None

    async def _answer(self, ill: str, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(CHUNK):
            if ill in LOSES:
                self.lost.set()
                writer.transport.abort()
                return
            if ill == "hang":
                await self._well.wait()
            writer.write(data)
            await writer.drain()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
