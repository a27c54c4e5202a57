"""The terms of the bounds that outlive a plan: below what they bound, and made once for what does not change."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Grids, grids_of
from joulecut_planner.exact.kept_terms import period_j, spread_terms
from tests.planner.drawn_problems import drawn_problem


@pytest.fixture(name="drawn")
def fixture_drawn() -> tuple[Problem, Grids]:
    """A realistic problem with its arrays."""
    problem = drawn_problem(2, cuts=6, edge_points=5, server_points=4)
    return problem, grids_of(problem)


@pytest.mark.parametrize("link_std_s", [0.0, 0.0005, 0.000507, 0.3])
def test_spreads_apart_are_never_above_the_spread(drawn: tuple[Problem, Grids], link_std_s: float) -> None:
    """T_q of every pair is at least the sum of its sides' terms, and close where spreads are least."""
    _, grids = drawn
    edge, server = grids.edge, grids.server
    terms = spread_terms(edge, server, 3.0, link_std_s)
    for row in range(1, len(edge.time_s) - 1):
        variance = edge.std_s[row][:, None] ** 2 + server.std_s[row][None, :] ** 2 + link_std_s**2
        bound_s = edge.time_s[row][:, None] + server.time_s[row][None, :] + 3.0 * np.sqrt(variance)
        apart_s = terms.edge_s[row][:, None] + terms.server_s[row][None, :] + terms.link_u[row] * link_std_s
        assert (apart_s <= bound_s * (1 + 1e-12)).all()
        assert apart_s.min() >= 0.99 * bound_s.min()


def test_a_period_is_computing_and_idling(drawn: tuple[Problem, Grids]) -> None:
    """Weighted joules of the part, and of idling whenever it does not compute."""
    _, grids = drawn
    side = grids.server
    energy_j = period_j(side, grids.idle_w, weight=2.0, idle_weight=0.5, period_s=0.1)
    expected_j = 2.0 * side.busy_w * side.time_s + 0.5 * grids.idle_w * (0.1 - side.time_s)
    np.testing.assert_allclose(energy_j, expected_j, rtol=1e-12)


def test_made_once_while_tables_and_service_level_stay(drawn: tuple[Problem, Grids]) -> None:
    """A link's spread that wanders by a per cent finds the same terms; another quantile, or another period, its own."""
    _, grids = drawn
    terms = spread_terms(grids.edge, grids.server, 3.0, 0.00050)
    assert spread_terms(grids.edge, grids.server, 3.0, 0.000505) is terms
    assert spread_terms(grids.edge, grids.server, 4.0, 0.00050) is not terms
    first = period_j(grids.edge, grids.wait_w, weight=1.0, idle_weight=1.0, period_s=0.1)
    assert period_j(grids.edge, grids.wait_w, weight=1.0, idle_weight=1.0, period_s=0.1) is first
    assert period_j(grids.edge, grids.wait_w, weight=1.0, idle_weight=1.0, period_s=0.2) is not first


def test_nobody_can_write_them(drawn: tuple[Problem, Grids]) -> None:
    """They are shared between plans, and between threads that plan."""
    _, grids = drawn
    terms = spread_terms(grids.edge, grids.server, 3.0, 0.0005)
    kept = (terms.edge_s, terms.server_s, terms.link_u)
    energy_j = period_j(grids.edge, grids.wait_w, weight=1.0, idle_weight=1.0, period_s=0.1)
    assert not any(array.flags.writeable for array in (*kept, energy_j))
