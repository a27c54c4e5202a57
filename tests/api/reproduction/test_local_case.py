"""The local case on a board whose laws are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.reproduction.choosing import DEADLINE_FACTORS, TIME_WEIGHTS
from joulecut.reproduction.forecasts import Model
from joulecut.reproduction.local_case import Goal, local_rows
from joulecut_core.clocks import OperatingPoint
from tests.api.reproduction.made_up_series import board


def test_every_number_is_the_tables() -> None:
    """What was achieved is looked up at the chosen clock, and reductions are against CPU-DVFS in the same case."""
    series = board()
    rows = local_rows([series])
    assert len(rows) == len(Model) * (len(TIME_WEIGHTS) + len(DEADLINE_FACTORS))
    assert len({row.row for row in rows}) == len(rows)
    for row in rows:
        truth = series.at(OperatingPoint(core_mhz=row.core_mhz))
        cpu = next(
            each
            for each in rows
            if (each.goal, each.parameter, each.model) == (row.goal, row.parameter, Model.CPU_DVFS.value)
        )
        assert (row.latency_s, row.energy_j) == (truth.latency_s, truth.energy_j)
        assert row.time_reduction == pytest.approx(1 - row.latency_s / cpu.latency_s)
        assert row.energy_reduction == pytest.approx(1 - row.energy_j / cpu.energy_j)
        assert row.missed or row.cost_excess >= -1e-12
        if row.goal == Goal.DEADLINE.value:
            fastest_s = min(each.latency_s for each in series.points)
            assert row.missed == (row.latency_s > 1.01 * row.parameter * fastest_s)


def test_static_power_decides() -> None:
    """For energy alone kappa f^3 goes to the lowest clock, with either model of time; joulecut finds the best one."""
    rows = {row.model: row for row in local_rows([board()]) if row.goal == "weighted" and row.parameter == 0}
    assert rows["cpu-dvfs"].core_mhz == rows["han2025"].core_mhz == 100.0
    assert rows["joulecut"].core_mhz == rows["joulecut"].best_core_mhz > 500.0
    assert rows["joulecut"].time_reduction > 0.66
    assert rows["joulecut"].energy_reduction > 0.5
    assert rows["han2025"].energy_reduction == 0.0


def test_kernels_and_lower_memory_clocks_stay_out() -> None:
    """Single kernels are no networks, and the local case looks at the top memory clock alone."""
    grid = board((1000.0, 3000.0))
    assert local_rows([replace(grid, is_network=False)]) == ()
    assert {row.latency_s for row in local_rows([grid])} <= {each.latency_s for each in grid.at_memory(3000.0)}
