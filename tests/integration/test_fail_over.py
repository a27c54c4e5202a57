"""Several servers, connections that are renewed, servers that stop taking requests: no answer is lost on the way."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
import torch

from joulecut_core.problems import Slo
from joulecut_edge import agent as edge_agent
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Servers
from joulecut_proto.local_messages import LocalStatus
from joulecut_server import agent as server_agent
from tests.chaos.fault_proxy import LOOPBACK, Weather, fault_proxy
from tests.free_ports import free_port
from tests.integration.site import WAIT_S, Application, Site, application, server_state
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
RETURN_S = 0.3
DEADLINE_S = 0.3


@pytest.fixture(name="made")
def _made(monkeypatch: pytest.MonkeyPatch) -> list[Offloading]:
    """The `Offloading` of each edge-agent started since, which returns to earlier servers soon."""
    made: list[Offloading] = []

    def make(*arguments: Any, **options: Any) -> Offloading:
        made.append(Offloading(*arguments, **options, return_s=RETURN_S))
        return made[-1]

    monkeypatch.setattr(edge_agent, "Offloading", make)
    return made


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await test()

    asyncio.run(asyncio.wait_for(within(), 2 * WAIT_S))


class Asking:
    """Asks one request after the other until it is told to stop; checks every answer."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._is_over = False
        self.served: list[str] = []
        self._task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while not self._is_over:
            answer, reply = await self._app.infer(PICTURE, f"r{len(self.served)}")
            assert torch.equal(answer, EXPECTED)
            self.served.append(reply.ledger.served_by)

    async def more(self, count: int) -> None:
        """Wait for so many answers from now on."""
        until = len(self.served) + count
        while len(self.served) < until and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> LocalStatus:
        """The status after the last answer, which must account for all of them."""
        self._is_over = True
        await self._task
        status = await self._app.status()
        assert status.counters.requests == len(self.served)
        return status


async def serving_at(address: str, site: Site, name: str, stack: AsyncExitStack) -> AsyncExitStack:
    """A server-agent at an address; closing what comes back stops it."""
    one = await stack.enter_async_context(AsyncExitStack())
    config = replace(site.server(), listen=address, name=name)
    await one.enter_async_context(server_agent.serving(config))
    return one


def test_the_next_server_takes_over_and_the_first_comes_back(site: Site, made: list[Offloading]) -> None:
    """The one named first is preferred; while it is away the second serves; well again, it is used again."""

    async def test() -> None:
        first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))

        def uses(address: str) -> bool:
            connection = made[0].connection
            return connection is not None and connection.address == address

        async with AsyncExitStack() as stack:
            serving = await serving_at(first, site, "first", stack)
            await serving_at(second, site, "second", stack)
            config = site.edge(f"{first},{second}")
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            while not uses(first):
                await asyncio.sleep(0.01)
            asking = Asking(app)
            await asking.more(3)
            await serving.aclose()
            while not uses(second):
                await asyncio.sleep(0.01)
            await app.offloading()
            await asking.more(3)
            assert asking.served[-1] == "server"
            await asking.stop()
            await serving_at(first, site, "first", stack)
            while not uses(first):
                await asyncio.sleep(0.01)
            assert (await app.infer(PICTURE))[1].ledger.served_by == "server"
            while (await server_state(second)).leased is not None:
                await asyncio.sleep(0.01)

    run(test)


def test_a_server_that_is_only_ever_late_is_left_for_one_in_time(site: Site, made: list[Offloading]) -> None:
    """Not silent, but slow to reach for good: the next server serves, the first one's greetings bring nobody back."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(server_agent.serving(replace(site.server(), name=name)))
                for name in ("late", "well")
            ]
            proxy = await stack.enter_async_context(fault_proxy(port_of(first)))
            slo = Slo(latency_s=DEADLINE_S)
            exact = replace(site, max_accuracy_loss=0.0)
            config = replace(exact.edge(f"{LOOPBACK}:{proxy.port},{second}"), slo=slo)
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            asking = Asking(app)
            while "server" not in asking.served:
                await asyncio.sleep(0.01)
            proxy.set_weather(Weather(delay_s=2 * DEADLINE_S))
            while made[0].connection is None or made[0].connection.address != second:
                await asyncio.sleep(0.01)
            before = len(asking.served)
            while "server" not in asking.served[before:]:
                await asyncio.sleep(0.01)
            while (await server_state(first)).leased is not None:
                await asyncio.sleep(0.01)
            await asking.stop()
            assert made[0].connection is not None
            assert made[0].connection.address == second

    run(test)


def test_a_connection_is_renewed_without_a_gap(site: Site, made: list[Offloading]) -> None:
    """The same server, plan and epoch over a fresh connection: nothing is answered alone, and the old one is closed."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(server_agent.serving(site.server()))
            config = replace(site.edge(server), renew_s=1.0)
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            before = await app.offloading()
            old = made[0].connection
            assert old is not None
            asking = Asking(app)
            while made[0].renewals < 2:
                await asyncio.sleep(0.01)
            await asking.more(3)
            status = await asking.stop()
            assert status.assignment == before.assignment
            assert (status.counters.fallbacks, status.counters.local) == (0, 0)
            await asyncio.wait_for(old.lost.wait(), WAIT_S)
            assert made[0].planning.plans == 1
            # Its sockets go with the object, which no task that lasts may hold.
            left = weakref.ref(old)
            del old
            while left() is not None:
                await asyncio.sleep(0.01)
                gc.collect()

    run(test)


