"""A GOAWAY with an error code that HTTP/2 does not have, in a process of its own: some releases of gRPC end with it."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys

_CALL = """
import asyncio, sys
import grpc

async def call() -> None:
    async with grpc.aio.insecure_channel(sys.argv[1]) as channel:
        try:
            await channel.unary_unary("/joulecut.v1.Agent/Hello")(b"", timeout=float(sys.argv[2]))
        except grpc.RpcError as error:
            print(error.code().name)

asyncio.run(call())
"""
_CALL_S = 1.0
_PATIENCE_S = 60.0
_PREFACE_BYTES = 24
_HEADERS, _SETTINGS, _GOAWAY = 1, 4, 7
_UNKNOWN_CODE = 0xCDBF3A1F


def frame(kind: int, content: bytes) -> bytes:
    """An HTTP/2 frame of no stream."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, 0]) + struct.pack(">I", 0) + content


def await_call(connection: socket.socket) -> None:
    """Read up to the headers of a call."""
    with connection.makefile("rb") as reader:
        reader.read(_PREFACE_BYTES)
        kind = -1
        while kind != _HEADERS:
            head = reader.read(9)
            kind = head[3]
            reader.read(int.from_bytes(head[:3], "big"))


def test_a_client_outlives_an_unknown_code() -> None:
    """Whoever an edge talks to must not be able to end it: the call fails, its process goes on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_PATIENCE_S)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-c", _CALL, address, str(_CALL_S)], stdout=subprocess.PIPE, text=True
        ) as client:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(frame(_SETTINGS, b""))
                await_call(connection)
                connection.sendall(frame(_GOAWAY, struct.pack(">II", 0, _UNKNOWN_CODE)))
                said, _ = client.communicate(timeout=_PATIENCE_S)
    assert (client.returncode, said.strip()) in {(0, "UNAVAILABLE"), (0, "DEADLINE_EXCEEDED")}
