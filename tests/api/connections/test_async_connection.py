"""`joulecut.connect_async`: as `connect`, with cancellation, in the caller's event loop."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from joulecut.connections.async_connection import AsyncConnection, connect_async
from joulecut.connections.connection import Connection
from joulecut_core.errors import ConfigError, ContractError, LinkError
from joulecut_core.problems import Objective
from joulecut_proto.local_messages import ReadMetersRequest, ReplanRequest
from tests.api.fake_edge import CLASSES, STATUS, FakeLocal, picture, serving_edge
from tests.free_ports import free_port
from tests.proto.fake_services import NO_PLAN, PROBLEM

Use = Callable[[AsyncConnection, FakeLocal, asyncio.AbstractEventLoop], Awaitable[None]]


def _with_edge(use: Use, *, service: FakeLocal | None = None, timeout_s: float = 20.0) -> None:
    """Run `use` in an event loop of its own, connected to an endpoint in another thread."""
    known = service or FakeLocal()

    async def talk(address: str, loop: asyncio.AbstractEventLoop) -> None:
        async with await connect_async(address, timeout_s=timeout_s) as edge:
            await use(edge, known, loop)

    with serving_edge(known) as (address, loop):
        asyncio.run(talk(address, loop))


async def _under_way(service: FakeLocal, count: int) -> None:
    """Return once so many requests wait at the endpoint's gate."""
    for _ in range(count):
        assert await asyncio.to_thread(service.waiting.acquire, timeout=10)


def test_it_has_the_methods_of_the_other() -> None:
    """What a program knows of `Connection` it knows of this one: same names, same arguments, coroutines."""
    for name in ("infer", "status", "replan", "read_meters", "close"):
        mine, others = getattr(AsyncConnection, name), getattr(Connection, name)
        assert inspect.iscoroutinefunction(mine)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(others).parameters)


def test_many_at_once() -> None:
    """Requests are under way together, each gets its own answer, and no id is used twice."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(service.gate.clear)
        calls = [asyncio.ensure_future(edge.infer(picture(kind))) for kind in range(CLASSES)]
        await _under_way(service, CLASSES)
        loop.call_soon_threadsafe(service.gate.set)
        answers = await asyncio.gather(*calls)
        assert [int(answer.outputs[0].argmax()) for answer in answers] == list(range(CLASSES))
        assert len({answer.ledger.request_id for answer in answers}) == CLASSES

    _with_edge(use)


def test_a_cancelled_request() -> None:
    """The caller sees its own cancellation, and the connection goes on."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(service.gate.clear)
        call = asyncio.ensure_future(edge.infer(picture(1)))
        await _under_way(service, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        loop.call_soon_threadsafe(service.gate.set)
        assert int((await edge.infer(picture(2))).outputs[0].argmax()) == 2

    _with_edge(use)


def test_another_event_loop() -> None:
    """A connection of one loop says in another whose it is, and can be closed there."""
    with serving_edge(FakeLocal()) as (address, _):
        first = asyncio.new_event_loop()
        edge = first.run_until_complete(connect_async(address, timeout_s=20.0))
        first.run_until_complete(edge.status())

        async def elsewhere() -> None:
            with pytest.raises(LinkError, match="another event loop's; connect again in this one"):
                await edge.infer(picture(1))
            await edge.close()

        asyncio.run(elsewhere())
        first.close()


def test_closing() -> None:
    """Requests under way fail with an error of joulecut's rather than as if cancelled; later ones say why."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(service.gate.clear)
        call = asyncio.ensure_future(edge.infer(picture(1)))
        await _under_way(service, 1)
        await edge.close()
        with pytest.raises(LinkError):
            await call
        with pytest.raises(LinkError, match="this connection is closed; connect again"):
            await edge.status()
        await edge.close()

    _with_edge(use)


def test_refusals() -> None:
    """A refused input and one that cannot be sent are ContractErrors, the latter before anything is sent."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        del loop
        with pytest.raises(ContractError, match="input0: element type complex64"):
            await edge.infer(np.zeros(1, np.complex64))
        assert service.requests == []
        service.failure = ContractError("tensor 0 is float32[1]; expected uint8[1, 3, 8, 8]")
        with pytest.raises(ContractError, match=r"edge-agent 127\.0\.0\.1:\d+: tensor 0 is float32\[1\]"):
            await edge.infer(np.zeros(1, np.float32))

    _with_edge(use)


def test_a_slow_agent() -> None:
    """`timeout_s` bounds a request; the error says who did not answer."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(service.gate.clear)
        with pytest.raises(LinkError, match="did not answer in time"):
            await edge.infer(picture(0))

    _with_edge(use, timeout_s=0.2)


def test_status_replan_and_meters() -> None:
    """The tools' calls reach the agent as they were made, and its answers come back whole."""

    async def use(edge: AsyncConnection, service: FakeLocal, loop: asyncio.AbstractEventLoop) -> None:
        del loop
        assert await edge.status() == STATUS
        request = ReplanRequest(policy="joint", objective=Objective(server_weight=0.0), preview=True)
        reply = await edge.replan(request)
        assert (reply.plan, reply.problem, service.replans) == (NO_PLAN, PROBLEM, [request])
        assert (await edge.read_meters(ReadMetersRequest(edge_not_before_s=0.5))).edge.energy_j == 2.0

    _with_edge(use)


def test_nobody_there_and_a_malformed_address() -> None:
    """The first is found with the first call, the second at once."""

    async def talk() -> None:
        async with await connect_async("127.0.0.1:1") as edge:
            with pytest.raises(LinkError, match=r"edge-agent 127\.0\.0\.1:1 cannot be reached"):
                await edge.status()
        with pytest.raises(ConfigError, match="expected host:port"):
            await connect_async("edge.sock")

    asyncio.run(talk())


@pytest.mark.parametrize("asks", ["infer", "status"])
def test_a_closed_connection_whose_call_failed_is_let_go(asks: str) -> None:
    """Before any garbage is collected: to an edge-agent that is away it would go on connecting."""
    kept: list[weakref.ref[object]] = []

    async def use() -> None:
        async with await connect_async(f"127.0.0.1:{free_port()}") as edge:
            kept.append(weakref.ref(edge._channel))
            with pytest.raises(LinkError):
                await (edge.status() if asks == "status" else edge.infer(np.zeros((1, 3, 8, 8), np.uint8)))

    async def test() -> None:
        await use()
        await asyncio.sleep(0)
        assert kept[0]() is None

    gc.disable()
    try:
        asyncio.run(test())
    finally:
        gc.enable()
