"""Every plan of a grid is the one that solving its point alone gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.exact.solver import solve
from joulecut_planner.uplinks.what_if import what_if
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems
from tests.thoroughness import THOROUGH, examples

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]
UPLINKS = st.lists(st.floats(4.0, 10.0).map(lambda exponent: 10.0**exponent), min_size=1, max_size=14)
DEADLINES = st.lists(st.one_of(st.none(), st.floats(0.001, 0.2)), min_size=1, max_size=3)


def answer(plan: Plan) -> Plan:
    """The plan without how it was found."""
    return replace(plan, evaluated=0, solve_s=0.0)


def solved(problem: Problem, uplink_bps: float, latency_s: float | None, downlink: Downlink) -> Plan:
    """The point solved by itself, as a problem of its own."""
    link = problem.link
    downlink_bps = link.downlink_bps * (uplink_bps / link.uplink_bps if downlink is Downlink.PROPORTIONAL else 1.0)
    return solve(
        replace(
            problem,
            link=replace(link, uplink_bps=uplink_bps, downlink_bps=downlink_bps),
            slo=replace(problem.slo, latency_s=latency_s),
        )
    )


def check(
    problem: Problem,
    uplinks_bps: Sequence[float],
    latencies_s: Sequence[float | None],
    downlink: Downlink = Downlink.FIXED,
) -> set[str]:
    """Compare a whole grid with its points; the statuses seen."""
    grid = what_if(problem, uplinks_bps=uplinks_bps, latencies_s=latencies_s, downlink=downlink)
    assert (list(grid.uplinks_bps), list(grid.latencies_s)) == (list(uplinks_bps), list(latencies_s))
    for uplink_bps, row in zip(uplinks_bps, grid.plans, strict=True):
        for latency_s, plan in zip(latencies_s, row, strict=True):
            assert answer(plan) == answer(solved(problem, uplink_bps, latency_s, downlink))
    return {plan.status for row in grid.plans for plan in row}


@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), uplinks_bps=UPLINKS, latencies_s=DEADLINES, downlink=st.sampled_from(list(Downlink)))
def test_a_sweep_equals_solving_each_point(
    problem: Problem, uplinks_bps: list[float], latencies_s: list[float | None], downlink: Downlink
) -> None:
    """On small and degenerate problems of every kind, the very same plans, infeasible points included."""
    check(problem, uplinks_bps, latencies_s, downlink)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), latencies_s=st.lists(st.floats(0.001, 0.2), min_size=16, max_size=24, unique=True))
def test_deadlines_read_off_a_front_equal_solving_each(problem: Problem, latencies_s: list[float]) -> None:
    """Many deadlines take another way, with the same ties and the same nearest choice where nothing is in time."""
    check(problem, [problem.link.uplink_bps], [None, *latencies_s])


@pytest.mark.parametrize(
    "slo",
    [
        Slo(latency_s=0.035, quantile=0.95, rate_hz=10.0),
        Slo(latency_s=0.03),
        Slo(rate_hz=15.0),
        Slo(),
        Slo(latency_s=0.02, quantile=0.99, margin="gaussian"),
    ],
)
@pytest.mark.parametrize("seed", range(2 if THOROUGH else 1))
def test_a_dense_sweep_of_realistic_tables(seed: int, slo: Slo) -> None:
    """Where spans leave few contenders, the plan is among them at every uplink."""
    problem = drawn_problem(seed, cuts=12, edge_points=18, server_points=20, slo=slo)
    check(problem, [float(bps) for bps in np.geomspace(3e5, 3e9, 90)], [slo.latency_s])


def test_a_sweep_across_the_edge_of_feasibility() -> None:
    """Without the edge to fall back on, slow uplinks are infeasible; both sides of the border are right."""
    problem = drawn_problem(4, cuts=6, edge_points=6, server_points=6, slo=Slo(latency_s=0.05, rate_hz=8.0))
    cuts = (*problem.cuts[:-1], replace(problem.cuts[-1], allowed=False))
    statuses = check(replace(problem, cuts=cuts), [float(bps) for bps in np.geomspace(1e5, 1e9, 40)], [0.05])
    assert statuses == {OPTIMAL, INFEASIBLE}


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_weights_of_zero(weights: tuple[float, float]) -> None:
    """Where energies tie the fastest is the plan at every uplink, and under every deadline."""
    problem = drawn_problem(7, cuts=5, edge_points=6, server_points=6, slo=Slo(latency_s=0.06, rate_hz=10.0))
    problem = replace(problem, objective=Objective(edge_weight=weights[0], server_weight=weights[1]))
    check(problem, [float(bps) for bps in np.geomspace(1e6, 1e9, 20)], [0.06])
    check(problem, [2e7], [float(latency_s) for latency_s in np.linspace(0.01, 0.2, 20)])


def test_order_and_repetition_do_not_matter() -> None:
    """The grid has the caller's order, and asking twice answers twice."""
    problem = drawn_problem(1, cuts=4, edge_points=4, server_points=4)
    check(problem, [1e7, 1e8, 1e7, 1e6], [0.05, None, 0.05])


def test_the_problems_own_point_is_the_default() -> None:
    """Left out, uplink and deadline are the problem's, and the answer is its plan."""
    problem = drawn_problem(1, cuts=4, edge_points=4, server_points=4)
    grid = what_if(problem)
    assert (grid.uplinks_bps, grid.latencies_s) == ((problem.link.uplink_bps,), (problem.slo.latency_s,))
    assert answer(grid.plans[0][0]) == answer(solve(problem))
    assert what_if(problem, uplinks_bps=[]).plans == ()


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_numbers_are_named_with_their_position(wrong: float) -> None:
    """A point that is no bandwidth or deadline is refused before anything is searched."""
    problem = drawn_problem(1, cuts=3, edge_points=2, server_points=2)
    with pytest.raises(ProblemError, match=r"uplinks_bps\[1\]: .*expected a finite number above 0"):
        what_if(problem, uplinks_bps=[1e6, wrong])
    with pytest.raises(ProblemError, match=r"latencies_s\[0\]"):
        what_if(problem, latencies_s=[wrong])


def test_a_number_is_no_list() -> None:
    """A single uplink or deadline is refused by its name."""
    problem = drawn_problem(3, cuts=3, edge_points=2, server_points=2)
    with pytest.raises(TypeError, match=r"^uplinks_bps: 5.0 is of type float; expected Iterable: write uplinks_bps="):
        what_if(problem, uplinks_bps=cast(Any, 5.0))
    with pytest.raises(TypeError, match=r"^latencies_s: 1 is of type int; expected Iterable: write latencies_s="):
        what_if(problem, latencies_s=cast(Any, 1))
    with pytest.raises(ProblemError, match=r"^uplinks_bps\[1\]: None; expected"):
        what_if(problem, uplinks_bps=cast(Any, [1e6, None]))
