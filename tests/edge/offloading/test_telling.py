"""A server hears of the newest epoch last, whoever tells it and however long an older word takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from joulecut_core.errors import PlanError
from joulecut_core.timing import ManualClock
from joulecut_edge.offloading.telling import Telling
from joulecut_edge.peers.server_connection import ServerConnection


@dataclass
class FakeServer:
    """Hears an epoch once it may: at once, or when `gates` opens for it."""

    session_id: str = "edge-1"
    heard: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    @property
    def planner(self) -> FakeServer:
        return self

    @property
    def connection(self) -> ServerConnection:
        return cast(ServerConnection, self)

    async def activate(self, session_id: str, epoch: int, *, timeout_s: float) -> None:
        assert session_id == self.session_id
        assert timeout_s > 0.0
        self.asked.append(epoch)
        if epoch in self.gates:
            await self.gates[epoch].wait()
        if epoch in self.refused:
            raise PlanError(f"epoch {epoch} is not yours")
        self.heard.append(epoch)


def run(use: Callable[[Telling, FakeServer], Awaitable[None]]) -> FakeServer:
    """What the server has heard when nothing is left to be told."""
    server = FakeServer()

    async def body() -> None:
        await use(Telling(ManualClock()), server)
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)

    asyncio.run(body())
    return server


async def _until_asked(server: FakeServer, epoch: int) -> None:
    while epoch not in server.asked:
        await asyncio.sleep(0)


def test_the_newest_word_is_heard_last_and_a_stuck_one_does_not_keep_it() -> None:
    """A link that swallows the first word: the second goes out at once, and the first never arrives behind it."""

    async def use(telling: Telling, server: FakeServer) -> None:
        stuck = server.gates[1] = asyncio.Event()
        telling.tell_soon(server.connection, 1)
        await _until_asked(server, 1)
        telling.tell_soon(server.connection, 2)
        await _until_asked(server, 2)
        stuck.set()

    assert run(use).heard == [2]


def test_a_plan_that_is_carried_out_ends_what_was_told_of_those_before() -> None:
    """Also what came up while the server was being told of the new plan."""

    async def use(telling: Telling, server: FakeServer) -> None:
        server.gates = {1: asyncio.Event(), 5: asyncio.Event()}
        telling.tell_soon(server.connection, 1)
        await _until_asked(server, 1)
        carrying_out = asyncio.create_task(telling.tell(server.connection, 5))
        await _until_asked(server, 5)
        telling.tell_soon(server.connection, 2)
        server.gates[5].set()
        await carrying_out
        server.gates[1].set()

    assert run(use).heard == [5]


def test_a_plan_that_is_refused_leaves_the_word_in_between_standing() -> None:
    """The plans before it stay in force, and with them what the server was to be told of them."""

    async def use(telling: Telling, server: FakeServer) -> None:
        server.gates, server.refused = {5: asyncio.Event()}, {5}
        carrying_out = asyncio.create_task(telling.tell(server.connection, 5))
        await _until_asked(server, 5)
        telling.tell_soon(server.connection, 2)
        server.gates[5].set()
        with pytest.raises(PlanError):
            await carrying_out

    assert run(use).heard == [2]


def test_what_nobody_waits_for_is_given_up_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """An edge that stops leaves nothing behind; a server that refuses is noted in the log."""

    async def use(telling: Telling, server: FakeServer) -> None:
        server.refused = {1}
        telling.tell_soon(server.connection, 1)
        await _until_asked(server, 1)
        await asyncio.sleep(0)
        server.gates[2] = asyncio.Event()
        telling.tell_soon(server.connection, 2)
        await _until_asked(server, 2)
        await telling.hush()

    caplog.set_level("INFO")
    assert run(use).heard == []
    assert "could not follow to epoch 1: epoch 1 is not yours" in caplog.text
