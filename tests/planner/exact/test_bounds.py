"""Bounds hold for every choice at every price of lateness, whether groups are bounded together or one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.problems import Problem, Slo
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.exact.bounds import relax, relax_rows
from joulecut_planner.exact.pairs import Pricer
from tests.planner.adversarial_problems import adversarial_problems
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS
from tests.thoroughness import examples


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems(), price_w=st.sampled_from([0.0, 1e-3, 1.0, 50.0, 1e6]))
def test_no_feasible_choice_costs_less_than_its_bound(problem: Problem, price_w: float) -> None:
    """J >= bound for every feasible choice, with no more allowance than the bounds take for rounding themselves."""
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    if not len(groups):
        return
    price_w = price_w if problem.slo.latency_s is not None else 0.0
    pricer = Pricer(problem, grids)
    with np.errstate(over="ignore", invalid="ignore"):
        bounds = [relaxed(problem, grids, groups).lower_j(price_w) for relaxed in (relax, relax_rows)]
    for group in range(len(groups)):
        least_j = pricer.grid(groups, group).energy_j.min(initial=np.inf)
        for lower_j in bounds:
            assert not lower_j[group] > least_j * (1.0 + 1e-9)


@pytest.mark.parametrize("slo", [None, Slo(latency_s=0.04, quantile=0.9), Slo(rate_hz=20.0), Slo()])
def test_one_by_one_is_no_looser(slo: Slo | None) -> None:
    """A group by itself is bounded at least as high as together with others, and close to what it really costs."""
    problem = drawn_problem(4, cuts=6, edge_points=9, server_points=8, slo=slo)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    alone, together = relax(problem, grids, groups).lower_j(0.0), relax_rows(problem, grids, groups).lower_j(0.0)
    assert (alone >= together * (1 - 1e-12)).all()
    free = drawn_problem(4, cuts=6, edge_points=9, server_points=8, slo=Slo(rate_hz=slo.rate_hz if slo else 10.0))
    least_j = [Pricer(free, grids).grid(groups, group).energy_j.min() for group in range(len(groups))]
    if slo is None or slo.rate_hz is not None:
        np.testing.assert_allclose(alone, least_j, rtol=1e-9)


def test_some_of_the_groups() -> None:
    """Terms of some groups bound them as the whole does."""
    problem = drawn_problem(5, cuts=6, edge_points=9, server_points=8)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    whole = relax_rows(problem, grids, groups)
    kept = np.array([1, 4, 5])
    np.testing.assert_array_equal(whole.only(kept).lower_j(7.0), whole.lower_j(7.0)[kept])
