"""Turns on the device: equal shares of its seconds, whoever asks for how much; late and surplus work not begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.fair_turns import DeviceBusyError, FairTurn, FairTurns, TurnTooLateError
from tests.fakes.threads import no_thread_left
from tests.server.gates import Gate


class Device:
    """Work that takes virtual seconds, and the order in which it ran."""

    def __init__(self, waiting: int = 256) -> None:
        self.clock = ManualClock()
        self.worker = DeviceWorker(self.clock)
        self.turns = FairTurns(self.worker, waiting=waiting)
        self.ran: list[str] = []

    def ask(self, name: str, seconds: float = 1.0, *, budget_s: float | None = None) -> FairTurn[str]:
        """`name`: the flow, and after a dot what else tells it from others."""

        def work() -> str:
            self.clock.advance_s(seconds)
            self.ran.append(name)
            return name

        return self.turns.enter(name.partition(".")[0], work, budget_s=budget_s)

    async def held(self) -> Gate:
        """Keep the device busy until the gate that is returned is opened."""
        gate = Gate()
        self.turns.enter("gate", gate.pass_through)
        await gate.entered()
        return gate


def on_device(use: Callable[[Device], Awaitable[None]], *, waiting: int = 256) -> None:
    async def run() -> None:
        device = Device(waiting)
        await asyncio.wait_for(use(device), 20.0)
        device.worker.close()

    asyncio.run(run())


async def all_of(*turns: FairTurn[Any]) -> list[float]:
    return [(await turn.result()).queue_s for turn in turns]


def test_a_session_that_asks_for_much_waits_for_itself() -> None:
    """Nine requests that came before do not delay the tenth, of another session, by more than one of them."""

    async def use(device: Device) -> None:
        gate = await device.held()
        many = [device.ask(f"abuser.{number}") for number in range(9)]
        one = device.ask("other")
        gate.open()
        await all_of(*many, one)
        assert device.ran.index("other") == 1
        assert (await one.result()).queue_s == 1.0

    on_device(use)


def test_shares_are_of_seconds_and_not_of_requests() -> None:
    """One whose requests take four times as long gets a turn for four of the other's."""

    async def use(device: Device) -> None:
        gate = await device.held()
        turns = [device.ask(f"{flow}.{n}", s) for n in range(20) for flow, s in (("long", 4.0), ("short", 1.0))]
        gate.open()
        await all_of(*turns)
        until = device.ran[:25]
        assert sum(name.startswith("long") for name in until) == pytest.approx(5, abs=1)

    on_device(use)


def test_a_session_saves_nothing_up() -> None:
    """One that was silent while another worked gets its share from now on, not what it did not use."""

    async def use(device: Device) -> None:
        await all_of(*(device.ask(f"busy.{number}") for number in range(50)))
        gate = await device.held()
        device.ran.clear()
        turns = [device.ask(f"{flow}.{n}") for n in range(6) for flow in ("silent", "busy")]
        gate.open()
        await all_of(*turns)
        assert sum(name.startswith("busy") for name in device.ran[:6]) >= 2

    on_device(use)


def test_a_session_keeps_its_order() -> None:
    """First come, first served, within one."""

    async def use(device: Device) -> None:
        await all_of(*(device.ask(f"one.{number}") for number in range(10)))
        assert device.ran == [f"one.{number}" for number in range(10)]

    on_device(use)


def test_what_is_late_is_not_begun() -> None:
    """Its budget was used up in the line: it is refused as late, and costs the device nothing."""

    async def use(device: Device) -> None:
        gate = await device.held()
        first, late = device.ask("a", 2.0), device.ask("b", 1.0, budget_s=1.5)
        in_time = device.ask("c", 1.0, budget_s=2.5)
        gate.open()
        with pytest.raises(TurnTooLateError, match=r"it waited 2 s for the device, longer than its budget of 1\.5 s"):
            await late.result()
        await all_of(first, in_time)
        assert device.ran == ["a", "c"]

    on_device(use)


