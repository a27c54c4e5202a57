"""A pool of server-agents on a real Ray cluster of this machine: it grows, loses a server and shrinks, under load."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from typing import Any

import pytest
import torch

from joulecut_core.exits import ExitCode
from joulecut_edge import agent as edge_agent
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.peers.preference import preferred
from joulecut_proto.server_list import read_server_list
from tests.integration.pool_site import START_S, RunningPool, running_pool, serving
from tests.integration.site import WAIT_S, Application, Site, application
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
SERVERS = 2
BUSY_S, GENTLE_S = 0.05, 2.0
"""Between two requests of an edge that has much, or little, to do."""


class Load:
    """One edge's application: asks, checks each answer, and counts who gave it."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.pause_s = BUSY_S
        self.is_over = False
        self.served: list[str] = []
        self.task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while not self.is_over:
            answer, reply = await self._app.infer(PICTURE, f"r{len(self.served)}")
            assert torch.equal(answer, EXPECTED)
            self.served.append(reply.ledger.served_by)
            await asyncio.sleep(self.pause_s)

    async def more(self, answers: int) -> None:
        """Wait for so many answers from now on."""
        until = len(self.served) + answers
        while len(self.served) < until and not self.task.done():
            await asyncio.sleep(0.01)


@pytest.fixture(name="made")
def _made(monkeypatch: pytest.MonkeyPatch) -> list[Offloading]:
    """The `Offloading` of each edge-agent started since; they follow the pool within a second, not a minute."""
    made: list[Offloading] = []

    def make(*arguments: Any, **options: Any) -> Offloading:
        made.append(Offloading(*arguments, **options, return_s=0.3))
        return made[-1]

    monkeypatch.setattr(edge_agent, "Offloading", make)
    return made


@pytest.fixture(name="pool")
def _pool(site: Site) -> Iterator[RunningPool]:
    options = {
        "min_servers": 1,
        "target_waiting": 1000.0,
        "target_utilisation": 0.3,
        "grow_after_s": 0.5,
        "shrink_after_s": 2.0,
        "cool_down_s": 0.5,
    }
    with running_pool(site, servers=SERVERS, launch_s=12e-3, options=options) as pool:
        yield pool


def edge_names(pool: RunningPool) -> list[str]:
    """Edges of which some prefer each server, and one of them more than the one that is there from the start."""
    servers, names = [pool.address(seat) for seat in range(SERVERS)], dict[str, str]()
    for number in count():
        names.setdefault(preferred(f"edge-{number}@{socket.gethostname()}", servers)[0], f"edge-{number}")
        if len(names) == SERVERS:
            return list(names.values())
    raise AssertionError


async def course(site: Site, pool: RunningPool, made: list[Offloading]) -> None:
    """The test's events, one after the other, while every edge asks all the time."""

    def used() -> Counter[str]:
        return Counter(each.connection.address for each in made if each.connection is not None)

    async def until_used(*addresses: str) -> None:
        while set(used()) != set(addresses):
            await asyncio.sleep(0.02)

    everywhere = tuple(pool.address(seat) for seat in range(SERVERS))
    await pool.until(lambda standing: len(serving(standing)) == 1)
    async with AsyncExitStack() as stack:
        loads: list[Load] = []
        apps: list[Application] = []
        for name in edge_names(pool):
            config = replace(site.edge(f"file:{pool.list_file}"), name=name, listen=f"unix:{site.own}/{name}.sock")
            edge = await stack.enter_async_context(edge_agent.serving(config))
            apps.append(await stack.enter_async_context(application(edge)))
            await asyncio.wait_for(apps[-1].offloading(), WAIT_S)
            loads.append(Load(apps[-1]))

        # Busy: the pool grows, and edges take the new servers though they are never idle.
        await pool.serving(SERVERS)
        assert [each.address for each in read_server_list(pool.list_file).servers] == list(everywhere)
        await asyncio.wait_for(until_used(*everywhere), START_S)

        # Killed: the edge that used it goes on with another one, and comes back to the same port.
        victim = serving(await pool.serving(SERVERS))[1]
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        for load in loads:
            await load.more(5)
        back = await pool.until(lambda standing: any(each.lives == 2 for each in serving(standing)))
        [again] = [each for each in back.servers if each.name == victim.name]
        assert (again.address, again.lives) == (victim.address, 2)
        assert again.pid != victim.pid
        await asyncio.wait_for(until_used(*everywhere), START_S)

        # Quiet: the pool shrinks to one server, and its edges with it.
        for load in loads:
            load.pause_s = GENTLE_S
        [left] = serving(await pool.serving(1))
        await asyncio.wait_for(until_used(left.address), START_S)
        for load in loads:
            await load.more(2)
            load.is_over = True
        await asyncio.gather(*(load.task for load in loads))
        for load, app in zip(loads, apps, strict=True):
            assert (await app.status()).counters.requests == len(load.served)
            assert load.served[-1] == "server"


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `pool`")
@pytest.mark.timeout(3 * START_S)
def test_no_request_is_lost_while_a_pool_grows_loses_a_server_and_shrinks(
    site: Site, pool: RunningPool, made: list[Offloading]
) -> None:
    """Each request has one answer, the unsplit network's, through all of it; the killed server is back on its port."""
    asyncio.run(asyncio.wait_for(course(site, pool, made), 2 * START_S))
    pool.process.terminate()
    assert pool.process.wait(START_S) == ExitCode.OK
    standing = pool.standing()
    assert standing is not None
    assert standing.servers == ()
    assert read_server_list(pool.list_file).servers == ()
