"""The energy counter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_runtime.devices.timeline import Timeline
from tests.runtime.devices.device_files import quiet_file

QUIET = quiet_file().meter
NOISY = replace(QUIET, noise=0.01, quantum_j=1e-9)


def test_counter_changes_only_at_ticks() -> None:
    """Half a period later it still shows the tick's joules and the tick's time."""
    timeline = Timeline(start_s=100.0, meter=QUIET, seed=0)
    timeline.draw(5.0, 100.034)
    assert timeline.counter().time_s == pytest.approx(100.03)
    assert timeline.counter().energy_j == pytest.approx(0.15, abs=2e-6)
    assert timeline.counter().power_w == pytest.approx(5.0)
    assert timeline.energy_j == pytest.approx(0.17)


def test_before_the_first_tick_there_is_no_power() -> None:
    """Nothing has been averaged yet."""
    timeline = Timeline(start_s=0.0, meter=QUIET, seed=0)
    timeline.draw(5.0, 0.004)
    assert timeline.counter().power_w is None
    assert timeline.counter().energy_j == 0.0


def test_power_is_the_mean_of_the_last_period() -> None:
    """2 W for 4 ms and 7 W for 6 ms are 5 W; a tick inside a stretch is where it is."""
    timeline = Timeline(start_s=0.0, meter=QUIET, seed=0)
    timeline.draw(1.0, 0.02)
    timeline.draw(2.0, 0.024)
    timeline.draw(7.0, 0.031)
    assert timeline.counter().power_w == pytest.approx(5.0)
    assert timeline.counter().energy_j == pytest.approx(0.02 + 0.05, abs=2e-6)


def test_a_leap_over_many_periods_counts_them_all() -> None:
    """An hour between two readings costs no more than one."""
    timeline = Timeline(start_s=0.0, meter=QUIET, seed=0)
    timeline.draw(3.0, 0.005)
    timeline.draw(2.0, 3600.0)
    assert timeline.counter().energy_j == pytest.approx(0.015 + 2.0 * 3599.995, abs=1e-5)
    assert timeline.counter().power_w == pytest.approx(2.0)


def test_counter_has_a_unit() -> None:
    """It shows whole quanta only."""
    timeline = Timeline(start_s=0.0, meter=replace(QUIET, quantum_j=0.1), seed=0)
    timeline.draw(5.0, 0.05)
    assert timeline.counter().energy_j == pytest.approx(0.2)


def test_errors_belong_to_the_tick_not_to_the_reader() -> None:
    """Same seed, same tick, same error, whether anybody looked in between or not; another seed, another error."""
    seldom, often, other = (Timeline(start_s=0.0, meter=NOISY, seed=seed) for seed in (3, 3, 4))
    for timeline in (seldom, often, other):
        for step in range(1, 40):
            timeline.draw(5.0, step * 0.007)
            if timeline is often:
                timeline.counter()
    assert seldom.counter() == often.counter()
    assert seldom.counter().energy_j != other.counter().energy_j


def test_errors_do_not_add_up_and_never_lower_the_counter() -> None:
    """After 1000 periods the counter is off by a share of one period's joules."""
    timeline = Timeline(start_s=0.0, meter=NOISY, seed=5)
    shown_j = []
    for tick in range(1, 1001):
        timeline.draw(5.0, tick * 0.01)
        shown_j.append(timeline.counter().energy_j)
    assert shown_j == sorted(shown_j)
    assert shown_j[-1] == pytest.approx(50.0, abs=0.05 * 0.05)
