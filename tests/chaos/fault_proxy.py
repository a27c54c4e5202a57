"""A TCP proxy that breaks what it carries, on command and from a seed: the link between an edge and its server.

    edge ──▶ listener ──▶ Line: up   reader ─▶ queue ─▶ writer ──▶ server
                               down  reader ◀─ queue ◀─ writer ◀──

Weather lasts until it is changed (slow, late, stalled); faults happen once (cut, truncate, corrupt) or to the lines
open now (swallow). All instants are wall seconds: what is broken is a real socket.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from tests.chaos.http2_payloads import PREFACE_BYTES, Http2Payloads

LOOPBACK = "127.0.0.1"
_PIECE_BYTES = 1 << 16
_QUEUED_PIECES = 64
_WEATHER_S = 0.05
"""How soon a change of weather is felt."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER, on, no seconds: closing sends RST."""


class Way(Enum):
    """Up is from edge to server."""

    UP = "up"
    DOWN = "down"


class Place(Enum):
    """Where bits are flipped."""

    PAYLOAD = "payload"
    """In gRPC's messages only: HTTP/2 notices nothing."""
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What happens to every byte; `stalled`: nothing passes, nothing is lost."""

    rate_bps: float | None = None
    delay_s: float = 0.0
    jitter_s: float = 0.0
    stalled: bool = False


CALM = Weather()


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the proxy has done since its start."""

    connections: int = 0
    refused: int = 0
    corrupted: int = 0
    truncated: int = 0
    up_bytes: int = 0
    down_bytes: int = 0


class _Line:
    """One connection from an edge and the one to the server behind it."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._ends = (near, far)
        self.swallows = False
        self._over = asyncio.Event()

    async def ended(self) -> None:
        """Return once somebody has closed it from here."""
        await self._over.wait()

    def hang_up(self) -> None:
        """Close both ends in good order."""
        self._over.set()
        for end in self._ends:
            end.close()

    def reset(self) -> None:
        """Close both ends with RST, as a host that has forgotten a connection does."""
        self._over.set()
        for end in self._ends:
            _reset(end)


class _Flow:
    """One direction of one connection."""

    def __init__(
        self, proxy: FaultProxy, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: _Line
    ) -> None:
        self._proxy = proxy
        self._way = way
        self._source = source
        self._sink = sink
        self._line = line
        self._payloads = Http2Payloads(preface_bytes=PREFACE_BYTES if way is Way.UP else 0)
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED_PIECES)
        self._free_s = 0.0

    async def read(self) -> None:
        """Take bytes until the source ends; whatever a line swallows is gone."""
        loop = asyncio.get_running_loop()
        while piece := await self._source.read(_PIECE_BYTES):
            if not self._line.swallows:
                await self._pieces.put((loop.time(), piece))
        await self._pieces.put((loop.time(), b""))

    async def write(self) -> None:
        """Let bytes out as the weather lets them; the end of the source is told last."""
        while True:
            arrived_s, piece = await self._pieces.get()
            await self._travelled(arrived_s, len(piece))
            if self._line.swallows:
                continue
            if not piece:
                self._sink.close()
                return
            piece, is_last = self._proxy.spoil(self._way, self._payloads, piece)
            self._sink.write(piece)
            if is_last:
                self._line.hang_up()
                return
            await self._sink.drain()

    async def _travelled(self, arrived_s: float, size_bytes: int) -> None:
        """Wait for the end of a piece's way; a change of weather holds for what is under way too."""
        loop, proxy, way = asyncio.get_running_loop(), self._proxy, self._way
        begin_s = max(arrived_s, self._free_s)
        share = proxy.random.random()
        while True:
            await proxy.moving(way).wait()
            weather = proxy.weather_of(way)
            sent_s = begin_s if weather.rate_bps is None else begin_s + 8.0 * size_bytes / weather.rate_bps
            wait_s = sent_s + weather.delay_s + share * weather.jitter_s - loop.time()
            if wait_s <= 0.0:
                self._free_s = sent_s
                return
            await asyncio.sleep(min(wait_s, _WEATHER_S))


