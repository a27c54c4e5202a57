"""The proxy itself: each fault is the fault that its name says, and nothing else happens to the bytes."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable

import pytest

from tests.chaos.fault_proxy import CALM, LOOPBACK, FaultProxy, Place, Way, Weather, fault_proxy

PATIENCE_S = 60.0
ENDS_S = 0.2

Use = Callable[[FaultProxy], Awaitable[None]]

DATA_FRAME = (300).to_bytes(3, "big") + bytes([0, 0]) + (1).to_bytes(4, "big") + bytes(300)
"""One HTTP/2 frame with 300 bytes of a message."""
OTHER_FRAME = (100).to_bytes(3, "big") + bytes([1, 0]) + (1).to_bytes(4, "big") + bytes(100)
"""One with headers."""


def with_echo(use: Use) -> None:
    """Run `use` with a proxy in front of a server that sends back what it gets."""

    async def echo(reader: Reader, writer: Writer) -> None:
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(echo, LOOPBACK, 0)
        async with server, fault_proxy(server.sockets[0].getsockname()[1], seed=3) as proxy:
            await use(proxy)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


async def connected(proxy: FaultProxy) -> tuple[Reader, Writer]:
    """A line that carries."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    return reader, writer


async def echoed(reader: Reader, writer: Writer, sent: bytes) -> bytes:
    """What comes back of `sent`."""
    writer.write(sent)
    return await reader.readexactly(len(sent))


async def silent(reader: Reader) -> bool:
    """Whether nothing at all is heard for a while, not even an end."""
    try:
        await asyncio.wait_for(reader.read(1), ENDS_S)
    except asyncio.TimeoutError:
        return True
    return False


def test_bytes_pass_unchanged_in_calm_weather() -> None:
    """Megabytes come back to the bit, and the end of one side is told to the other."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        sent = bytes(range(256)) * 8192
        assert await echoed(reader, writer, sent) == sent
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

    with_echo(use)


def test_a_cut_line_is_reset_and_the_next_one_carries() -> None:
    """A cut is heard as a reset, not as a good end."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        assert await echoed(reader, writer, b"one") == b"one"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        reader, writer = await connected(proxy)
        assert await echoed(reader, writer, b"two") == b"two"
        proxy.hang_up()
        assert await reader.read() == b""
        writer.close()

    with_echo(use)


def test_a_swallowing_line_tells_nobody() -> None:
    """Half-open: bytes vanish, no end is heard, new lines carry; a cut ends it at last."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        assert await echoed(reader, writer, b"one") == b"one"
        proxy.swallow()
        writer.write(b"lost")
        assert await silent(reader)
        other_reader, other = await connected(proxy)
        assert await echoed(other_reader, other, b"two") == b"two"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        other.close()

    with_echo(use)


def test_a_stall_holds_and_loses_nothing() -> None:
    """Bytes sent into a stall arrive after it, one way or both."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        proxy.set_weather(Weather(stalled=True), Way.DOWN)
        writer.write(b"held")
        assert await silent(reader)
        proxy.set_weather(CALM)
        assert await reader.readexactly(4) == b"held"
        writer.close()

    with_echo(use)


def test_slow_and_late_weather_take_their_time() -> None:
    """A rate and a delay are the least that a piece takes, and a change is felt by what is under way."""

    async def use(proxy: FaultProxy) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = await connected(proxy)
        proxy.set_weather(Weather(rate_bps=80_000.0, delay_s=0.05), Way.UP)
        begin_s = loop.time()
        await echoed(reader, writer, bytes(1000))
        assert loop.time() - begin_s >= 0.15
        proxy.set_weather(Weather(rate_bps=8.0), Way.UP)
        writer.write(bytes(1000))
        assert await silent(reader)
        proxy.set_weather(CALM)
        assert await reader.readexactly(1000) == bytes(1000)
        writer.close()

    with_echo(use)


def test_flipped_bits_are_where_they_should_be() -> None:
    """One bit of a message in each of so many pieces; frames without a message are left alone."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        # The first 24 bytes up are the preface.
        await echoed(reader, writer, bytes(24))
        proxy.corrupt(Way.UP, Place.PAYLOAD)
        assert await echoed(reader, writer, OTHER_FRAME) == OTHER_FRAME
        spoilt = await echoed(reader, writer, OTHER_FRAME + DATA_FRAME)
        wrong = [k for k, (had, was) in enumerate(zip(spoilt, OTHER_FRAME + DATA_FRAME, strict=True)) if had != was]
        assert len(wrong) == 1
        assert wrong[0] >= len(OTHER_FRAME) + 9
        assert await echoed(reader, writer, DATA_FRAME) == DATA_FRAME
        proxy.corrupt(Way.UP, Place.ANYWHERE)
        assert await echoed(reader, writer, OTHER_FRAME) != OTHER_FRAME
        assert proxy.counters.corrupted == 2
        writer.close()

    with_echo(use)


def test_a_truncated_line_ends_within_a_message() -> None:
    """Half of a message arrives, then the end."""

    async def use(proxy: FaultProxy) -> None:
        reader, writer = await connected(proxy)
        await echoed(reader, writer, bytes(24))
        proxy.truncate(Way.UP)
        writer.write(DATA_FRAME)
        assert (await reader.read())[:9] in (b"", DATA_FRAME[:9])
        assert proxy.counters.truncated == 1
        writer.close()

    with_echo(use)


def test_refused_and_overtaken_lines() -> None:
    """A proxy that refuses is a port where nobody listens; a held line carries after one that came later."""

    async def use(proxy: FaultProxy) -> None:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await connected(proxy)
        await proxy.start()
        proxy.reorder()
        first_reader, first = await connected(proxy)
        first.write(b"first")
        assert await silent(first_reader)
        second_reader, second = await connected(proxy)
        assert await echoed(second_reader, second, b"second") == b"second"
        assert await first_reader.readexactly(5) == b"first"
        first.close()
        second.close()

    with_echo(use)
