"""The inference stream over a bare socket in gRPC's place: `python -m benchmarks.transport_socket`.

What a transport of our own could win. Its messages are the stream's, each behind its length, on uvloop like an agent's.
It has nothing that an agent needs beside them: no identities, no limits, no health, no proxies, no flow control but
TCP's. One that an edge could be given to would take more.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.metadata
import os
import platform
import socket
import ssl
import statistics
import struct
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, SupportsIndex, cast

import numpy as np

from benchmarks.transport_peers import (
    ANSWER,
    AnsweringService,
    PeerProcess,
    RawPeer,
    StreamPeer,
    certificates,
    stream_peer,
)
from joulecut_core.documents import write_bytes
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto import event_loops
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensor_arrays import frame_of
from joulecut_proto.waiting import IN_PLACE, VARIABLE

_RESULTS = Path(__file__).parent / "results" / "transport_socket.md"
_SIZES = {16: 600, 1 << 20: 200, 16 << 20: 40}
"""Bytes, and how often."""
_WARM_UP = 0.1
_LENGTH = struct.Struct("<I")
_ROOM_BYTES = 1 << 16
"""For messages whose end is not there yet, and small ones."""
_UNSENT_BYTES = 1 << 18

_WAYS = ("raw socket", "stream", "over a bare socket", "over mutual TLS", "over a bare socket with TLS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of the ways' round trips of one size, in their order."""

    size_bytes: int
    taken_s: Sequence[Sequence[float]]


class _Message(bytearray):
    """A message where it was received; what is sliced out of it is bytes, as of those that gRPC gives out."""

    def __getitem__(self, where: SupportsIndex | slice) -> Any:
        found = super().__getitem__(where)
        return bytes(found) if isinstance(found, bytearray) else found


class _Socket(asyncio.BufferedProtocol):
    """One end: messages in and out. To the client's end of a stream it is both channel and call."""

    def __init__(self, opened: Callable[[_Socket], None] | None = None) -> None:
        self._opened = opened
        self._transport: asyncio.Transport | None = None
        self._room = memoryview(bytearray(_ROOM_BYTES))
        self._held_bytes = 0
        """In the room."""
        self._large: _Message | None = None
        self._large_bytes = 0
        """Of it that are there."""
        self._messages: deque[bytes] = deque()
        self._awaited: asyncio.Future[None] | None = None
        self._full: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_UNSENT_BYTES)
        if self._opened is not None:
            self._opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Straight to where a large message lies."""
        del sizehint
        if self._large is None:
            return self._room[self._held_bytes :]
        return memoryview(self._large)[self._large_bytes :]

    def buffer_updated(self, nbytes: int) -> None:
        """Give out what is whole."""
        if self._large is not None:
            self._large_bytes += nbytes
            if self._large_bytes == len(self._large):
                self._give(cast(bytes, self._large))
                self._large = None
            return
        self._held_bytes += nbytes
        start = 0
        while self._held_bytes - start >= _LENGTH.size:
            (length_bytes,) = _LENGTH.unpack_from(self._room, start)
            start += _LENGTH.size
            if self._held_bytes - start < length_bytes:
                self._large, self._large_bytes = _Message(length_bytes), self._held_bytes - start
                memoryview(self._large)[: self._large_bytes] = self._room[start : self._held_bytes]
                self._held_bytes = 0
                return
            self._give(bytes(self._room[start : start + length_bytes]))
            start += length_bytes
        rest = bytes(self._room[start : self._held_bytes])
        self._room[: len(rest)] = rest
        self._held_bytes = len(rest)

    def pause_writing(self) -> None:
        """Too much is unsent."""
        self._full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """There is room again."""
        if self._full is not None:
            self._full.set_result(None)
            self._full = None

    async def write(self, message: bytes) -> None:
        """Send one, and wait while too much is unsent."""
        assert self._transport is not None
        length = _LENGTH.pack(len(message))
        if len(message) > _ROOM_BYTES:
            self._transport.write(length)
            self._transport.write(message)
        else:
            self._transport.write(length + message)
        if self._full is not None:
            await self._full

    def stream_stream(self, _: str) -> Callable[..., _Socket]:
        """The stub's way to the call."""
        return lambda **_: self

    def cancel(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._messages:
            self._awaited = asyncio.get_running_loop().create_future()
            await self._awaited
        return self._messages.popleft()

    def _give(self, message: bytes) -> None:
        self._messages.append(message)
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description="Time the inference stream over a bare socket in gRPC's place.")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="the page to write")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions, seconds")
    options = parser.parse_args(argv)
    if VARIABLE not in os.environ:
        # As the agents call gRPC, which reads its environment as it is imported.
        as_agents = {**os.environ, VARIABLE: IN_PLACE}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.transport_socket", *sys.argv[1:]], as_agents)  # noqa: S606
    keep_freed_memory()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        times = event_loops.run(_measured(0.1 if options.quick else 1.0, certificates(Path(folder))))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(options.out, document(times, load).encode())
    print(f"wrote {options.out}")


