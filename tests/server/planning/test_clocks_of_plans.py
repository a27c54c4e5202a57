"""Whose clock the device holds as plans are put in force, followed and given up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions.sessions import SessionBook
from tests.integration.tiny_profiles import server_profile
from tests.server.gates import Gate
from tests.server.parts import REQUEST
from tests.server.planning.test_planning import FOLLOWING, epoch_of, with_planning


class GatedRunner(PartRunner):
    """Parts that are made ready once the gate is open."""

    def __init__(self, parts: PartRunner, gate: Gate) -> None:
        self.__dict__.update(vars(parts))
        self._gate = gate

    def prepare(self, cut: int, *, head: bool) -> float:
        self._gate.pass_through()
        return super().prepare(cut, head=head)


def test_a_session_released_while_it_is_activated_holds_no_clock(tmp_path: Path) -> None:
    """Whoever asks for both at once must not leave the device at a clock that nobody can give back."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        served, gate = next(iter(planning._networks)), Gate()
        planning._networks = ServedNetworks((replace(served, runner=GatedRunner(served.runner, gate)),))
        epoch = epoch_of(await planning.plan_session(REQUEST))
        activating = asyncio.create_task(planning.activate("edge-1", epoch))
        await gate.entered()
        releasing = asyncio.create_task(planning.release("edge-1"))
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(ContractError, match="session edge-1 ended while its plan was put in force"):
            await activating
        await releasing
        assert (planning._clocks._clocks.leased, len(sessions)) == (None, 0)

    with_planning(tmp_path, use)


@pytest.mark.parametrize("own", [False, True])
def test_an_edge_that_hangs_up_while_its_plan_is_put_in_force_has_its_clock(tmp_path: Path, own: bool) -> None:
    """What its later requests come under, or that it needs none, is noted by then: they would not ask for it again."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        epoch = epoch_of(await planning.plan_session(REQUEST))
        wanted = sessions.activate("edge-1", epoch).server_clock
        if own:
            assert await planning.activate("edge-1", epoch) == wanted
        gate = Gate()
        before = planning._worker.run(gate.pass_through)
        await gate.entered()
        activating = asyncio.create_task(planning.activate("edge-1", 0 if own else epoch))
        await asyncio.sleep(0)
        activating.cancel()
        await asyncio.gather(activating, return_exceptions=True)
        gate.open()
        await before
        while planning._clocks._following:
            await asyncio.sleep(0)
        assert planning._clocks._clocks.leased == (None if own else wanted)

    with_planning(tmp_path, use)


def test_a_release_whose_caller_hangs_up_gives_the_clock_back(tmp_path: Path) -> None:
    """Whoever waits no longer for a busy device has ended its session all the same: nobody else would give it back."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        assert await planning.activate("edge-1", epoch_of(await planning.plan_session(REQUEST))) is not None
        gate = Gate()
        before = planning._worker.run(gate.pass_through)
        await gate.entered()
        releasing = asyncio.create_task(planning.release("edge-1"))
        await asyncio.sleep(0)
        releasing.cancel()
        await asyncio.gather(releasing, return_exceptions=True)
        gate.open()
        await before
        while planning._clocks._following:
            await asyncio.sleep(0)
        assert (planning._clocks._clocks.leased, len(sessions)) == (None, 0)

    with_planning(tmp_path, use)


def test_a_session_that_makes_room_gives_its_clock_back(tmp_path: Path) -> None:
    """Of more sessions than are remembered the longest silent one ends: nobody else would ever release its clock."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        sessions._most = 1
        assert await planning.activate("edge-1", epoch_of(await planning.plan_session(REQUEST))) is not None
        await planning.plan_session(replace(REQUEST, session_id="edge-2"))
        while planning._clocks._clocks.leased is not None:
            await asyncio.sleep(0)
        assert sessions.in_force("edge-1") == ()

    with_planning(tmp_path, use)


def test_the_clock_follows_an_edge_through_its_set_and_goes_with_it(tmp_path: Path) -> None:
    """A request under another plan of the set moves the clock; the edge's own plan gives it back."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        following = planning._clocks
        keeper = following._clocks
        reply = await planning.plan_session(FOLLOWING)
        first = epoch_of(reply)
        await planning.activate("edge-1", first)
        was = keeper.leased
        assert was is not None
        in_force = {each.epoch: each for each in sessions.in_force("edge-1")}
        faster = replace(in_force[first], server_clock=other_top(was))
        following.follow("edge-1", faster)
        following.follow("edge-1", faster)
        while keeper.leased != faster.server_clock:
            await asyncio.sleep(0)
        assert await planning.activate("edge-1", 0) is None
        assert keeper.leased is None
        assert set(sessions.in_force("edge-1")) == set(in_force.values())
        following.follow("edge-1", in_force[first])
        while keeper.leased != was:
            await asyncio.sleep(0)

    with_planning(tmp_path, use)


def other_top(other_than: OperatingPoint) -> OperatingPoint:
    """The server's highest clock other than this one."""
    points = [point for point in server_profile().clock_table if not point.matches(other_than)]
    return max(points, key=lambda point: (point.memory_mhz or 0.0, point.core_mhz))
