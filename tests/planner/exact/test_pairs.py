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


@pytest.mark.parametrize("held", [1, 10, 100_000])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_hold_each_groups_product_in_order(seed: int, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair once, by group, edge point and server point, however little fits into a block."""
    monkeypatch.setattr(module, "_BLOCK", held)
    rng = np.random.default_rng(seed)
    edge, server = rng.random((7, 5)) < 0.5, rng.random((7, 6)) < 0.5
    edge[1], server[3] = False, False
    left = Survivors.of(edge, server)
    expected = [
        (group, i, j)
        for group in range(7)
        for i, j in itertools.product(np.flatnonzero(edge[group]), np.flatnonzero(server[group]))
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
    nobody = Survivors.of(np.zeros((2, 3), dtype=np.bool_), np.ones((2, 4), dtype=np.bool_))
    assert sum(len(block) for block in nobody.blocks()) == 0


def test_one_group_and_the_others_are_all() -> None:
    """The pairs of one group apart, then those of the rest: each once, none lost."""
    rng = np.random.default_rng(4)
    survivors = Survivors.of(rng.random((5, 6)) < 0.6, rng.random((5, 7)) < 0.6)

    def listed(some: Survivors) -> list[tuple[int, ...]]:
        columns = [(pairs.group, pairs.edge_point, pairs.server_point) for pairs in some.blocks()]
        return sorted(tuple(row) for each in columns for row in np.array(each).T.tolist())

    own, others = listed(survivors.of_group(2)), listed(survivors.of_others(2))
    assert {group for group, _, _ in own} == {2}
    assert sorted(own + others) == listed(survivors)


def test_points_that_are_too_slow_fall_out() -> None:
    """Floors above the bound rule a point out; one equal to it stays."""
    everyone = Survivors.of(np.ones((1, 3), dtype=np.bool_), np.ones((1, 2), dtype=np.bool_))
    floors = PointFloors(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 2.5]]))
    left = everyone.within(floors, 2.0)
    assert left.edge.point.tolist() == [0, 1]
    assert left.server.point.tolist() == [0]
    assert left.counts().tolist() == [2]


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


def test_one_pair_costs_what_it_costs_among_many() -> None:
    """Bit for bit, and nothing comes of one that is not feasible where only such are asked for."""
    problem = drawn_problem(3, cuts=4, edge_points=3, server_points=4)
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=False)
    every, feasible = Pricer(problem, grids, feasible_only=False), Pricer(problem, grids)
    whole, kept = every.grid(groups, 2), feasible.grid(groups, 2)
    reachable = set(zip(*(np.asarray(column).tolist() for column in kept.indices[3:]), strict=True))
    assert 0 < len(reachable) < 12
    for index in range(12):
        edge_point, server_point = divmod(index, 4)
        one = every.one(groups, 2, edge_point, server_point)
        assert one is not None
        assert (one.energy_j, one.bound_s) == (whole.energy_j[index], whole.bound_s[index])
        assert (one.choice.edge_point, one.choice.server_point) == (edge_point, server_point)
        is_kept = feasible.one(groups, 2, edge_point, server_point) is not None
        assert is_kept == ((edge_point, server_point) in reachable)
