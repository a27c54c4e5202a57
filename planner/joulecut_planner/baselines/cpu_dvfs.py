"""The joint choice by somebody who believes the CPU's laws: t = k / f, P = kappa * f^3, waiting free.

Source: the model that Han, Nan, Zhou, Niu 2025 (arXiv 2502.06295) replace, see
`joulecut_planner.fits.cpu_dvfs_fit`. Here k and kappa are fitted to the rows of a problem's tables, by least
squares on relative error, so that any problem can be planned with the model; `joulecut_planner.policies`
fits them to measured profiles instead.

What the source leaves open, and the choice here:

- memory clocks: one k and one kappa for each, as elsewhere in the project;
- spread: the model has none; the tables' own is kept, so that it may plan for a quantile;
- wires and the link are known as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulecut_core.problems import EdgePoint, Problem, ServerPoint, SideTables, Table
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.exact.solver import solve

SOURCE = "the model replaced by Han et al. 2025, arXiv 2502.06295"

_NOTHING = 1e-9
"""Of a row's largest entry: relative error of less says nothing."""

_UNSET_MHZ = -1.0
"""Where a memory clock cannot be set."""


def cpu_dvfs(problem: Problem) -> Decision:
    """The least energy by the CPU's laws, exactly."""
    believed = believed_problem(problem)
    plan = solve(believed)
    return Decision(choice=None if plan.cut is None else choice_of(believed, plan), evaluated=plan.evaluated)


def believed_problem(problem: Problem) -> Problem:
    """`problem` with both sides' times and powers as the CPU's laws have them, and no draw while waiting."""
    edge, server = problem.edge, problem.server
    return replace(
        problem,
        edge=replace(edge, points=tuple(replace(point, wait_w=0.0) for point in edge.points)),
        server=replace(server, points=tuple(replace(point, idle_w=0.0) for point in server.points)),
        variants=tuple(
            replace(variant, edge=_tables(variant.edge, edge.points), server=_tables(variant.server, server.points))
            for variant in problem.variants
        ),
    )


def _tables(tables: SideTables, points: tuple[EdgePoint, ...] | tuple[ServerPoint, ...]) -> SideTables:
    core_mhz = np.array([point.core_mhz for point in points])
    share = core_mhz / core_mhz.max()
    memory_mhz = np.array([_UNSET_MHZ if point.memory_mhz is None else point.memory_mhz for point in points])
    return replace(
        tables,
        time_s=_rows(_fitted(tables.time_s, 1.0 / share, memory_mhz)),
        busy_w=_rows(_fitted(tables.busy_w, share**3, memory_mhz)),
    )


def _fitted(table: Table, law: Array, memory_mhz: Array) -> Array:
    """Each row of `table` as a multiple of `law`, one multiple for each memory clock."""
    values = np.array(table, dtype=np.float64)
    fitted = np.zeros_like(values)
    for clock in np.unique(memory_mhz):
        columns = np.flatnonzero(memory_mhz == clock)
        fitted[:, columns] = _multiples(values[:, columns], law[columns])[:, None] * law[columns]
    return fitted


def _multiples(values: Array, law: Array) -> Array:
    """The factor a of each row, minimising the sum of (a * law / value - 1)^2 over its values; 0 for a row of zeros."""
    largest = values.max(axis=1)
    scaled = values / np.where(largest > 0.0, largest, 1.0)[:, None]
    counted = scaled > _NOTHING
    ratio = np.where(counted, law, 0.0) / np.where(counted, scaled, 1.0)
    squares = (ratio * ratio).sum(axis=1)
    multiples: Array = largest * ratio.sum(axis=1) / np.where(squares > 0.0, squares, 1.0)
    return multiples


def _rows(table: Array) -> Table:
    return tuple(map(tuple, table.tolist()))
