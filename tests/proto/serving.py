"""A server of the contract on a port that the system chooses, for as long as a test needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc.aio

from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.security.channel_security import ChannelSecurity

TIMEOUT_S = 20.0
"""Generous: a call of a test that hangs fails, a slow machine does not."""


@asynccontextmanager
async def serving(
    add: Callable[[grpc.aio.Server], None],
    *,
    address: str = "127.0.0.1:0",
    security: ChannelSecurity | None = None,
    trusted: ChannelSecurity | None = None,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a running server that `add` has filled; both are closed in the end."""
    async with (
        listening(add, address=address, security=security) as target,
        open_channel(target, trusted) as channel,
    ):
        yield channel


@asynccontextmanager
async def listening(
    add: Callable[[grpc.aio.Server], None], *, address: str = "127.0.0.1:0", security: ChannelSecurity | None = None
) -> AsyncIterator[str]:
    """The address of a running server that `add` has filled."""
    server = make_server(secured=False)
    add(server)
    port = bind(server, address, security)
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"localhost:{port}"
    finally:
        await server.stop(None)