def test_a_renewal_that_reaches_another_server_is_followed(site: Site, made: list[Offloading]) -> None:
    """Behind a proxy that spreads connections: planned there first, nothing is answered alone, the other is left."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(server_agent.serving(replace(site.server(), name=name)))
                for name in ("one", "two")
            ]
            proxy = await stack.enter_async_context(fault_proxy(port_of(first)))
            # Whatever the link is measured to be by then, answers stay the same to the bit.
            exact = replace(site, max_accuracy_loss=0.0)
            config = replace(exact.edge(f"{LOOPBACK}:{proxy.port}"), renew_s=1.0)
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            asking = Asking(app)
            proxy.target = (LOOPBACK, port_of(second))
            while made[0].renewals < 1:
                await asyncio.sleep(0.01)
            await asking.more(3)
            status = await asking.stop()
            assert made[0].planning.plans == 2
            assert (status.counters.fallbacks, status.counters.local) == (0, 0)
            while (await server_state(first)).leased is not None:
                await asyncio.sleep(0.01)
            assert (await server_state(second)).leased is not None
            # A fresh connection to the same server changes nothing.
            while made[0].renewals < 2:
                await asyncio.sleep(0.01)
            assert made[0].planning.plans == 2

    run(test)


def test_one_server_under_two_addresses_is_not_forgotten_by_it(site: Site, made: list[Offloading]) -> None:
    """Moving to its preferred address is no leaving: what is in force there stays, and the edge with it."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(server_agent.serving(site.server()))
            proxy = await stack.enter_async_context(fault_proxy(port_of(server)))
            proxy.refuse()
            config = site.edge(f"{LOOPBACK}:{proxy.port},{server}")
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            before = made[0].connection
            assert before is not None
            assert before.address == server
            await proxy.start()
            await asyncio.wait_for(before.lost.wait(), WAIT_S)
            assert (await app.infer(PICTURE))[1].ledger.served_by == "server"
            assert (await app.status()).counters.fallbacks == 0
            assert made[0].connection is not None
            assert made[0].connection.address == f"{LOOPBACK}:{proxy.port}"

    run(test)


def test_an_idle_edge_keeps_its_plan_across_a_renewal(site: Site, made: list[Offloading]) -> None:
    """Whatever the server forgot with the old connection, the first request after a quiet renewal is offloaded."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(server_agent.serving(site.server()))
            config = replace(site.edge(server), renew_s=1.0)
            app = await stack.enter_async_context(
                application(await stack.enter_async_context(edge_agent.serving(config)))
            )
            await app.offloading()
            while made[0].renewals < 2:
                await asyncio.sleep(0.01)
            assert (await app.infer(PICTURE))[1].ledger.served_by == "server"
            assert (await app.status()).counters.fallbacks == 0

    run(test)


@pytest.mark.parametrize(("owner", "step"), [(ServerConnection, "hello"), (Servers, "candidates")])
def test_a_defect_does_not_end_offloading(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, owner: type, step: str
) -> None:
    """Whatever goes wrong once on the way to a server is logged with its traceback, and tried again."""
    real, calls = getattr(owner, step), 0

    async def broken_once(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise AttributeError("'NoneType' object has no attribute 'contract_version'")
        return await real(*arguments)

    monkeypatch.setattr(owner, step, broken_once)

    async def test() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(server_agent.serving(site.server()))
            edge = await stack.enter_async_context(edge_agent.serving(site.edge(server)))
            app = await stack.enter_async_context(application(edge))
            await app.offloading()
            assert (await app.infer(PICTURE))[1].ledger.served_by == "server"

    run(test)
    assert "has no attribute 'contract_version'" in caplog.text
