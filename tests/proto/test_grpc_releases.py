"""What some releases of gRPC cannot do, which joulecut therefore does not take (ADR 17)."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from joulecut_proto.agent_messages import Hello, Side
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.servicers import add_agent
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, listening

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
_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0, 1, 4, 7
_END_OF_HEADERS = 4
_UNKNOWN_CODE = 0xCDBF3A1F
_BEGUN = b"\0" + struct.pack(">I", 2**32 - 1) + b"its first bytes"
"""A message of 4 GiB, as gRPC announces it."""


def frame(kind: int, content: bytes, *, flags: int = 0, stream: int = 0) -> bytes:
    """An HTTP/2 frame, of no stream by default."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def headers(**named: str) -> bytes:
    """A block of headers, none of them packed; `_` stands for a pseudo-header's colon, `__` for a dash."""
    block = b""
    for name, value in named.items():
        shown = f":{name[1:]}" if name.startswith("_") else name.replace("__", "-")
        block += b"\0" + bytes([len(shown)]) + shown.encode() + bytes([len(value)]) + value.encode()
    return block


def await_call(connection: socket.socket) -> None:
    """Read up to the headers of a call."""
    with connection.makefile("rb") as reader:
        reader.read(_PREFACE_BYTES)
        kind = -1
        while kind != _HEADERS:
            head = reader.read(9)
            kind = head[3]
            reader.read(int.from_bytes(head[:3], "big"))


def what_a_client_says(answer: bytes, *, call_s: float) -> tuple[int, str]:
    """How a client in a process of its own ends, and the status it tells, where a server answers its call so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_PATIENCE_S)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-c", _CALL, address, str(call_s)], stdout=subprocess.PIPE, text=True
        ) as client:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(frame(_SETTINGS, b""))
                await_call(connection)
                connection.sendall(answer)
                said, _ = client.communicate(timeout=_PATIENCE_S)
    return client.returncode, said.strip()


def test_a_client_outlives_an_unknown_code() -> None:
    """Whoever an edge talks to must not be able to end it: the call fails, its process goes on."""
    ended = what_a_client_says(frame(_GOAWAY, struct.pack(">II", 0, _UNKNOWN_CODE)), call_s=_CALL_S)
    assert ended in {(0, "UNAVAILABLE"), (0, "DEADLINE_EXCEEDED")}


def test_a_server_refuses_a_message_by_the_size_that_is_announced() -> None:
    """Otherwise whoever sends all of it but the end has a server hold 4 GiB for each of his streams."""
    call = headers(_method="POST", _scheme="http", _path="/joulecut.v1.Agent/Hello", _authority="x", te="trailers")
    call += headers(content__type="application/grpc")

    def announce(address: str) -> bytes:
        host, _, port = address.rpartition(":")
        said = b""
        with socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(_SETTINGS, b""))
            connection.sendall(frame(_HEADERS, call, flags=_END_OF_HEADERS, stream=1) + frame(_DATA, _BEGUN, stream=1))
            while b"grpc-status" not in said:
                more = connection.recv(65536)
                assert more, said
                said += more
        return said.partition(b"grpc-status")[2]

    async def talk() -> bytes:
        async with listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as address:
            return await asyncio.to_thread(announce, address)

    assert asyncio.run(talk())[1:2] == b"8"


def test_a_client_refuses_a_message_by_the_size_that_is_announced() -> None:
    """As for a server: whoever an edge talks to cannot have it hold 4 GiB."""
    reply = frame(_HEADERS, headers(_status="200", content__type="application/grpc"), flags=_END_OF_HEADERS, stream=1)
    ended = what_a_client_says(reply + frame(_DATA, _BEGUN, stream=1), call_s=_PATIENCE_S)
    assert ended == (0, "RESOURCE_EXHAUSTED")


def open_sockets() -> int:
    """Of this process."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            links.append(str(descriptor.readlink()))
    return sum(link.startswith("socket:") for link in links)


def test_a_closed_channel_keeps_no_socket() -> None:
    """Edges renew connections for years: sockets must not wait until Python looks for cycles of references."""
    hello = Hello(contract_version=CONTRACT_VERSION, name="edge-1", side=Side.EDGE, slowdown=1.0)

    async def greet(address: str) -> None:
        async with open_channel(address, security=None) as channel:
            await AgentClient(channel, peer="gpu").hello(hello, timeout_s=TIMEOUT_S)

    async def greetings() -> None:
        async with listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as address:
            await greet(address)
            before = open_sockets()
            for _ in range(8):
                await greet(address)
            while open_sockets() > before + 2:
                await asyncio.sleep(0.01)

    gc.disable()
    try:
        asyncio.run(asyncio.wait_for(greetings(), TIMEOUT_S))
    finally:
        gc.enable()
