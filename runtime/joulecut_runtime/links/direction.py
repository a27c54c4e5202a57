"""One direction of an emulated link: a single radio that many connections share.

    socket -> waiting bytes of each connection -> the radio, one piece after the other -> delay -> socket

Every instant is computed from the one before, never from when a timer happened to fire, so errors do not add up.
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import numpy as np

from joulecut_core.time_limits import within
from joulecut_core.timing import Clock
from joulecut_runtime.links.shape import LinkShape

_MOST_WAITING_BYTES = 256 * 1024
"""A connection with this much before the radio is not read from: its sender feels the link, not our memory."""
_PIECE_S = 2e-3
_LEAST_PIECE_BYTES = 1024
_MOST_PIECE_BYTES = 64 * 1024
_AHEAD_S = 1e-3
"""The radio plans this far ahead on the wall: timers of an event loop are good to about a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    arrived_s: float
    data: bytes


class Flow:
    """One connection's bytes in one direction, in order."""

    def __init__(self, direction: Direction, writer: asyncio.StreamWriter) -> None:
        self._direction = direction
        self._writer = writer
        self._waiting: deque[_Chunk] = deque()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._ends = False
        self.blocked = False
        """Whether the receiver takes no more bytes for the moment."""

    @property
    def is_ready(self) -> bool:
        """Whether the radio has something to send for it."""
        return bool(self._waiting) and not self.blocked

    async def read_from(self, reader: asyncio.StreamReader) -> None:
        """Take bytes in until the sender has no more; never more than the radio can soon send."""
        while True:
            await self._room.wait()
            data = await reader.read(_MOST_PIECE_BYTES)
            if not data:
                break
            self._waiting.append(_Chunk(arrived_s=self._direction.now_s(), data=data))
            self._waiting_bytes += len(data)
            if self._waiting_bytes >= _MOST_WAITING_BYTES:
                self._room.clear()
            self._direction.wake()
        self._ends = True
        if not self._waiting:
            self.deliver_at(self._direction.now_s(), b"")

    async def write_out(self) -> None:
        """Hand bytes to the receiver when their time has come; returns after the last."""
        while True:
            due_s, data = await self._in_flight.get()
            if not data:
                break
            await self._direction.sleep_until(due_s)
            self._writer.write(data)
            self.blocked = True
            await self._writer.drain()
            self.blocked = False
            self._direction.wake()
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def peek(self, most_bytes: int) -> _Chunk:
        """The next piece for the radio."""
        head = self._waiting[0]
        return _Chunk(arrived_s=head.arrived_s, data=head.data[:most_bytes])

    def sent(self, piece: _Chunk, due_s: float) -> None:
        """The radio has taken the piece that `peek` returned; it arrives at `due_s`."""
        head = self._waiting.popleft()
        rest = head.data[len(piece.data) :]
        if rest:
            self._waiting.appendleft(_Chunk(arrived_s=head.arrived_s, data=rest))
        self._waiting_bytes -= len(piece.data)
        if self._waiting_bytes < _MOST_WAITING_BYTES:
            self._room.set()
        self.deliver_at(due_s, piece.data)
        if self._ends and not self._waiting:
            self.deliver_at(due_s, b"")

    def deliver_at(self, due_s: float, data: bytes) -> None:
        """Put bytes in flight; no bytes stand for the end."""
        self._in_flight.put_nowait((due_s, data))


class Direction:
    """The radio of one direction, and how much it has sent."""

    def __init__(self, shape: LinkShape, *, clock: Clock, seed: tuple[int, int]) -> None:
        self._shape = shape
        self._clock = clock
        self._random = np.random.default_rng(seed)
        self._start_s = clock.now_s()
        self._free_s = self._start_s
        self._last_due_s = self._start_s
        self._flows: deque[Flow] = deque()
        self._woken = asyncio.Event()
        self._reshaped = asyncio.Event()
        self.sent_bytes = 0
        self.airtime_s = 0.0

    def now_s(self) -> float:
        """The link's time."""
        return self._clock.now_s()

    def wake(self) -> None:
        """There may be a piece to send."""
        self._woken.set()

    def reshape(self, shape: LinkShape) -> None:
        """Behave differently from now on; a trace starts from its beginning, a piece half sent starts again."""
        self._shape = shape
        self._start_s = self.now_s()
        self._reshaped.set()

    def open_flow(self, writer: asyncio.StreamWriter) -> Flow:
        """A new connection that shares the radio from now on."""
        flow = Flow(self, writer)
        self._flows.append(flow)
        return flow

    def close_flow(self, flow: Flow) -> None:
        """Forget a connection and what it still wanted to send."""
        self._flows.remove(flow)
        self.wake()

    async def sleep_until(self, time_s: float) -> None:
        """Sleep until an instant of the link's time."""
        remaining_s = self._clock.wall_s(time_s - self._clock.now_s())
        if remaining_s > 0:
            await asyncio.sleep(remaining_s)

    async def transmit_forever(self) -> None:
        """Give each connection in turn one piece of airtime."""
        while True:
            self._woken.clear()
            flow = self._next_flow()
            if flow is None:
                await self._woken.wait()
            else:
                await self._send_piece_of(flow)

    async def _send_piece_of(self, flow: Flow) -> None:
        self._reshaped.clear()
        rate_bps = self._shape.bandwidth_at_bps(max(self._free_s, self.now_s()) - self._start_s)
        piece = flow.peek(int(min(_MOST_PIECE_BYTES, max(_LEAST_PIECE_BYTES, rate_bps / 8 * _PIECE_S))))
        begins_s = max(self._free_s, piece.arrived_s, self._start_s)
        transmission = self._shape.transmit(begins_s - self._start_s, len(piece.data))
        if transmission is None:
            await self._reshaped.wait()
            return
        end_s = self._start_s + transmission.end_s
        wait_s = self._clock.wall_s(end_s - self.now_s())
        if wait_s > _AHEAD_S and await self._is_reshaped_within(wait_s - _AHEAD_S / 2):
            return
        if flow not in self._flows:
            return
        self._free_s = end_s
        self.sent_bytes += len(piece.data)
        self.airtime_s += transmission.airtime_s
        extra_s = self._shape.jitter_s * float(self._random.random()) if self._shape.jitter_s else 0.0
        self._last_due_s = max(self._last_due_s, end_s + self._shape.delay_s + extra_s)
        flow.sent(piece, self._last_due_s)

    def _next_flow(self) -> Flow | None:
        for _ in range(len(self._flows)):
            flow = self._flows[0]
            self._flows.rotate(-1)
            if flow.is_ready:
                return flow
        return None

    async def _is_reshaped_within(self, wall_s: float) -> bool:
        try:
            await within(self._reshaped.wait(), wall_s)
        except asyncio.TimeoutError:
            return False
        return True
