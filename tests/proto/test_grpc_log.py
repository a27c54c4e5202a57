"""What callers can write into an agent's log by way of gRPC's own."""

from __future__ import annotations

import asyncio
import logging

import pytest

from joulecut_proto import grpc_log
from joulecut_proto.channels import bind, make_server
from joulecut_proto.health_service import HealthStates, add_health
from joulecut_proto.log_limit import LogLimit
from tests.proto.serving import TIMEOUT_S

_CALLS = 40
_NO_TEXT = b"\xff" * 3000


async def _call(port: int, path: bytes, extra: bytes) -> None:
    """Calls by hand: gRPC's own clients send text alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b""))
    for number in range(_CALLS):
        # POST and http by the static table of RFC 7541, appendix A; the rest as they are.
        block = b"\x83\x86" + _literal(b":path", path) + _literal(b":authority", b"a")
        block += _literal(b"content-type", b"application/grpc") + _literal(b"te", b"trailers") + _literal(b"x", extra)
        writer.write(_frame(1, 5, 2 * number + 1, block))
    ended: set[int] = set()
    while len(ended) < _CALLS:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] in (0, 1) and head[4] & 1:
            ended.add(int.from_bytes(head[5:], "big"))
    writer.close()
    await writer.wait_closed()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x10" + _length(name) + name + _length(value) + value


def _length(text: bytes) -> bytes:
    size, coded = len(text), b""
    if size < 127:
        return bytes((size,))
    size -= 127
    while size >= 128:
        coded += bytes((size % 128 + 128,))
        size //= 128
    return b"\x7f" + coded + bytes((size,))


@pytest.mark.parametrize(
    ("path", "extra"),
    [(b"/" + _NO_TEXT, b""), (b"/grpc.health.v1.Health/Check", _NO_TEXT)],
    ids=["path", "header"],
)
def test_what_is_no_text_fills_no_log(
    path: bytes, extra: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixty short lines a minute, whoever calls however often."""
    monkeypatch.setattr(grpc_log, "_LINES", LogLimit(logging.getLogger(grpc_log.__name__)))

    async def talk() -> None:
        server = make_server(secured=False)
        add_health(server, HealthStates())
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        for _ in range(3):
            await asyncio.wait_for(_call(port, path, extra), TIMEOUT_S)
        await server.stop(None)

    with caplog.at_level(logging.WARNING):
        asyncio.run(talk())
    lines = [record for record in caplog.records if record.name != "asyncio"]
    assert 0 < len(lines) <= 60
    assert not [line for line in lines if line.exc_info or len(line.getMessage()) > 200]
