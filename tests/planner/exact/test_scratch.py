"""Scratch memory: never the same array twice in one search, and the same again in the next."""

from __future__ import annotations

import threading

import numpy as np

from joulecut_planner.exact.scratch import borrowed
from joulecut_planner.exact.solver import solve
from tests.planner.drawn_problems import drawn_problem


def test_arrays_of_one_search_are_apart() -> None:
    """Two arrays of one shape share no memory while the search runs, nor do those of a search within it."""
    with borrowed() as outer:
        one, other = outer.empty((3, 4)), outer.empty((3, 4))
        with borrowed() as inner:
            third = inner.empty((3, 4))
            pairs = [(one, other), (one, third), (other, third)]
            assert not any(np.shares_memory(*pair) for pair in pairs)


def test_the_next_search_takes_them_over() -> None:
    """That is what they are for; another shape, or another thread, gets memory of its own."""
    with borrowed() as first:
        array = first.empty((5, 7))
    elsewhere: list[bool] = []

    def look() -> None:
        with borrowed() as scratch:
            elsewhere.append(np.shares_memory(scratch.empty((5, 7)), array))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert elsewhere == [False]
    with borrowed() as second:
        assert not np.shares_memory(second.empty((7, 5)), array)
        assert second.empty((5, 7)) is array


def test_plans_in_between_leave_no_trace() -> None:
    """A plan is the same after others of the same and of other shapes."""
    problems = [drawn_problem(seed, cuts=9, edge_points=5, server_points=4 + seed % 2) for seed in range(6)]
    first = [solve(problem).energy_j for problem in problems]
    assert [solve(problem).energy_j for problem in reversed(problems)] == first[::-1]