class FaultProxy:
    """Carries connections from `port` to the server. Used from one event loop; see `fault_proxy`."""

    def __init__(self, host: str, port: int, *, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self.counters = Counters()
        self.port = 0
        self.target = (host, port)
        """Where connections that come from now on are carried to."""
        self._weather = {Way.UP: CALM, Way.DOWN: CALM}
        self._moving: dict[Way, asyncio.Event] = {}
        self._lines: set[_Line] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._damage: dict[Way, tuple[int, Place]] = {}
        self._ending: set[Way] = set()
        self._swallow_new = False
        self._hold_next = False
        self._held: asyncio.Event | None = None

    async def start(self) -> None:
        """Listen, at the same port as before where there was one."""
        for way in Way:
            self._moving.setdefault(way, asyncio.Event()).set()
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Break every line and stop listening."""
        self.refuse()
        for task in tuple(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    # Weather.

    def set_weather(self, weather: Weather, *ways: Way) -> None:
        """What happens to bytes that come from now on, both ways where none is named."""
        for way in ways or tuple(Way):
            self._weather[way] = weather
            moving = self._moving[way]
            (moving.clear if weather.stalled else moving.set)()

    def weather_of(self, way: Way) -> Weather:
        """The weather now."""
        return self._weather[way]

    def moving(self, way: Way) -> asyncio.Event:
        """Set while bytes may leave."""
        return self._moving[way]

    # Faults.

    def cut(self) -> None:
        """Reset every line that is open."""
        for line in tuple(self._lines):
            line.reset()

    def hang_up(self) -> None:
        """Close every line that is open, in good order."""
        for line in tuple(self._lines):
            line.hang_up()

    def swallow(self, *, new_too: bool = False) -> None:
        """Half-open: the lines open now take bytes and lose them, and neither end is told of anything."""
        for line in self._lines:
            line.swallows = True
        self._swallow_new = new_too

    def carry_new(self) -> None:
        """New lines work again; those that swallow go on doing so until they are cut."""
        self._swallow_new = False

    def truncate(self, way: Way) -> None:
        """End the line after half of the next piece that holds a message's bytes."""
        self._ending.add(way)

    def corrupt(self, way: Way, place: Place = Place.PAYLOAD, *, pieces: int = 1) -> None:
        """Flip one bit in each of the next pieces that have such a place."""
        self._damage[way] = (pieces, place)

    def unspoil(self) -> None:
        """Forget what was to be truncated or corrupted and has not come by."""
        self._damage.clear()
        self._ending.clear()

    def refuse(self) -> None:
        """Stop listening: whoever connects is refused by the host."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def reorder(self) -> None:
        """Hold the next line until one that came after it has been connected."""
        self._hold_next = True

    def spoil(self, way: Way, payloads: Http2Payloads, piece: bytes) -> tuple[bytes, bool]:
        """The piece as it arrives, and whether nothing follows."""
        spans = payloads.spans(piece)
        if way in self._ending and spans:
            self._ending.discard(way)
            self.counters.truncated += 1
            begin, end = spans[-1]
            return piece[: (begin + end) // 2], True
        pieces, place = self._damage.get(way, (0, Place.ANYWHERE))
        if place is Place.ANYWHERE:
            spans = [(0, len(piece))]
        if pieces and spans:
            self._damage[way] = (pieces - 1, place)
            self.counters.corrupted += 1
            spoilt = bytearray(piece)
            begin, end = max(spans, key=lambda span: span[1] - span[0])
            spoilt[self.random.randrange(begin, end)] ^= 1 << self.random.randrange(8)
            piece = bytes(spoilt)
        if way is Way.UP:
            self.counters.up_bytes += len(piece)
        else:
            self.counters.down_bytes += len(piece)
        return piece, False

    # Lines.

    async def _accepted(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            await self._carry(near_reader, near)
        except (OSError, asyncio.CancelledError):
            _reset(near)

    async def _carry(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if self._hold_next:
            self._hold_next, self._held = False, asyncio.Event()
            await self._held.wait()
        try:
            far_reader, far = await asyncio.open_connection(*self.target)
        except OSError:
            self.counters.refused += 1
            raise
        if self._held is not None:
            self._held.set()
            self._held = None
        self.counters.connections += 1
        line = _Line(near, far)
        line.swallows = self._swallow_new
        self._lines.add(line)
        up = _Flow(self, Way.UP, near_reader, far, line)
        down = _Flow(self, Way.DOWN, far_reader, near, line)
        moves = [asyncio.ensure_future(move) for move in (up.read(), up.write(), down.read(), down.write())]
        ends = {asyncio.ensure_future(_all_of(moves)), asyncio.ensure_future(line.ended())}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lines.discard(line)
            for task in (*moves, *ends):
                task.cancel()
            await asyncio.gather(*moves, *ends, return_exceptions=True)
            line.reset()


async def _all_of(moves: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*moves)


@asynccontextmanager
async def fault_proxy(port: int, *, host: str = LOOPBACK, seed: int = 0) -> AsyncIterator[FaultProxy]:
    """A proxy to a server, running inside the context."""
    proxy = FaultProxy(host, port, seed=seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()


def _reset(end: asyncio.StreamWriter) -> None:
    transport: asyncio.WriteTransport = end.transport
    if transport.is_closing():
        return
    carried: socket.socket | None = transport.get_extra_info("socket")
    if carried is not None:
        with suppress(OSError):
            carried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
