"""Prices of many choices at once are those of one choice at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.price_lists import prices
from joulecut_planner.choices.pricing import price
from joulecut_planner.exact.oracle import choices
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems
from tests.thoroughness import examples


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=problems())
def test_equal_the_price_of_each(problem: Problem) -> None:
    """Every field of every choice, at home and offloaded together, to the last bit."""
    every = list(choices(problem))
    with np.errstate(over="ignore", invalid="ignore"):
        assert prices(problem, grids_of(problem), every) == [price(problem, choice) for choice in every]


def test_of_nothing_are_none() -> None:
    """An empty front has no prices."""
    problem = drawn_problem(0, cuts=3, edge_points=2, server_points=2)
    assert prices(problem, grids_of(problem), []) == []
