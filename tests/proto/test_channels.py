"""Channels and servers: limits, ports, options that belong together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto import channels, servicers
from joulecut_proto.channels import (
    EDGES_LIMIT_BYTES,
    MESSAGE_LIMIT_BYTES,
    METADATA_LIMIT_BYTES,
    OLDEST_CONNECTION_S,
    bind,
    channel_options,
    make_server,
    open_channel,
    server_options,
    stop,
)
from joulecut_proto.clients import AgentClient
from joulecut_proto.servicers import add_agent
from joulecut_proto.streaming import header_reading
from joulecut_proto.tensors import CHUNK_BYTES
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc
from tests.proto.deaf_follower import deaf_caller
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, listening, serving


def test_message_limits_on_both_sides() -> None:
    """gRPC's 4 MiB would refuse an early activation; no limit would take anything."""
    for options in (dict(channel_options()), dict(server_options(secured=False))):
        assert options["grpc.max_receive_message_length"] == MESSAGE_LIMIT_BYTES == 64 << 20
        assert options["grpc.max_send_message_length"] == MESSAGE_LIMIT_BYTES


def test_a_server_of_edges_takes_no_more_than_edges_send() -> None:
    """Half a message of any size that it takes can be left there."""
    options = server_options(secured=False, limit_bytes=EDGES_LIMIT_BYTES)
    assert [value for name, value in options if name == "grpc.max_receive_message_length"] == [16 << 20]
    most = max(servicers._ECHO_LIMIT_BYTES, CHUNK_BYTES + header_reading._MOST_HEADER_BYTES)
    assert most < EDGES_LIMIT_BYTES


def test_the_server_tolerates_its_clients_pings() -> None:
    """Otherwise it answers keepalive with GOAWAY, too_many_pings."""
    client, server = dict(channel_options()), dict(server_options(secured=False))
    assert server["grpc.http2.min_ping_interval_without_data_ms"] < client["grpc.keepalive_time_ms"]
    assert server["grpc.keepalive_permit_without_calls"] == client["grpc.keepalive_permit_without_calls"] == 1


def test_a_restarted_server_is_found_again_soon() -> None:
    """Offloading resumes within seconds of a restart."""
    assert dict(channel_options())["grpc.max_reconnect_backoff_ms"] <= 2_000


def test_a_connection_may_take_as_long_as_over_a_satellite() -> None:
    """With TLS it takes three round trips, and a first packet that is lost is sent again after a second."""
    held_s = 1.2

    async def run() -> None:
        async with listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as address:

            async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                server_reader, server_writer = await asyncio.open_connection("localhost", int(address.split(":")[1]))
                asyncio.get_running_loop().call_later(held_s, may_pass.set)
                try:
                    await may_pass.wait()
                    await asyncio.gather(_pass(reader, server_writer), _pass(server_reader, writer))
                finally:
                    server_writer.close()
                    writer.close()

            may_pass = asyncio.Event()
            proxy = await asyncio.start_server(carry, "127.0.0.1", 0)
            port = proxy.sockets[0].getsockname()[1]
            async with open_channel(f"127.0.0.1:{port}", security=None) as channel:
                assert (await AgentClient(channel, peer="far").state(timeout_s=TIMEOUT_S)).device
            proxy.close()

    asyncio.run(run())


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.close()


def test_connections_grow_old_under_tls_only() -> None:
    """Whoever has lost its access is out within about an hour; without certificates there is nothing to show anew."""
    assert "grpc.max_connection_age_ms" not in dict(server_options(secured=False))
    secured = dict(server_options(secured=True))
    assert secured["grpc.max_connection_age_ms"] == round(1000 * OLDEST_CONNECTION_S) == 3_600_000
    assert 0 < secured["grpc.max_connection_age_grace_ms"] <= 60_000


def test_who_connects_and_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds a descriptor for a while, and not for ever."""
    monkeypatch.setattr(channels, "_HANDSHAKE_S", 0.1)

    async def run() -> bytes:
        async with listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as address:
            reader, writer = await asyncio.open_connection("localhost", int(address.rpartition(":")[2]))
            told = await asyncio.wait_for(reader.read(), TIMEOUT_S)
            writer.close()
        return told

    # What it would speak first, and no more.
    assert asyncio.run(run())[3:4] in (b"", b"\x04")


def test_headers_of_a_call_are_bounded() -> None:
    """Who sends more than any call needs is refused with the limit, and costs no memory."""

    async def run() -> None:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            get_state = cast(Any, agent_pb2_grpc.AgentStub)(channel).GetState
            request = agent_pb2.GetStateRequest()
            await get_state(request, metadata=(("x", "y" * 8_000),), timeout=TIMEOUT_S)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await get_state(request, metadata=(("x", "y" * 2 * METADATA_LIMIT_BYTES),), timeout=TIMEOUT_S)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(run())


def test_a_burst_of_calls_costs_nobody_a_call() -> None:
    """gRPC would end calls at random, its caller's and all others', from a thousand on that wait to be taken up."""

    async def talk() -> set[grpc.StatusCode]:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            # The loop that would take them up sends them all first.
            calls = [cast(Any, channel).unary_unary("/no/Call")(b"") for _ in range(3200)]
            return set(await asyncio.gather(*(call.code() for call in calls)))

    assert asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S)) == {grpc.StatusCode.UNIMPLEMENTED}


def test_a_second_server_on_a_port_fails() -> None:
    """With port reuse two agents would share the connections of one port without a word."""

    async def run() -> None:
        first, second = make_server(secured=False), make_server(secured=False)
        port = bind(first, "127.0.0.1:0", security=None)
        assert port > 0
        await first.start()
        with pytest.raises(LinkError, match=f"127.0.0.1:{port}: in use"):
            bind(second, f"127.0.0.1:{port}", security=None)
        await first.stop(None)

    asyncio.run(run())


def test_a_bad_address_is_found_before_the_first_call() -> None:
    """Not as an unreachable server later."""

    async def run() -> None:
        with pytest.raises(ConfigError, match="address 'server'"):
            open_channel("server", security=None)
        with pytest.raises(ConfigError, match="address 'server'"):
            bind(make_server(secured=False), "server", security=None)

    asyncio.run(run())


def test_a_caller_that_reads_nothing_keeps_no_server_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a process that was stopped: an agent has clocks to give back."""
    monkeypatch.setattr(channels, "_UNREAD_S", 0.2)

    async def test() -> None:
        server, path = make_server(secured=False), tmp_path / "agent.sock"
        add_agent(server, FakeAgent(), guards=None)
        bind(server, f"unix:{path}", security=None)
        await server.start()
        async with deaf_caller(path):
            await stop(server, 0.2)

    asyncio.run(asyncio.wait_for(test(), TIMEOUT_S))
    assert "a caller does not read its answers" in caplog.text