async def _measured(share: float, security: ChannelSecurity) -> list[Times]:
    async with AsyncExitStack() as stack:
        raw = stack.enter_context(RawPeer())
        peers = [
            (await stack.enter_async_context(stream_peer(None)))[0],
            await stack.enter_async_context(socket_peer(None)),
            (await stack.enter_async_context(stream_peer(security)))[0],
            await stack.enter_async_context(socket_peer(security)),
        ]
        return [
            await _round_trips(raw, peers, size_bytes, max(3, round(share * often)))
            for size_bytes, often in _SIZES.items()
        ]


async def _round_trips(raw: RawPeer, peers: Sequence[StreamPeer], size_bytes: int, often: int) -> Times:
    """A tensor up, few bytes down; the ways in turns."""
    frames: tuple[TensorFrame, ...] = (frame_of("x", np.zeros(size_bytes, dtype=np.uint8)),)
    payload = memoryview(frames[0].payload)
    taken_s: list[list[float]] = [[] for _ in _WAYS]
    for _ in range(often):
        taken_s[0].append(raw.round_trip_s(payload, echo=False))
        for peer, taken in zip(peers, taken_s[1:], strict=True):
            taken.append(await peer.round_trip_s(frames, ANSWER))
    warm = round(_WARM_UP * often)
    return Times(size_bytes=size_bytes, taken_s=[taken[warm:] for taken in taken_s])


@asynccontextmanager
async def socket_peer(security: ChannelSecurity | None) -> AsyncIterator[StreamPeer]:
    """The stream to a server of its own, over a bare socket."""
    process = PeerProcess(_serve, security)
    try:
        made: Awaitable[tuple[Any, _Socket]] = asyncio.get_running_loop().create_connection(
            _Socket,
            "127.0.0.1",
            process.port,
            ssl=None if security is None else _context(security, ssl.Purpose.SERVER_AUTH),
            server_hostname=None if security is None else "localhost",
        )
        _, end = await made
        peer = StreamPeer(InferenceClientStream(cast(Any, end), peer="the server"))
        try:
            yield peer
        finally:
            await peer.close()
    finally:
        process.end()


def _serve(ports: Connection, security: ChannelSecurity | None) -> None:
    """The server's process."""
    keep_freed_memory()

    async def run() -> None:
        service, serving = AnsweringService(), set[asyncio.Task[None]]()

        def opened(end: _Socket) -> None:
            serving.add(asyncio.create_task(service.serve(InferenceServerStream(end, end.write))))

        tls = None if security is None else _context(security, ssl.Purpose.CLIENT_AUTH)
        server = await asyncio.get_running_loop().create_server(lambda: _Socket(opened), "127.0.0.1", 0, ssl=tls)
        ports.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    event_loops.run(run())


def _context(security: ChannelSecurity, purpose: ssl.Purpose) -> ssl.SSLContext:
    if security.certificate is None:
        raise ValueError("no certificate; expected one, and its key, for both sides")
    context = ssl.create_default_context(purpose, cafile=security.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(security.certificate, security.key)
    return context


def document(times: Sequence[Times], load: float) -> str:
    """The page."""
    lines = [
        "# The inference stream over a bare socket in gRPC's place, measured on one host",
        "",
        (
            f"{dt.datetime.now(dt.timezone.utc).date().isoformat()}; {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, grpcio {importlib.metadata.version('grpcio')}, uvloop "
            f"{importlib.metadata.version('uvloop')}, load {load:.1f} before the run; loopback, two processes. "
            "Made by `python -m benchmarks.transport_socket`."
        ),
        "",
        (
            "A tensor up, 8 bytes down, in turns; p50 / p90 in milliseconds, and the ratio of the medians to the raw "
            "socket's. *Stream*: over gRPC, as agents have it. *Over a bare socket*: the same messages behind their "
            "lengths, on the same event loop, with none of the identities, limits, health and proxies that agents need."
        ),
        "",
        f"| bytes | {_WAYS[0]} | {' | '.join(f'{way} | ratio' for way in _WAYS[1:])} |",
        "|---|---|" + "---|---|" * len(_WAYS[1:]),
    ]
    for each in times:
        raw_s, *others_s = each.taken_s
        cells = [f"{_shown(taken)} | {statistics.median(taken) / statistics.median(raw_s):.2f}" for taken in others_s]
        lines.append(f"| {each.size_bytes:,} | {_shown(raw_s)} | {' | '.join(cells)} |")
    return "\n".join((*lines, ""))


def _shown(taken_s: Sequence[float]) -> str:
    slow_s = sorted(taken_s)[int(0.9 * len(taken_s))]
    return f"{statistics.median(taken_s) * 1e3:.3f} / {slow_s * 1e3:.3f}"


if __name__ == "__main__":
    main()
