"""Somebody who follows a server's health and takes nothing of it: HTTP/2 by hand, with a window of 0 (RFC 9113).

Pings are answered, so gRPC takes the connection for a good one.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from grpc_health.v1 import health_pb2

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_WINDOW = 4
_NAMES = {
    b":method": b"POST",
    b":scheme": b"http",
    b":path": b"/grpc.health.v1.Health/Watch",
    b":authority": b"localhost",
    b"content-type": b"application/grpc",
    b"te": b"trailers",
}


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that is not remembered, without Huffman coding (RFC 7541, section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


@asynccontextmanager
async def deaf_follower(address: str, service: str) -> AsyncIterator[None]:
    """Within the context it holds a Watch of `service` whose first word the server is writing."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    message = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    headers = b"".join(_literal(name, value) for name, value in _NAMES.items())
    writer.write(
        _PREFACE
        + _frame(_SETTINGS, 0, 0, struct.pack(">HI", _WINDOW, 0))
        + _frame(_HEADERS, _END_HEADERS, 1, headers)
        + _frame(_DATA, _END_STREAM, 1, struct.pack(">BI", 0, len(message)) + message)
    )
    asked = asyncio.Event()
    answering = asyncio.create_task(_answer(reader, writer, asked))
    try:
        await asked.wait()
        yield
    finally:
        answering.cancel()
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(9)
            content = await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == _HEADERS:
                # A reply's headers, which no window holds back, leave with the first word.
                asked.set()
            elif kind == _PING and not flags & _ACK:
                writer.write(_frame(_PING, _ACK, 0, content))
