"""Windows of meters that do not say when they ticked, and of runs longer than their period."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.energy import read_at_tick
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.profiling.meter_windows import busy_window, idle_window

_POINT = OperatingPoint(core_mhz=612)
_PERIOD_S = 0.1
_IDLE_W, _BUSY_W = 5.0, 15.0


class Counter:
    """A device whose counter changes once a period and tells the time of reading, or of its tick where `stamps`.

    Draws `_BUSY_W` inside `run`, `_IDLE_W` outside, each period's times a factor drawn from `noise`.
    """

    def __init__(self, *, start_s: float = 0.0, stamps: bool = False, noise: float = 0.0, seed: int = 0) -> None:
        self.clock = ManualClock(start_s)
        self._stamps = stamps
        self._noise = noise
        self._random = random.Random(seed)  # noqa: S311 - noise, not a secret
        self._factors: dict[int, float] = {}
        self._counted_s = start_s
        self._energy_j = 0.0
        self._tick = (start_s, 0.0)
        self._busy = False

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(
            name="counter",
            backend="fake",
            uid="0",
            driver="1",
            power_scope="GPU board",
            figures=FigureKind.MEASURED,
            meter_period_s=_PERIOD_S,
        )

    @property
    def clock_table(self) -> ClockTable:
        return ClockTable(points=(_POINT,))

    def state(self) -> DeviceState:
        self._count()
        now_s, (tick_s, tick_j) = self.clock.now_s(), self._tick
        return DeviceState(
            time_s=now_s,
            point=_POINT,
            power_w=_BUSY_W if self._busy else _IDLE_W,
            temperature_c=None,
            throttle=frozenset(),
            energy_j=tick_j,
            energy_time_s=tick_s if self._stamps else now_s,
        )

    def runner(self, run_s: float) -> Callable[[], float]:
        """Runs of so many seconds, back to back."""

        def run() -> float:
            self._count()
            self._busy = True
            self.clock.advance_s(run_s)
            self._count()
            self._busy = False
            return run_s

        return run

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        raise NotImplementedError

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _count(self) -> None:
        now_s = self.clock.now_s()
        while self._counted_s < now_s:
            period = math.floor(self._counted_s / _PERIOD_S + 1e-9)
            tick_s = (period + 1) * _PERIOD_S
            until_s = min(now_s, tick_s)
            factor = self._factors.setdefault(period, 1.0 + self._random.gauss(0.0, self._noise))
            self._energy_j += (_BUSY_W if self._busy else _IDLE_W) * factor * (until_s - self._counted_s)
            self._counted_s = until_s
            if until_s == tick_s:
                self._tick = (tick_s, self._energy_j)


def test_a_tick_that_is_not_stamped_is_noticed_late_and_says_so() -> None:
    """The bound is what it claims: the tick lies at most that long before the reading."""
    for start_s in (0.0, 0.013, 0.05, 0.099):
        counter = Counter(start_s=start_s)
        reading = read_at_tick(counter, counter.clock)
        assert 0 < reading.late_s <= _PERIOD_S / 8 + 1e-9
        behind_s = reading.time_s % _PERIOD_S
        assert min(behind_s, _PERIOD_S - behind_s) <= reading.late_s + 1e-9


def test_a_stamped_tick_is_not_late() -> None:
    """A meter that says when it ticked is believed."""
    counter = Counter(start_s=0.03, stamps=True)
    assert read_at_tick(counter, counter.clock).late_s == 0.0


@pytest.mark.parametrize("run_s", [0.004, 0.03, 0.077, 0.1, 0.23])
@pytest.mark.parametrize("start_s", [0.0, 0.021, 0.066])
def test_busy_windows_bear_the_lateness_of_their_ticks(run_s: float, start_s: float) -> None:
    """Runs longer than the meter's period notice ticks a run late; the window grows until 2.5 % is the worst."""
    counter = Counter(start_s=start_s)
    window = busy_window(counter, counter.clock, counter.runner(run_s), periods=10, runs=10).energy
    assert window.power_w == pytest.approx(_BUSY_W, rel=0.025)
    assert window.power_std_w <= 0.03 * _BUSY_W
    assert abs(window.power_w - _BUSY_W) <= 4 * window.power_std_w + 1e-9
    assert window.duration_s >= 9 * _PERIOD_S


def test_short_runs_keep_to_the_periods_asked_for() -> None:
    """Where ticks are noticed soon there is no reason to go on: ten periods are ten, or eleven."""
    for stamps in (False, True):
        counter = Counter(start_s=0.021, stamps=stamps)
        window = busy_window(counter, counter.clock, counter.runner(0.004), periods=10, runs=10).energy
        assert window.duration_s == pytest.approx(1.0, abs=0.11)


def test_idle_windows_hold_nothing_but_waiting() -> None:
    """Ten periods of waiting, to a tick at either end, to within what late ticks make."""
    counter = Counter(start_s=0.021)
    counter.runner(0.33)()
    window = idle_window(counter, counter.clock, periods=10)
    assert window.power_w == pytest.approx(_IDLE_W, rel=0.0125)
    assert abs(window.power_w - _IDLE_W) <= 3 * window.power_std_w + 1e-9


def test_the_uncertainty_covers_what_repeating_shows() -> None:
    """Of 200 windows of a noisy meter most hold the true draw within two standard uncertainties.

    Three parts are two degrees of freedom: 2 standard errors then cover 82 %, not 95.
    """
    covered = 0
    for seed in range(200):
        counter = Counter(stamps=True, noise=0.05, seed=seed)
        window = busy_window(counter, counter.clock, counter.runner(0.01), periods=12, runs=10).energy
        covered += abs(window.power_w - _BUSY_W) <= 2 * window.power_std_w
    assert 0.72 <= covered / 200 <= 0.92


@pytest.mark.parametrize("pauses", [1, 9])
def test_a_window_with_a_pause_is_measured_again(pauses: int, caplog: pytest.LogCaptureFixture) -> None:
    """A process that was stopped left its device at rest: that is no draw at work, and is told where it goes on so."""
    counter = Counter()
    run, ran = counter.runner(0.01), 0

    def stopped_now_and_then() -> float:
        nonlocal ran
        ran += 1
        if ran % 50 == 0 and ran <= 50 * pauses:
            counter.clock.advance_s(30.0)
        return run()

    window = busy_window(counter, counter.clock, stopped_now_and_then, periods=10, runs=10).energy
    assert "rested for 30 s" in caplog.text
    assert (window.power_w == pytest.approx(_BUSY_W, rel=0.025)) == (pauses == 1)
    assert ("what is kept of it is too low" in caplog.text) == (pauses > 1)
