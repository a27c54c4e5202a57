"""Channels and servers: limits, ports, options that belong together."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.channels import (
    MESSAGE_LIMIT_BYTES,
    bind,
    channel_options,
    make_server,
    open_channel,
    server_options,
)


def test_message_limits_on_both_sides() -> None:
    """gRPC's 4 MiB would refuse an early activation; no limit would take anything."""
    for options in (dict(channel_options()), dict(server_options())):
        assert options["grpc.max_receive_message_length"] == MESSAGE_LIMIT_BYTES == 64 << 20
        assert options["grpc.max_send_message_length"] == MESSAGE_LIMIT_BYTES


def test_the_server_tolerates_its_clients_pings() -> None:
    """Otherwise it answers keepalive with GOAWAY, too_many_pings."""
    client, server = dict(channel_options()), dict(server_options())
    assert server["grpc.http2.min_ping_interval_without_data_ms"] < client["grpc.keepalive_time_ms"]
    assert server["grpc.keepalive_permit_without_calls"] == client["grpc.keepalive_permit_without_calls"] == 1


def test_a_restarted_server_is_found_again_soon() -> None:
    """Offloading resumes within seconds of a restart."""
    assert dict(channel_options())["grpc.max_reconnect_backoff_ms"] <= 2_000


def test_a_second_server_on_a_port_fails() -> None:
    """With port reuse two agents would share the connections of one port without a word."""

    async def run() -> None:
        first, second = make_server(), make_server()
        port = bind(first, "127.0.0.1:0")
        assert port > 0
        await first.start()
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: in use"):
            bind(second, f"127.0.0.1:{port}")
        await first.stop(None)

    asyncio.run(run())


def test_a_bad_address_is_found_before_the_first_call() -> None:
    """Not as an unreachable server later."""

    async def run() -> None:
        with pytest.raises(ConfigError, match="address 'server'"):
            open_channel("server")
        with pytest.raises(ConfigError, match="address 'server'"):
            bind(make_server(), "server")

    asyncio.run(run())
