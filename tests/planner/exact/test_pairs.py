"""Pairs of points within groups: each group's own product, in order, in blocks; priced as whole grids are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.exact import pairs as module
from joulecut_planner.exact.floors import PointFloors
from joulecut_planner.exact.pairs import Pairs, Pricer, Survivors
from tests.planner.drawn_problems import drawn_problem


def survivors(seed: int, groups: int = 7, edge_points: int = 5, server_points: int = 6) -> Survivors:
    """Random masks, some groups without any point on one side."""
    rng = np.random.default_rng(seed)
    edge, server = rng.random((groups, edge_points)) < 0.5, rng.random((groups, server_points)) < 0.5
    edge[1], server[3] = False, False
    return Survivors(edge, server)


@pytest.mark.parametrize("held", [1, 10, 100_000])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_hold_each_groups_product_in_order(seed: int, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair once, by group, edge point and server point, however little fits into a block."""
    monkeypatch.setattr(module, "_BLOCK", held)
    left = survivors(seed)
    expected = [
        (group, i, j)
        for group in range(7)
        for i, j in itertools.product(np.flatnonzero(left.edge[group]), np.flatnonzero(left.server[group]))
    ]
    blocks = list(left.blocks())
    found = [
        triple
        for block in blocks
        for triple in zip(block.group.tolist(), block.edge_point.tolist(), block.server_point.tolist(), strict=True)
    ]
    assert found == expected
    assert int(left.counts().sum()) == len(expected)
    assert all(len(block) <= max(held, 30) for block in blocks)


def test_nobody_survives() -> None:
    """No points, no pairs."""
    nobody = Survivors(np.zeros((2, 3), dtype=np.bool_), np.ones((2, 4), dtype=np.bool_))
    assert sum(len(block) for block in nobody.blocks()) == 0


def test_points_that_are_too_slow_fall_out() -> None:
    """Floors above the bound rule a point out; one equal to it stays."""
    everyone = Survivors(np.ones((1, 3), dtype=np.bool_), np.ones((1, 2), dtype=np.bool_))
    floors = PointFloors(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 2.5]]))
    left = everyone.within(floors, 2.0)
    assert left.edge.tolist() == [[True, True, False]]
    assert left.server.tolist() == [[True, False]]


def test_pairs_cost_what_they_cost_in_their_grid() -> None:
    """One price however choices are put together, bit for bit, and every one counted."""
    problem = drawn_problem(3, cuts=4, edge_points=3, server_points=4)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=False)
    pricer = Pricer(problem, grids, feasible_only=False)
    whole = pricer.grid(groups, 2)
    edge_point, server_point = np.divmod(np.arange(12), 4)
    pairs = pricer.offloaded(groups, Pairs(np.full(12, 2), edge_point, server_point))
    np.testing.assert_array_equal(whole.energy_j, pairs.energy_j)
    np.testing.assert_array_equal(whole.bound_s, pairs.bound_s)
    np.testing.assert_array_equal(np.stack(whole.indices), np.stack(pairs.indices))
    assert pricer.priced == 24
