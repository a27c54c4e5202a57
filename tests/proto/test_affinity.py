"""Calls that stay with one server: what is learned from answers, and what calls carry."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from joulecut_core.errors import LinkError
from joulecut_proto.affinity import AFFINITY_KEY, AffineChannel, named_server
from joulecut_proto.channels import bind, make_server, open_channel

_WAIT_S = 20.0
_NAME = "MTAuMC4wLjc6NTA1NTE="


def _with_server(use: Callable[[grpc.aio.Channel, list[str | None]], Awaitable[None]], *, names: str | None) -> None:
    """A server of three methods that calls itself `names`; `use` is given what each call carried."""
    carried: list[str | None] = []

    async def note(context: Any) -> None:
        carried.append(dict(context.invocation_metadata() or ()).get(AFFINITY_KEY))
        if names is not None:
            await context.send_initial_metadata(((AFFINITY_KEY, names),))

    async def unary(request: bytes, context: Any) -> bytes:
        await note(context)
        return request

    async def stream(_: Any, context: Any) -> Any:
        await note(context)
        yield b"reply"

    async def run() -> None:
        server = make_server(secured=False)
        handlers: dict[str, Any] = {
            "Unary": grpc.unary_unary_rpc_method_handler(unary),
            "Watch": grpc.unary_stream_rpc_method_handler(stream),
            "Stream": grpc.stream_stream_rpc_method_handler(stream),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", handlers),))
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        async with open_channel(f"127.0.0.1:{port}", security=None) as channel:
            await use(channel, carried)
        await server.stop(None)

    asyncio.run(asyncio.wait_for(run(), _WAIT_S))


async def _call_all(calls: AffineChannel) -> None:
    await calls.unary_unary("/test/Unary")(b"x", metadata=(("own", "kept"),))
    async for _ in calls.unary_stream("/test/Watch")(b"x"):
        pass
    stream = calls.stream_stream("/test/Stream")()
    await stream.done_writing()
    async for _ in stream:
        pass


def test_every_call_after_the_first_names_its_server() -> None:
    """Of each kind: a session's calls and its stream must meet on one server."""

    async def use(channel: grpc.aio.Channel, carried: list[str | None]) -> None:
        calls = AffineChannel(channel)
        await calls.unary_unary("/test/Unary")(b"x")
        await calls.learn()
        assert calls.affinity == _NAME
        await _call_all(calls)
        assert carried == [None, _NAME, _NAME, _NAME]

    _with_server(use, names=_NAME)


def test_without_a_proxy_nothing_is_added() -> None:
    """Where no answer names a server, calls are as they ever were."""

    async def use(channel: grpc.aio.Channel, carried: list[str | None]) -> None:
        calls = AffineChannel(channel)
        await calls.unary_unary("/test/Unary")(b"x")
        await calls.learn()
        await _call_all(calls)
        assert carried == [None] * 4

    _with_server(use, names=None)


def test_what_later_calls_carried_is_not_kept() -> None:
    """Plans and probes are megabytes, and a connection lasts for long."""

    async def use(channel: grpc.aio.Channel, _: list[str | None]) -> None:
        calls = AffineChannel(channel)
        await calls.unary_unary("/test/Unary")(b"x")
        await calls.learn()
        call = calls.unary_unary("/test/Unary")(b"x")
        kept = weakref.ref(call)
        await call
        del call
        gc.collect()
        assert kept() is None

    _with_server(use, names=None)


def test_a_fresh_connection_begins_with_the_server_of_the_one_before() -> None:
    """Its very first call goes there, and no answer changes that."""

    async def use(channel: grpc.aio.Channel, carried: list[str | None]) -> None:
        calls = AffineChannel(channel, affinity="before")
        await calls.unary_unary("/test/Unary")(b"x")
        await calls.learn()
        assert (calls.affinity, carried) == ("before", ["before"])

    _with_server(use, names=_NAME)


def test_what_is_asked_of_a_closed_connection_fails_as_a_link_does() -> None:
    """Of whatever kind: what waited for its turn while the connection was replaced is refused, not a defect."""

    async def use(channel: grpc.aio.Channel, _: list[str | None]) -> None:
        calls = AffineChannel(channel)
        await calls.close()
        for kind in (calls.unary_unary, calls.unary_stream, calls.stream_stream):
            with pytest.raises(LinkError, match="closed before this was asked; ask again"):
                kind("/test/Unary")(b"x")

    _with_server(use, names=None)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        ((AFFINITY_KEY, "a"), (AFFINITY_KEY, "b")),
        ((AFFINITY_KEY, b"bytes"),),
        ((AFFINITY_KEY, "x" * 1025),),
        ((AFFINITY_KEY, "caf\u00e9"),),
        ((AFFINITY_KEY, "two\nlines"),),
    ],
)
def test_what_no_call_could_carry_is_no_name(metadata: tuple[tuple[str, str | bytes], ...]) -> None:
    """A strange answer costs the affinity, not the connection."""
    assert named_server(metadata) == ""
