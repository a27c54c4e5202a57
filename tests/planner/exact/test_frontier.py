"""Candidates near the least energy are kept just as long as the tie rule may still pick them."""

from __future__ import annotations

import numpy as np

from joulecut_planner.choices.grids import Indices
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.exact.frontier import Frontier, Nearest, Priced


def indices(*edge_points: int) -> tuple[Indices, ...]:
    """Choices at home that differ in their edge point."""
    points = np.array(edge_points)
    same = np.zeros_like(points)
    return (same + 2, same, same, points, same - 1)


def test_a_tie_outlives_a_faster_one_that_turns_out_too_dear() -> None:
    """A later, slightly cheaper choice moves the tolerance: the fastest tie falls out, the next fastest wins."""
    frontier = Frontier()
    frontier.offer(np.array([1.0 + 9e-10, 1.0]), np.array([1.0, 2.0]), indices(0, 1))
    best = frontier.best()
    assert best is not None
    assert best.edge_point == 0
    frontier.offer(np.array([1.0 - 5e-10]), np.array([3.0]), indices(2))
    best = frontier.best()
    assert best is not None
    assert best.edge_point == 1


def test_equal_in_both_goes_to_the_first() -> None:
    """Equal J and T_q within one offer: the lowest index stays."""
    frontier = Frontier()
    frontier.offer(np.array([1.0, 1.0, 1.0]), np.array([2.0, 1.0, 1.0]), indices(0, 1, 2))
    best = frontier.best()
    assert best is not None
    assert best.edge_point == 1


def test_nothing_offered() -> None:
    """Without candidates there is no choice."""
    frontier = Frontier()
    frontier.offer(np.array([]), np.array([]), indices())
    assert frontier.best() is None
    assert Nearest().best() is None


def test_nearest_takes_the_cheaper_of_the_fastest() -> None:
    """Least T_q first, then least J, across offers too."""
    nearest = Nearest()
    nearest.offer(np.array([5.0, 4.0, 1.0]), np.array([1.0, 1.0, 2.0]), indices(0, 1, 2))
    nearest.offer(np.array([3.0]), np.array([1.0]), indices(3))
    best = nearest.best()
    assert best is not None
    assert best.edge_point == 3


def test_one_taken_counts_as_one_offered() -> None:
    """It sets the least J, and is picked like any other."""
    frontier = Frontier()
    frontier.offer(np.array([3.0]), np.array([1.0]), indices(0))
    choice = Choice(cut=0, wire=0, variant=0, edge_point=5, server_point=0)
    frontier.take(Priced(choice=choice, energy_j=2.0, bound_s=9.0))
    assert frontier.least_j == 2.0
    assert frontier.best() == choice
