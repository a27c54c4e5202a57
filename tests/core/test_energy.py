"""Windows of energy from a meter that ticks only now and then."""

from __future__ import annotations

import itertools
from collections.abc import Container
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import Device, DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.energy import TickWatch, read_at_tick, window_between
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload

POINT = OperatingPoint(core_mhz=612)


class MeteredDevice:
    """A device that draws `power_w` and whose counter shows it once per period."""

    def __init__(self, clock: ManualClock, *, power_w: float, period_s: float | None) -> None:
        self._clock = clock
        self._power_w = power_w
        self._period_s = period_s

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(
            name="bench",
            backend="fake",
            uid="0",
            driver="1",
            power_scope="module input",
            figures=FigureKind.EMULATED,
            meter_period_s=self._period_s,
        )

    @property
    def clock_table(self) -> ClockTable:
        return ClockTable(points=(POINT,))

    def state(self) -> DeviceState:
        tick_s = None if self._period_s is None else (self._clock.now_s() // self._period_s) * self._period_s
        return DeviceState(
            time_s=self._clock.now_s(),
            point=POINT,
            power_w=self._power_w,
            temperature_c=None,
            throttle=frozenset(),
            energy_j=None if tick_s is None else tick_s * self._power_w,
            energy_time_s=tick_s,
        )

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        raise NotImplementedError

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("start_s", [0.0, 0.03, 0.0999])
@pytest.mark.parametrize("work_s", [0.31, 1.0, 2.77])
def test_window_is_exact_wherever_it_starts(start_s: float, work_s: float) -> None:
    """Both ends lie on ticks, so mean draw is right whatever the offset: the point of aligning."""
    clock = ManualClock(start_s)
    device: Device = MeteredDevice(clock, power_w=7.5, period_s=0.1)

    begin = read_at_tick(device, clock)
    clock.advance_s(work_s)
    window = window_between(begin, read_at_tick(device, clock))

    assert window.power_w == pytest.approx(7.5, rel=1e-9)
    assert window.duration_s == pytest.approx(window.energy_j / 7.5)
    assert work_s <= window.duration_s <= work_s + 0.2 + 1e-9


def test_reading_is_at_the_meters_own_time() -> None:
    """The time of a reading is the tick's, not that of the poll that saw it."""
    clock = ManualClock(0.05)
    reading = read_at_tick(MeteredDevice(clock, power_w=2.0, period_s=0.1), clock)
    assert reading.time_s == pytest.approx(0.1)
    assert reading.energy_j == pytest.approx(0.2)
    assert clock.now_s() >= 0.1


def test_a_meter_that_stands_still() -> None:
    """A broken counter is an error that says how long it stood, not an endless wait."""
    clock = ManualClock()
    with pytest.raises(DeviceError, match=r"of bench stood at 0\.0 J for 2 s; expected a change every 0\.1 s"):
        read_at_tick(MeteredDevice(clock, power_w=0.0, period_s=0.1), clock)
    assert clock.now_s() == pytest.approx(2.0)


class PausingClock(ManualClock):
    """Of a host that stands still for a minute the first time that it is to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses = 0

    def sleep_until_s(self, deadline_s: float) -> None:
        """As any other, but for the first."""
        self.pauses += 1
        super().sleep_until_s(deadline_s + (60.0 if self.pauses == 1 else 0.0))


class SampledDevice(MeteredDevice):
    """Its meter is read by a thread of this host, which was paused as well: three looks later it shows the rest."""

    def __init__(self, clock: PausingClock) -> None:
        super().__init__(clock, power_w=2.0, period_s=0.1)
        self._kept, self._looks = super().state(), 0

    def state(self) -> DeviceState:
        """The sample before the pause, until the thread has had its turn."""
        self._looks += 1
        return self._kept if self._looks < 5 else super().state()


def test_a_pause_of_the_host_is_no_broken_meter() -> None:
    """A machine that stood still has nothing to say against its meter, whoever watches it."""
    clock = PausingClock()
    assert read_at_tick(SampledDevice(clock), clock).energy_j > 100.0
    watch = TickWatch(MeteredDevice(ManualClock(), power_w=0.0, period_s=0.1))
    assert not watch.stands_still(0.0, 60.0)
    assert not watch.stands_still(0.0, 60.1)
    assert [watch.stands_still(0.0, 60.1 + 0.05 * look) for look in (35, 36, 37)] == [False] * 3
    assert any(watch.stands_still(0.0, 62.0 + 0.1 * look) for look in range(20))


class SilentDevice(MeteredDevice):
    """Its meter gives no answer at some of the looks, counted from 0, as a driver's counter may."""

    def __init__(self, clock: ManualClock, *, silent: Container[int]) -> None:
        super().__init__(clock, power_w=2.0, period_s=0.1)
        self._silent, self._looks = silent, itertools.count()

    def state(self) -> DeviceState:
        """As it is, without joules where the meter is silent."""
        state = super().state()
        return replace(state, energy_j=None, energy_time_s=None) if next(self._looks) in self._silent else state


@pytest.mark.parametrize("silent", [{0}, {2}, {0, 1, 2}, {2, 4, 5}])
def test_a_meter_that_does_not_answer_once_has_not_ticked(silent: set[int]) -> None:
    """Nor is it none: the value is the same behind a silent look as before it, and the next change is waited for."""
    clock = ManualClock(0.12)
    reading = read_at_tick(SilentDevice(clock, silent=silent), clock)
    assert (reading.time_s, reading.energy_j) == pytest.approx((0.2, 0.4))


def test_a_meter_that_never_answers() -> None:
    """An error that says so, not an endless wait."""
    clock = ManualClock()
    with pytest.raises(DeviceError, match=r"of bench did not answer for 2 s; expected a change every 0\.1 s"):
        read_at_tick(SilentDevice(clock, silent=range(1000)), clock)


def test_who_looks_often_waits_as_long_for_a_tick() -> None:
    """Patience is twenty periods of the meter, however many looks are in them."""
    watch = TickWatch(MeteredDevice(ManualClock(), power_w=0.0, period_s=0.1))
    assert [watch.stands_still(0.0, 0.025 * look) for look in range(80)] == [False] * 80
    assert watch.stands_still(0.0, 2.001)


def test_no_meter() -> None:
    """A device without a meter says what to do instead."""
    clock = ManualClock()
    with pytest.raises(DeviceError, match="has no energy meter; plan from estimated power"):
        read_at_tick(MeteredDevice(clock, power_w=1.0, period_s=None), clock)
