"""Reading a meter for somebody far away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from joulecut_core.devices import DeviceState
from joulecut_core.energy import window_between
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock, SystemClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.profiling.metering import MeterReader, overrun_s
from tests.core.test_energy import MeteredDevice
from tests.runtime.devices.device_files import quiet_file

WAIT_S = 20.0
"""How long a test waits for what must happen at once."""


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(name="device")
def _device(clock: ManualClock) -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=clock)
    yield device
    device.close()


class StepDevice(MeteredDevice):
    """Each look at it waits until the test lets it; its meter ticks at the looks that the test names."""

    def __init__(self, clock: ManualClock, *, ticks: frozenset[int]) -> None:
        super().__init__(clock, power_w=1.0, period_s=0.1)
        self.looks = 0
        self.threads: set[str] = set()
        self._ticks = ticks
        self._energy_j = 0.0
        self._began = threading.Semaphore(0)
        self._may_end = threading.Semaphore(0)

    def state(self) -> DeviceState:
        self._began.release()
        assert self._may_end.acquire(timeout=WAIT_S)
        self.looks += 1
        self.threads.add(threading.current_thread().name)
        self._energy_j += self.looks in self._ticks
        return DeviceState(
            time_s=float(self.looks),
            point=self.clock_table.points[0],
            power_w=1.0,
            temperature_c=None,
            throttle=frozenset(),
            energy_j=self._energy_j,
            energy_time_s=float(self.looks),
        )

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._began.acquire, timeout=WAIT_S)

    async def end(self) -> None:
        """Let the look that has begun end, and wait for the next to begin."""
        self._may_end.release()
        await self.begun()

    def let_all_end(self) -> None:
        self._may_end.release(1000)


def test_two_readings_make_a_window(device: EmulatedDevice, clock: ManualClock) -> None:
    """From tick to tick, a lease held: the joules are the draw times the time, here 6 W at 400 MHz."""

    async def run() -> None:
        meter = MeterReader(device, clock)
        with device.lease(device.clock_table.top):
            first = await meter.read(None)
            last = await meter.read(clock.now_s() + 2.0)
        window = window_between(first, last)
        assert window.duration_s > 1.9
        assert window.power_w == pytest.approx(6.0, rel=1e-3)

    asyncio.run(run())


def test_not_before(device: EmulatedDevice, clock: ManualClock) -> None:
    """The tick is the first from the given instant on; one that has passed is no wait."""
    period_s = device.info.meter_period_s
    assert period_s is not None

    async def run() -> None:
        meter = MeterReader(device, clock)
        later = await meter.read(5.0)
        assert 5.0 <= later.time_s <= 5.0 + 2 * period_s
        now_s = clock.now_s()
        at_once = await meter.read(1.0)
        assert now_s <= at_once.time_s <= now_s + 2 * period_s

    asyncio.run(run())


def test_who_waits_at_the_same_time_shares_a_thread(clock: ManualClock) -> None:
    """A hundred callers, far more than a loop has threads, have the first tick after they asked, by one thread."""
    device = StepDevice(clock, ticks=frozenset({4}))

    async def run() -> None:
        meter = MeterReader(device, clock)
        first = asyncio.create_task(meter.read(None))
        await device.begun()
        others = [asyncio.create_task(meter.read(None)) for _ in range(99)]
        await device.end()
        device.let_all_end()
        readings = await asyncio.wait_for(asyncio.gather(first, *others), WAIT_S)
        assert {each.time_s for each in readings} == {4.0}

    asyncio.run(run())
    assert device.threads == {"meter"}


def test_a_tick_is_for_those_who_asked_before_the_look_before_it(clock: ManualClock) -> None:
    """What the look after that shows may have changed before it: who asks between two looks has the next tick."""
    device = StepDevice(clock, ticks=frozenset({2, 5}))

    async def run() -> None:
        meter = MeterReader(device, clock)
        early = asyncio.create_task(meter.read(None))
        await device.begun()
        await device.end()
        late = asyncio.create_task(meter.read(None))
        await asyncio.sleep(0)
        device.let_all_end()
        assert (await asyncio.wait_for(early, WAIT_S)).time_s == 2.0
        assert (await asyncio.wait_for(late, WAIT_S)).time_s == 5.0

    asyncio.run(run())


def test_nobody_is_read_for_who_has_left(clock: ManualClock) -> None:
    """A reading that all have given up ends, and the next one is read as if there had been none."""
    device = StepDevice(clock, ticks=frozenset({9}))

    async def run() -> None:
        meter = MeterReader(device, clock)
        left = asyncio.create_task(meter.read(None))
        await device.begun()
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        device.let_all_end()
        assert (await asyncio.wait_for(meter.read(None), WAIT_S)).time_s == 9.0

    asyncio.run(run())


def test_a_long_wait_can_be_ended() -> None:
    """A reading asked for in an hour keeps no agent from stopping and nobody from another: no thread sleeps for it."""
    clock = SystemClock()
    device = EmulatedDevice(quiet_file(), clock=clock)

    async def run() -> None:
        meter = MeterReader(device, clock)
        waiting = asyncio.create_task(meter.read(clock.now_s() + 3600.0))
        await asyncio.sleep(0)
        await asyncio.wait_for(meter.read(None), WAIT_S)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())  # would wait for a sleeping thread here
    device.close()


@pytest.mark.parametrize(("period_s", "match"), [(None, "bench has no energy meter"), (0.1, "of bench stood at 0.0 J")])
def test_a_device_without_a_meter(clock: ManualClock, period_s: float | None, match: str) -> None:
    """Energy that nobody measures is an error, not a zero, nor an endless wait; to each who asks, again and again."""
    device = MeteredDevice(clock, power_w=0.0, period_s=period_s)

    async def run() -> None:
        meter = MeterReader(device, clock)
        for _ in range(2):
            failures = await asyncio.gather(meter.read(None), meter.read(None), return_exceptions=True)
            assert all(isinstance(each, DeviceError) and match in str(each) for each in failures)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_a_thread_that_cannot_be_started_is_one_callers_failure(
    device: EmulatedDevice, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host that was out of threads for a moment, whoever asks next is answered."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    async def run() -> None:
        meter = MeterReader(device, clock)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start new thread meter"):
                await meter.read(None)
        assert (await asyncio.wait_for(meter.read(None), WAIT_S)).energy_j is not None

    asyncio.run(run())


def test_overrun_is_an_emulators(device: EmulatedDevice, clock: ManualClock) -> None:
    """A real device is never late for itself."""
    assert overrun_s(device) == 0.0
    assert overrun_s(MeteredDevice(clock, power_w=5.0, period_s=0.1)) == 0.0
