"""CPU-DVFS: k/f and kappa f^3 fitted to a problem's tables, decided by them, priced by the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from joulecut_core.problems import EdgePoint, Problem, Table
from joulecut_planner.baselines import BASELINES
from joulecut_planner.baselines.cpu_dvfs import believed_problem, cpu_dvfs
from joulecut_planner.choices.pricing import price
from joulecut_planner.choices.selection import pick
from joulecut_planner.exact.oracle import choices
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency, fit_cpu_power
from tests.planner.baselines.brute_force import PROPERTY
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_the_choice_is_the_exhaustive_one_of_what_it_believes(problem: Problem) -> None:
    """Every choice priced with the believed tables, and the plan then priced with the true ones."""
    expected, _ = pick(believed_problem(problem), choices(problem))
    assert cpu_dvfs(problem).choice == expected
    plan = BASELINES["cpu-dvfs"].plan(problem)
    if expected is None:
        assert plan.energy_j is None
    else:
        assert plan.energy_j == price(problem, expected).energy_j


def test_laws_are_those_of_the_fit_of_profiles() -> None:
    """Row by row the multiples that `cpu_dvfs_fit` finds, idle rows left idle, and nobody draws while waiting."""
    problem = drawn_problem(3, cuts=6, edge_points=7, server_points=5)
    believed = believed_problem(problem)
    clocks = [point.core_mhz for point in problem.edge.points]
    for cut in range(1, 6):
        seconds = fit_cpu_latency(clocks, problem.variants[0].edge.time_s[cut])
        watts = fit_cpu_power(clocks, problem.variants[0].edge.busy_w[cut])
        row = zip(clocks, believed.variants[0].edge.time_s[cut], believed.variants[0].edge.busy_w[cut], strict=True)
        for clock, time_s, busy_w in row:
            assert time_s == pytest.approx(seconds.latency_s(clock), rel=1e-12)
            assert busy_w == pytest.approx(watts.power_w(clock), rel=1e-12)
    assert set(believed.variants[0].edge.time_s[0]) == {0.0}
    assert {point.wait_w for point in believed.edge.points} == {0.0}
    assert {point.idle_w for point in believed.server.points} == {0.0}
    assert believed.variants[0].edge.time_std_s == problem.variants[0].edge.time_std_s


def test_each_memory_clock_has_its_own_laws() -> None:
    """Tables that follow the laws exactly, slower and less hungry at the lower memory clock, are recovered."""
    problem = drawn_problem(3, cuts=3, edge_points=4, server_points=2)
    clocks = np.array([300.0, 600.0, 300.0, 600.0])
    slowdown = np.array([2.0, 2.0, 1.0, 1.0])
    points = tuple(
        EdgePoint(core_mhz=core, memory_mhz=memory, wait_w=3.0)
        for core, memory in zip(clocks.tolist(), (2133.0, 2133.0, 3199.0, 3199.0), strict=True)
    )
    time_s = np.outer([0.0, 0.01, 0.03], slowdown * 600.0 / clocks)
    busy_w = np.outer([5.0, 6.0, 7.0], (clocks / 600.0) ** 3 / slowdown)
    edge = replace(problem.variants[0].edge, time_s=_rows(time_s), busy_w=_rows(busy_w), time_std_s=None)
    lawful = replace(
        problem, edge=replace(problem.edge, points=points), variants=(replace(problem.variants[0], edge=edge),)
    )
    believed = believed_problem(lawful).variants[0].edge
    np.testing.assert_allclose(believed.time_s, time_s, rtol=1e-12)
    np.testing.assert_allclose(believed.busy_w, busy_w, rtol=1e-12)


def test_without_static_power_the_slowest_clock_seems_best() -> None:
    """Without a deadline the model crawls, where the measured optimum of an edge that waits dearly is higher."""
    problem = drawn_problem(5, cuts=6, edge_points=8, server_points=4)
    relaxed = replace(problem, slo=replace(problem.slo, latency_s=None, rate_hz=None))
    believer, joint = cpu_dvfs(relaxed).choice, BASELINES["joint"].choose(relaxed)
    assert believer is not None
    assert joint is not None
    assert believer.edge_point == 0
    assert BASELINES["cpu-dvfs"].plan(relaxed).energy_j > BASELINES["joint"].plan(relaxed).energy_j  # type: ignore[operator]


def _rows(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Table:
    return tuple(map(tuple, table.tolist()))
