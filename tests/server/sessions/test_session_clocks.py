"""Which clock each session holds, and who gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from joulecut_core.errors import ContractError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.clock_keeper import ClockKeeper
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.session_clocks import SessionClocks
from joulecut_server.sessions.sessions import SessionBook
from tests.integration.tiny_profiles import SERVER_DEVICE, server_profile
from tests.server.keepers import keeper_of

POINT = server_profile().clock_table[-1]


def with_clocks(folder: Path, use: Callable[[SessionClocks, ClockKeeper], Awaitable[None]]) -> None:
    """Run `use` on the clocks of one device."""

    async def run() -> None:
        clock = ManualClock()
        device = open_device(SERVER_DEVICE, clock=clock)
        worker, keeper = DeviceWorker(clock), keeper_of(device, clock)
        await use(SessionClocks(SessionBook(EpochCounter(folder / "epoch")), worker, keeper), keeper)
        worker.close()
        device.close()

    asyncio.run(run())


def test_a_session_holds_its_clock_until_it_rests(tmp_path: Path) -> None:
    """What is only noted moves nothing yet; an edge at home needs no clock."""

    async def use(clocks: SessionClocks, keeper: ClockKeeper) -> None:
        clocks.note("s", POINT)
        assert keeper.leased is None
        assert await clocks.take("s") == keeper.leased == POINT
        await clocks.rest("s")
        assert keeper.leased is None

    with_clocks(tmp_path, use)


def test_a_session_that_has_ended_takes_no_clock(tmp_path: Path) -> None:
    """Its release gave it back; whoever still puts its plan in force is told to plan again."""

    async def use(clocks: SessionClocks, keeper: ClockKeeper) -> None:
        clocks.note("s", POINT)
        await clocks.take("s")
        await clocks.release("s")
        with pytest.raises(ContractError, match="session s ended while its plan was put in force: plan again"):
            await clocks.take("s")
        await clocks.reconsider("s")
        assert keeper.leased is None

    with_clocks(tmp_path, use)