def test_a_full_line_takes_from_who_has_most() -> None:
    """The newest of the longest line leaves for a session that has few; the session with the most gets no more."""

    async def use(device: Device) -> None:
        gate = await device.held()
        many = [device.ask(f"abuser.{number}") for number in range(4)]
        with pytest.raises(DeviceBusyError, match="4 requests wait for the device; at most 4 may"):
            device.ask("abuser.4")
        one = device.ask("other")
        with pytest.raises(DeviceBusyError):
            await many[-1].result()
        gate.open()
        await all_of(*many[:-1], one)
        assert len(device.turns) == 0

    on_device(use, waiting=4)


def test_a_place_of_one_that_leaves_by_itself_is_free() -> None:
    """Its caller is cancelled, and has not withdrawn it yet, when another one needs the place."""

    async def use(device: Device) -> None:
        gate = await device.held()
        many = [device.ask(f"abuser.{number}") for number in range(4)]
        many[-1].settled.cancel()
        one = device.ask("other")
        assert not many[-1].withdraw()
        gate.open()
        await all_of(*many[:-1], one)
        assert sorted(device.ran) == ["abuser.0", "abuser.1", "abuser.2", "other"]

    on_device(use, waiting=4)


def test_what_is_withdrawn_does_not_run() -> None:
    """Only while it waits; what runs is not stopped, and its answer comes."""

    async def use(device: Device) -> None:
        gate = Gate()
        running = device.turns.enter("a", gate.pass_through)
        await gate.entered()
        waiting, other = device.ask("b"), device.ask("c")
        assert waiting.withdraw()
        assert not waiting.withdraw()
        assert not running.withdraw()
        gate.open()
        await all_of(running, other)
        assert device.ran == ["c"]
        with pytest.raises(asyncio.CancelledError):
            await waiting.result()

    on_device(use)


def test_errors_belong_to_whoever_asked() -> None:
    """And the next one's turn comes all the same."""

    async def use(device: Device) -> None:
        def fail() -> None:
            raise RuntimeError("out of memory")

        failing, after = device.turns.enter("a", fail), device.ask("a")
        with pytest.raises(RuntimeError, match="out of memory"):
            await failing.result()
        assert (await after.result()).result == "a"

    on_device(use)


def test_sessions_that_came_once_are_forgotten() -> None:
    """With one request each they are not kept, nor counted at every turn; who has had the most still waits longest."""

    async def use(device: Device) -> None:
        await device.ask("greedy", 50.0).result()
        for number in range(1500):
            await device.ask(f"once-{number}").result()
        assert len(device.turns._lines) <= 1025
        gate = await device.held()
        turns = [device.ask("greedy.again"), device.ask("fresh")]
        gate.open()
        await all_of(*turns)
        assert device.ran[-2:] == ["fresh", "greedy.again"]

    on_device(use)


def test_who_was_too_late_counts_no_longer_among_those_who_wait() -> None:
    """Whoever has most waiting gives up its newest; what was given up before takes nobody's place."""

    async def use(device: Device) -> None:
        gate = await device.held()
        late = [device.ask(name, budget_s=1.0) for name in ("a.1", "a.2")]
        device.clock.advance_s(2.0)
        gate.open()
        for each in late:
            with pytest.raises(TurnTooLateError):
                await each.result()
        gate = await device.held()
        stays, leaves, comes = device.ask("b.1"), device.ask("b.2"), device.ask("a.3")
        with pytest.raises(DeviceBusyError):
            await leaves.result()
        gate.open()
        assert [await each.result() is not None for each in (stays, comes)] == [True, True]

    on_device(use, waiting=2)


def test_a_request_that_no_thread_was_there_for_keeps_nobody_waiting() -> None:
    """Its place is free again, and the next one runs in its own turn."""

    async def use(device: Device) -> None:
        with no_thread_left(), pytest.raises(DeviceError, match="no thread for the device's work"):
            device.ask("a.1")
        assert len(device.turns) == 0
        await all_of(device.ask("a.2"))
        assert device.ran == ["a.2"]

    on_device(use)
