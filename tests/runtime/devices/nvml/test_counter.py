"""The energy counter: its period, its steps, and its start anew."""

from __future__ import annotations

import math

import pytest

from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.nvml.counter import EnergyCounter, measure_period_s

WATTS = 100.0


def counted_j(clock: ManualClock, period_s: float) -> float:
    """What a counter shows that steps every `period_s` from 0 on."""
    return WATTS * period_s * math.floor(clock.now_s() / period_s + 1e-9)


@pytest.mark.parametrize("period_s", [0.01, 0.02, 0.1, 0.5])
def test_the_period_is_measured(period_s: float) -> None:
    """To within a poll, in a time that grows with the period and not beyond three seconds."""
    clock = ManualClock()
    measured_s = measure_period_s(lambda: counted_j(clock, period_s), clock)
    assert measured_s == pytest.approx(period_s, abs=0.002)
    assert clock.now_s() <= min(3.0, 7 * period_s) + 0.01


def test_a_counter_that_stands_still_has_no_period() -> None:
    """The wait for it ends."""
    clock = ManualClock()
    assert measure_period_s(lambda: 17.0, clock) is None
    assert clock.now_s() == pytest.approx(3.0, abs=0.01)


def test_one_late_poll_does_not_change_the_period() -> None:
    """A host that was busy for a moment sees one long interval among short ones."""
    clock, polls = ManualClock(), 0

    def read_j() -> float:
        nonlocal polls
        polls += 1
        if polls == 25:
            clock.advance_s(0.3)
        return counted_j(clock, 0.02)

    assert measure_period_s(read_j, clock) == pytest.approx(0.02, abs=0.002)


def test_a_step_is_dated_between_the_readings_around_it() -> None:
    """Joules are the counter's, their instant is at most half a period off, however seldom it is read."""
    clock = ManualClock()
    counter = EnergyCounter(lambda: counted_j(clock, 0.1), clock=clock, period_s=0.1)
    for wait_s in (0.013, 0.013, 0.013, 0.4, 1.0, 0.07, 2.5, 0.085, 0.099, 0.7):
        clock.advance_s(wait_s)
        reading = counter.read()
        assert reading is not None
        energy_j, stepped_s = reading
        assert abs(energy_j / WATTS - stepped_s) <= 0.05 + 1e-9
        assert stepped_s <= clock.now_s()


def test_polled_often_a_step_is_dated_well() -> None:
    """Two steps seen by close polling give the draw between them to a few per mille."""
    clock = ManualClock()
    counter = EnergyCounter(lambda: counted_j(clock, 0.1), clock=clock, period_s=0.1)
    dated: dict[float, float] = {}
    for _ in range(400):
        clock.advance_s(0.007)
        reading = counter.read()
        assert reading is not None
        dated.setdefault(*reading)
    (first_j, first_s), *_, (last_j, last_s) = list(dated.items())[1:]
    assert (last_j - first_j) / (last_s - first_s) == pytest.approx(WATTS, rel=0.005)


def test_joules_never_fall() -> None:
    """A driver that is loaded anew counts from zero: what was counted before is kept."""
    clock, shown_j = ManualClock(), iter([60.0, 3.0, 4.0, 1.0])
    counter = EnergyCounter(lambda: next(shown_j), clock=clock, period_s=0.1)
    seen = []
    for _ in range(4):
        clock.advance_s(1.0)
        reading = counter.read()
        assert reading is not None
        seen.append(reading[0])
    assert seen == [60.0, 63.0, 64.0, 65.0]


@pytest.mark.parametrize("slip_j", [999_999.999, 0.0])
def test_a_slip_is_no_start_anew(slip_j: float, caplog: pytest.LogCaptureFixture) -> None:
    """A counter that falls a little, or shows 0 once, has not begun anew: no megajoule is booked for it."""
    clock, shown_j = ManualClock(), iter([1e6, slip_j, 1e6 + 100.0, 1e6 + 200.0])
    counter = EnergyCounter(lambda: next(shown_j), clock=clock, period_s=0.1)
    seen = []
    for _ in range(4):
        clock.advance_s(1.0)
        reading = counter.read()
        assert reading is not None
        seen.append(reading[0])
    assert seen == sorted(seen)
    assert 100.0 <= seen[-1] - seen[0] <= 201.0
    assert "nothing is counted for that time" in caplog.text


def test_a_step_that_comes_late_counts_in_full(caplog: pytest.LogCaptureFixture) -> None:
    """A busy driver shows the joules of several steps at once, however often it is looked at meanwhile."""
    clock, shown = ManualClock(), [10.0]
    counter = EnergyCounter(lambda: shown[0], clock=clock, period_s=0.02)
    for _ in range(300):
        clock.advance_s(0.001)
        counter.read()
    shown[0] += 210.0
    reading = counter.read()
    assert reading is not None
    assert reading[0] == 220.0
    assert not caplog.records


def test_a_counter_that_does_not_answer_once_gives_no_joules() -> None:
    """And goes on counting where it left off."""
    clock, answers = ManualClock(), iter([1.0, None, 3.0])
    counter = EnergyCounter(lambda: next(answers), clock=clock, period_s=0.1)
    readings = [counter.read() for _ in range(3)]
    assert readings[1] is None
    assert readings[2] is not None
    assert readings[2][0] == 3.0
