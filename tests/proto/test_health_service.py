"""What a server says of itself: to who asks, to who follows, and whatever its followers do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_core.errors import ContractError
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.channels import open_channel
from joulecut_proto.health_service import HealthStates, add_health
from joulecut_proto.security.callers import Callers
from joulecut_proto.status import error_from_rpc
from tests.fakes.certificates import TestAuthority
from tests.proto.deaf_follower import deaf_follower
from tests.proto.serving import TIMEOUT_S, listening

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_MOST = 256

Use = Callable[[HealthStates, str], Awaitable[None]]


def _with_health(use: Use) -> None:
    """`use` gets the states and the address of a server that tells them."""

    async def run() -> None:
        states = HealthStates()
        async with listening(lambda server: add_health(server, states)) as address:
            await use(states, address)

    asyncio.run(asyncio.wait_for(run(), TIMEOUT_S))


def _watch(channel: grpc.aio.Channel, service: str = "a") -> Any:
    return cast(Any, health_pb2_grpc.HealthStub(channel)).Watch(health_pb2.HealthCheckRequest(service=service))


async def _check(channel: grpc.aio.Channel, service: str) -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    return int((await cast(Any, health_pb2_grpc.HealthStub(channel)).Check(request)).status)


async def _next(watch: Any) -> int:
    return int((await watch.read()).status)


def test_a_check_tells_the_state_now(caplog: pytest.LogCaptureFixture) -> None:
    """Of the server and of each service; NOT_FOUND for one that nothing was told of, which is no defect to log."""

    async def use(states: HealthStates, address: str) -> None:
        states.tell(["", "a"], serving=True)
        async with open_channel(address, security=None) as channel:
            assert [await _check(channel, service) for service in ("", "a")] == [_SERVING, _SERVING]
            states.tell(["a"], serving=False)
            assert [await _check(channel, service) for service in ("", "a")] == [_SERVING, _NOT_SERVING]
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _check(channel, "b")
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert "no service 'b'" in (caught.value.details() or "")

    with caplog.at_level(logging.INFO, "joulecut_proto"):
        _with_health(use)
    assert not caplog.records


def test_a_watch_tells_each_change_from_the_first_word_on() -> None:
    """A service that is not known yet is followed too; the same again is not told."""

    async def use(states: HealthStates, address: str) -> None:
        async with open_channel(address, security=None) as channel:
            watch = _watch(channel)
            assert await _next(watch) == _UNKNOWN
            states.tell(["a"], serving=True)
            assert await _next(watch) == _SERVING
            states.tell(["a", "b"], serving=True)
            states.tell(["b"], serving=False)
            states.tell(["a"], serving=False)
            assert await _next(watch) == _NOT_SERVING

    _with_health(use)


def test_only_the_newest_state_waits_for_who_is_slow() -> None:
    """However often it changes while a word is on its way."""

    async def run() -> None:
        states = HealthStates()
        states.tell(["a"], serving=True)
        following = states.follow("a")
        assert await anext(following) is True
        for serving in (False, True, False, True, False):
            states.tell(["a"], serving=serving)
        assert await anext(following) is False
        following_on = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        assert not following_on.done()
        states.tell(["a"], serving=True)
        assert await following_on is True

    asyncio.run(asyncio.wait_for(run(), TIMEOUT_S))


def test_who_takes_nothing_keeps_nobody_waiting() -> None:
    """Its own word cannot leave; the others hear theirs at once, and the server stops."""

    async def use(states: HealthStates, address: str) -> None:
        states.tell(["a"], serving=True)
        async with deaf_follower(address, "a"), open_channel(address, security=None) as channel:
            watch = _watch(channel)
            assert await _next(watch) == _SERVING
            states.tell(["a"], serving=False)
            assert await _next(watch) == _NOT_SERVING
            assert await _check(channel, "a") == _NOT_SERVING

    _with_health(use)


@pytest.mark.parametrize("call", ["Watch", "Check"])
def test_who_hangs_up_unread_is_no_defect(caplog: pytest.LogCaptureFixture, call: str) -> None:
    """Its word could not be sent: who does that a thousand times fills no log with tracebacks, of ours or of gRPC's."""
    caplog.set_level(logging.DEBUG)

    async def use(states: HealthStates, address: str) -> None:
        states.tell(["a"], serving=True)
        async with deaf_follower(address, "a", call=call):
            pass
        while "caller left before it had the reply" not in caplog.text:
            await asyncio.sleep(0.01)

    _with_health(use)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_who_leaves_takes_nobody_along() -> None:
    """Others that follow the same service hear what comes after."""

    async def use(states: HealthStates, address: str) -> None:
        states.tell(["a"], serving=True)
        async with open_channel(address, security=None) as channel:
            staying = _watch(channel)
            assert await _next(staying) == _SERVING
            async with open_channel(address, security=None) as other:
                assert await _next(_watch(other)) == _SERVING
            states.tell(["a"], serving=False)
            assert await _next(staying) == _NOT_SERVING

    _with_health(use)


@asynccontextmanager
async def _following(channel: grpc.aio.Channel, count: int) -> AsyncIterator[None]:
    watches = [_watch(channel) for _ in range(count)]
    await asyncio.gather(*map(_next, watches))
    yield
    for watch in watches:
        watch.cancel()


async def _refused(channel: grpc.aio.Channel, service: str = "a") -> Exception:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _watch(channel, service).read()
    return error_from_rpc(caught.value, peer="gpu")


def test_one_caller_follows_so_often_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By its identity, over all its connections; nobody else is touched, nor whoever has no identity to be known by."""
    site = TestAuthority(tmp_path)
    states = HealthStates()
    cam, truck, front = (site.issue(*who).security for who in (("edge", "cam"), ("edge", "truck"), ("proxy", "front")))

    async def run() -> None:
        security = site.issue("server", "gpu").security
        async with (
            listening(lambda server: add_health(server, states, Callers(secured=True)), security=security) as address,
            open_channel(address, cam) as first,
            open_channel(address, cam) as second,
            open_channel(address, truck) as other,
            open_channel(address, front) as proxy,
        ):
            async with _following(first, _MOST):
                for _ in range(3):
                    refusal = await _refused(second)
                    assert isinstance(refusal, CallRefusedError)
                    assert f"{_MOST} watches of health of one caller are under way" in str(refusal)
                for channel in (other, proxy):
                    assert await _next(_watch(channel)) == _UNKNOWN
            while isinstance(await _first_word(second), CallRefusedError):
                await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING, "joulecut_proto"):
        asyncio.run(asyncio.wait_for(run(), TIMEOUT_S))
    assert caplog.text.count("watches of health of one caller") == 1


async def _first_word(channel: grpc.aio.Channel) -> object:
    try:
        return await _next(_watch(channel))
    except grpc.aio.AioRpcError as error:
        return error_from_rpc(error, peer="gpu")


def test_a_request_is_no_place_to_leave_things() -> None:
    """A call keeps its request for as long as it lasts: one that is larger than a name is refused."""

    async def use(states: HealthStates, address: str) -> None:
        del states
        async with open_channel(address, security=None) as channel:
            refusal = await _refused(channel, "a" * 1_000_000)
            assert isinstance(refusal, ContractError)
            assert "HealthCheckRequest: 1000004 bytes; expected at most 1024" in str(refusal)

    _with_health(use)
