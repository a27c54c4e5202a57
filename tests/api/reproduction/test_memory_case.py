"""The memory clock: what blindness costs on a grid whose laws are known."""

from __future__ import annotations

from joulecut.reproduction.memory_case import Rule, Setting, Sight, memory_rows
from joulecut_core.clocks import OperatingPoint
from tests.api.reproduction.made_up_series import board


def test_blind_governors_miss_and_aware_ones_do_not() -> None:
    """With slow memory and the slowest clock in time, a curve of the top memory clock misses; an aware one never."""
    rows = [row for row in memory_rows([board((750.0, 1500.0, 3000.0))]) if row.rule == Rule.SLOWEST.value]
    missed = {sight: [row for row in rows if row.sight == sight.value and row.missed] for sight in Sight}
    assert missed[Sight.BLIND]
    assert not missed[Sight.AWARE]
    assert all(row.expected_latency_s <= row.deadline_s < row.latency_s for row in missed[Sight.BLIND])


def test_rows_are_the_tables() -> None:
    """Given memory clocks are kept, chosen ones are the plan's; latency and joules are looked up."""
    series = board((750.0, 1500.0, 3000.0))
    rows = memory_rows([series])
    assert len({row.row for row in rows}) == len(rows) == 2 * 5 * (2 * 2 + 1)
    for row in rows:
        truth = series.at(OperatingPoint(core_mhz=row.core_mhz, memory_mhz=row.memory_mhz))
        assert (row.latency_s, row.energy_j) == (truth.latency_s, truth.energy_j)
        assert row.missed == (row.latency_s > 1.01 * row.deadline_s)
        if row.setting == Setting.GIVEN.value:
            assert row.memory_mhz != 3000.0
        elif row.sight == Sight.BLIND.value:
            assert row.memory_mhz == 3000.0
        if row.rule == Rule.LEAST_ENERGY.value and not row.missed:
            assert row.energy_excess >= -1e-12


def test_without_a_memory_clock_there_is_nothing_to_see() -> None:
    """Series with one memory clock, or none, take no part."""
    assert memory_rows([board(), board((3000.0,))]) == ()
