"""An emulated link: a TCP proxy on the loopback with a radio's bandwidth, delay and jitter in both directions.

Clients connect to the port that `start()` returns instead of the server's. All instants are the injected Clock's, so
a slowed-down clock slows the link alike. It needs a clock that runs by itself (SystemClock, ScaledClock).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TypeVar

from joulecut_core.errors import LinkError
from joulecut_core.timing import Clock
from joulecut_runtime.links.direction import Direction, Flow
from joulecut_runtime.links.shape import LinkShape

_log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 10.0
"""How long a call from outside waits for the link's thread, on the wall."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounters:
    """Bytes that have left since the start, and the radio's airtime for them in seconds of the link's clock."""

    up_bytes: int
    up_busy_s: float
    down_bytes: int
    down_busy_s: float


class EmulatedLink:
    """Carries connections to `host`:`port`. Up is from client to server.

    Loss-free; a server that does not listen closes the client's connection, the next one tries again. Raises LinkError
    where the link is not running. Safe to call from any thread.
    """

    def __init__(
        self, *, host: str, port: int, uplink: LinkShape, downlink: LinkShape, clock: Clock, seed: int = 0
    ) -> None:
        self._host = host
        self._port = port
        self._shapes = (uplink, downlink)
        self._clock = clock
        self._seed = seed
        self._thread: threading.Thread | None = None
        self._inside: _Inside | None = None

    def start(self) -> int:
        """Begin to carry connections; returns the port on the loopback that the system chose."""
        if self._thread is not None:
            raise LinkError("the emulated link is running already; close it before starting it again")
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._work, args=(started,), name="emulated-link", daemon=True)
        self._thread.start()
        try:
            return started.result(timeout=_PATIENCE_S)
        except OSError as error:
            self._thread = None
            raise LinkError(f"the emulated link cannot listen on {_LOOPBACK}: {error}") from error

    def close(self) -> None:
        """Break all connections and stop. Safe to call twice."""
        thread, inside = self._thread, self._inside
        self._thread = None
        if thread is None or inside is None:
            return
        inside.loop.call_soon_threadsafe(inside.stopping.set)
        thread.join(timeout=_PATIENCE_S)
        self._inside = None

    def __enter__(self) -> EmulatedLink:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self._running().port

    def counters(self) -> LinkCounters:
        """What has been sent so far; pieces on the air count in full."""
        inside = self._running()
        return self._call(
            lambda: LinkCounters(
                up_bytes=inside.up.sent_bytes,
                up_busy_s=inside.up.airtime_s,
                down_bytes=inside.down.sent_bytes,
                down_busy_s=inside.down.airtime_s,
            )
        )

    def set_bandwidth(self, up_bps: float, down_bps: float) -> None:
        """Replace both bandwidths (or traces) from the next piece on; 0 is an outage. Delays stay."""
        inside = self._running()
        uplink, downlink = (
            replace(shape, bandwidth_bps=bps, trace=())
            for shape, bps in zip(self._shapes, (up_bps, down_bps), strict=True)
        )
        self._shapes = (uplink, downlink)

        def reshape() -> None:
            inside.up.reshape(uplink)
            inside.down.reshape(downlink)

        self._call(reshape)

    def cut(self) -> None:
        """Break every connection and every new one until `restore`."""
        self._call(self._running().cut)

    def restore(self) -> None:
        """Carry new connections again."""
        inside = self._running()

        def mend() -> None:
            inside.is_cut = False

        self._call(mend)

    def _running(self) -> _Inside:
        if self._inside is None:
            raise LinkError("the emulated link is not running; start it first")
        return self._inside

    def _call(self, function: Callable[[], T]) -> T:
        done: Future[T] = Future()

        def run() -> None:
            done.set_result(function())

        self._running().loop.call_soon_threadsafe(run)
        return done.result(timeout=_PATIENCE_S)

    def _work(self, started: Future[int]) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: Future[int]) -> None:
        up, down = (
            Direction(shape, clock=self._clock, seed=(self._seed, index)) for index, shape in enumerate(self._shapes)
        )
        inside = _Inside(up, down, self._host, self._port)
        try:
            server = await asyncio.start_server(inside.accept, _LOOPBACK, 0)
        except OSError as error:
            started.set_exception(error)
            return
        inside.port = server.sockets[0].getsockname()[1]
        self._inside = inside
        radios = [asyncio.ensure_future(direction.transmit_forever()) for direction in (up, down)]
        started.set_result(inside.port)
        await inside.stopping.wait()
        server.close()
        inside.cut()
        for radio in radios:
            radio.cancel()
        await asyncio.gather(*radios, *inside.connections, return_exceptions=True)
        # Aborted sockets close in the loop's next round.
        await asyncio.sleep(0)


class _Inside:
    """What lives in the link's event loop."""

    def __init__(self, up: Direction, down: Direction, host: str, port: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        self.up = up
        self.down = down
        self.port = 0
        self.is_cut = False
        self.connections: set[asyncio.Task[None]] = set()
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()

    def accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        """Carry a new client's connection in a task of its own."""
        connection = asyncio.ensure_future(self._carry(client_reader, client_writer))
        self.connections.add(connection)
        connection.add_done_callback(self.connections.discard)

    async def _carry(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self._writers.add(client_writer)
        try:
            if not self.is_cut:
                await self._bridge(client_reader, client_writer)
        except OSError as error:
            _log.info("a connection over the emulated link to %s:%d broke: %s", *self._target, error)
        finally:
            self._forget(client_writer)

    def cut(self) -> None:
        """Reset every connection."""
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()
        for connection in self.connections:
            connection.cancel()

    async def _bridge(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._writers.add(server_writer)
        up, down = self.up.open_flow(server_writer), self.down.open_flow(client_writer)
        try:
            for writer in (client_writer, server_writer):
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.is_cut:
                return
            await _both(_pump(up, client_reader), _pump(down, server_reader))
        finally:
            self.up.close_flow(up)
            self.down.close_flow(down)
            self._forget(server_writer)

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()


async def _pump(flow: Flow, reader: asyncio.StreamReader) -> None:
    await _both(flow.read_from(reader), flow.write_out())


async def _both(one: Coroutine[None, None, None], other: Coroutine[None, None, None]) -> None:
    """Run both to their ends; where one fails or this is cancelled, the other is cancelled too."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
