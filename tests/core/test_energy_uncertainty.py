"""How sure a window of a meter is: by when its ticks were noticed, and by how its parts differ."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from joulecut_core.energy import EnergyReading, EnergyWindow, window_between, window_through


def _readings(*powers_w: float, late_s: float = 0.0) -> list[EnergyReading]:
    """A reading each second, and the joules that these draws made until then."""
    energies_j = [math.fsum(powers_w[:index]) for index in range(len(powers_w) + 1)]
    return [
        EnergyReading(time_s=float(index), energy_j=energy_j, late_s=late_s)
        for index, energy_j in enumerate(energies_j)
    ]


def test_late_ticks_are_rectangular() -> None:
    """Each end lies anywhere within its lateness: d/√12 by the GUM, added in squares, times the draw."""
    begin = EnergyReading(time_s=0.0, energy_j=0.0, late_s=0.03)
    end = EnergyReading(time_s=2.0, energy_j=20.0, late_s=0.04)
    window = window_between(begin, end)
    assert window.uncertainty_j == pytest.approx(10.0 * 0.05 / math.sqrt(12))
    assert window.power_std_w == pytest.approx(window.uncertainty_j / 2.0)


def test_a_meter_that_stamps_its_ticks_has_no_lateness() -> None:
    """Two stamped readings of a steady draw are exact as far as the meter goes."""
    assert window_through(_readings(7.0, 7.0, 7.0)) == EnergyWindow(duration_s=3.0, energy_j=21.0)


def test_parts_that_differ_are_the_standard_error_of_their_mean() -> None:
    """For parts of one length it is the textbook's s/√n, here of 6, 8 and 10 W: 2/√3 W."""
    window = window_through(_readings(6.0, 8.0, 10.0))
    assert window.power_w == pytest.approx(8.0)
    assert window.power_std_w == pytest.approx(2.0 / math.sqrt(3))


def test_parts_that_agree_do_not_make_late_ticks_certain() -> None:
    """What the two ends may be off stays, whatever the parts in between say."""
    window = window_through(_readings(8.0, 8.0, 8.0, late_s=0.1))
    assert window.power_std_w == pytest.approx(8.0 * 0.1 * math.sqrt(2) / math.sqrt(12) / 3.0)


def test_a_tick_in_between_noticed_late_is_not_counted_against_the_whole() -> None:
    """It moves joules from one part to the next; the whole is as sure as its ends."""
    begin, end = (EnergyReading(time_s=time_s, energy_j=8.0 * time_s) for time_s in (0.0, 2.0))
    noticed = EnergyReading(time_s=1.02, energy_j=8.0, late_s=0.1)
    assert window_through([begin, noticed, end]).uncertainty_j == 0.0
    assert window_through([begin, replace(noticed, late_s=0.0), end]).uncertainty_j > 0.1


def test_one_part_cannot_be_judged_by_itself() -> None:
    """Two readings have one draw between them: only their ends are uncertain."""
    begin, end = _readings(8.0, late_s=0.1)
    assert window_through([begin, end]) == window_between(begin, end)
