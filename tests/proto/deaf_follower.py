"""Those who ask a server and take nothing of what it says: HTTP/2 by hand (RFC 9113).

One follows its health with a window of 0; pings are answered, so gRPC takes the connection for a good one. The other
has its reply sent, and reads nothing of its socket, as a process that was stopped.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from joulecut_proto.v1 import agent_pb2

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_WINDOW, _LARGEST = 4, (1 << 31) - 1
_REPLY_BYTES, _FULL_BYTES = 8 << 20, 100_000
"""Far more than a Unix socket holds, and somewhat less."""
_NAMES = {
    b":method": b"POST",
    b":scheme": b"http",
    b":authority": b"localhost",
    b"content-type": b"application/grpc",
    b"te": b"trailers",
}


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that is not remembered, without Huffman coding (RFC 7541, section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _asking(path: bytes, request: Message, window_bytes: int) -> bytes:
    """A connection's first words: one call, whose reply may be of so many bytes."""
    message = request.SerializeToString()
    headers = b"".join(_literal(name, value) for name, value in {**_NAMES, b":path": path}.items())
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, struct.pack(">HI", _WINDOW, window_bytes))
        + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _LARGEST - 0xFFFF))
        + _frame(_HEADERS, _END_HEADERS, 1, headers)
        + _frame(_DATA, _END_STREAM, 1, struct.pack(">BI", 0, len(message)) + message)
    )


@asynccontextmanager
async def deaf_caller(socket_path: Path) -> AsyncIterator[None]:
    """Within the context it has asked for megabytes, as many as its socket holds have come, and it reads none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(socket_path))
        request = agent_pb2.EchoRequest(reply_bytes=_REPLY_BYTES)
        caller.sendall(_asking(b"/joulecut.v1.Agent/Echo", request, _LARGEST))
        while _unread_bytes(caller) < _FULL_BYTES:
            await asyncio.sleep(0.01)
        yield


def _unread_bytes(reader: socket.socket) -> int:
    return int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), sys.byteorder)


@asynccontextmanager
async def deaf_follower(address: str, service: str, *, call: str = "Watch") -> AsyncIterator[None]:
    """Within the context it holds a Watch of `service`, or a Check, whose first word the server is writing."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = health_pb2.HealthCheckRequest(service=service)
    writer.write(_asking(f"/grpc.health.v1.Health/{call}".encode(), request, 0))
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
