"""Whole sweeps to choose points of: made-up boards, public grids, and what the planner decides on few of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_planner.fits import Measurement, fit_series
from joulecut_planner.point_choice import PlanPointChooser

SLOWER = (1.1, 1.25, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What choosing led to: the points in order, and misses and energy regrets of the decisions."""

    points: tuple[OperatingPoint, ...]
    missed: int
    regret: tuple[float, ...]


def table_of(sweep: Sequence[Measurement]) -> ClockTable:
    """The clock table that a sweep covers."""
    return ClockTable(points=tuple(m.point for m in sweep))


def replay(sweep: Sequence[Measurement], chooser: PlanPointChooser) -> Outcome:
    """Let a chooser ask for the rows of a sweep, then decide from those alone and look the decisions up in the sweep.

    Decisions are made on predictions of the fits, not on anything of the chooser's.
    """
    asked: list[OperatingPoint] = []
    known: list[Measurement] = []
    while (point := chooser.choose(asked, known).point) is not None:
        asked.append(point)
        known.append(next(m for m in sweep if m.point.matches(point)))
    predictions = fit_series(known).predict([m.point for m in sweep])
    expected = np.array([(p.latency_s, p.power_w) for p in predictions], dtype=np.float64)
    measured = np.array([(m.latency_s, m.power_w) for m in sweep], dtype=np.float64)
    joules, true_joules = expected.prod(axis=1), measured.prod(axis=1)
    missed, regret = 0, []
    for slower in SLOWER:
        deadline_s = slower * measured[:, 0].min()
        meets = expected[:, 0] <= deadline_s
        choice = int(np.where(meets, joules, np.inf).argmin()) if meets.any() else int(expected[:, 0].argmin())
        missed += bool(measured[choice, 0] > 1.01 * deadline_s)
        best_j = true_joules[measured[:, 0] <= deadline_s].min()
        regret.append(max(0.0, float(true_joules[choice] / best_j - 1.0)))
    return Outcome(points=tuple(asked), missed=missed, regret=tuple(regret))


def with_watts(sweep: Sequence[Measurement]) -> list[Measurement]:
    """The rows with the watts of a made-up board where a public file has none."""
    top_core, top_memory = max(m.core_mhz for m in sweep), max(m.memory_mhz or 1.0 for m in sweep)
    return [
        m
        if m.power_w is not None
        else replace(
            m,
            power_w=3.0
            + 2.0 * m.core_mhz / top_core
            + 4.0 * (m.core_mhz / top_core) ** 3
            + 1.5 * (m.memory_mhz or top_memory) / top_memory,
        )
        for m in sweep
    ]
