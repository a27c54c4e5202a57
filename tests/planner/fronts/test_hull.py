"""Where the two sides are not coupled, the hull's choices are each group's best at a price of time."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.problems import Slo
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import edge_part, groups_of, price_many, server_part
from joulecut_planner.exact.bounds import relax_rows
from joulecut_planner.fronts.hull import Hull
from joulecut_planner.fronts.pareto import front_of
from joulecut_planner.fronts.staircase import Steps
from tests.planner.drawn_problems import drawn_problem

TIMELESS = Slo(rate_hz=10.0)
"""With a rate H is the period, so neither side waits for the other."""


@pytest.mark.parametrize("seed", range(3))
def test_ends_are_the_cheapest_and_the_fastest_of_each_group(seed: int) -> None:
    """No pair of points in a group costs less than the first, none is faster than the second."""
    problem = drawn_problem(seed, cuts=6, edge_points=7, server_points=5, slo=TIMELESS)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    cheapest, fastest = Hull(relax_rows(problem, grids, groups)).ends()
    for group in range(len(groups)):
        row = int(groups.row[group])
        edge, server = edge_part(grids, row, np.repeat(np.arange(7), 5)), server_part(grids, row, np.tile(range(5), 7))
        costs = price_many(problem, edge, server, groups.crossing_at(group))
        pairs = [members.edge_point[group] * 5 + members.server_point[group] for members in (cheapest, fastest)]
        assert costs.energy_j[pairs[0]] == pytest.approx(costs.energy_j[costs.feasible].min(), rel=1e-12)
        assert costs.bound_s[pairs[1]] == pytest.approx(costs.bound_s[costs.feasible].min(), rel=1e-12)


def test_lies_between_the_ends_of_a_front() -> None:
    """Prices from flat to steep give one choice of each group each; a front of one step has no slope to go by."""
    problem = drawn_problem(0, cuts=6, edge_points=7, server_points=5, slo=TIMELESS)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    hull, front = Hull(relax_rows(problem, grids, groups)), front_of(problem).steps
    between = list(hull.between(front))
    assert len({tuple(members.edge_point.tolist()) for members in between}) > 1
    assert all(len(members) == len(groups) for members in between)
    assert list(hull.between(Steps(front.bound_s[:1], front.energy_j[:1], front.rank[:1]))) == []


def test_saves_pricing() -> None:
    """A front among 63,000 choices is found by pricing less than a twelfth of them."""
    problem = drawn_problem(0, cuts=41, edge_points=20, server_points=40, slo=TIMELESS)
    assert front_of(problem).evaluated < grids_of(problem).choices / 12
