"""Many choices at once cost what each of them costs alone, and only what is on offer is among them."""

from __future__ import annotations

import pytest
from hypothesis import given

from joulecut_core.problems import EdgePoint, Problem
from joulecut_planner.baselines.candidates import candidates, top_clocks, top_point
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.pricing import Choice, price
from tests.planner.baselines.brute_force import PROPERTY, at_top, offered
from tests.planner.problem_strategies import problems


def as_choice(indices: list[int]) -> Choice:
    """A row of indices in the contract's words."""
    cut, wire, variant, edge_point, server_point = indices
    return Choice(
        cut=cut,
        wire=wire,
        variant=variant,
        edge_point=edge_point,
        server_point=None if server_point < 0 else server_point,
    )


@PROPERTY
@given(problem=problems())
def test_candidates_are_what_is_on_offer_at_its_price(problem: Problem) -> None:
    """All of the contract's choices in its order, each at the price and feasibility of pricing it alone."""
    found = candidates(
        problem, edge_points=range(len(problem.edge.points)), server_points=range(len(problem.server.points))
    )
    assert [as_choice(row) for row in found.indices.tolist()] == offered(problem)
    for index, choice in enumerate(offered(problem)):
        cost = price(problem, choice)
        assert found.latency_s[index] == cost.latency_s
        assert found.bound_s[index] == cost.latency_bound_s
        assert found.energy_j[index] == cost.energy_j
        assert found.edge_energy_j[index] == cost.edge_energy_j
        assert found.slowest_stage_s[index] == cost.slowest_stage_s
        assert bool(found.feasible[index]) is not bool(violated(problem, cost))


@PROPERTY
@given(problem=problems())
def test_top_clocks_and_cuts_restrict_the_offer(problem: Problem) -> None:
    """One pair of clocks, and only the cuts that were asked for."""
    top = at_top(problem, offered(problem))
    assert [as_choice(row) for row in top_clocks(problem).indices.tolist()] == top
    for cut in range(len(problem.cuts)):
        only = [as_choice(row) for row in top_clocks(problem, cuts=(cut,)).indices.tolist()]
        assert only == [choice for choice in top if choice.cut == cut]


@pytest.mark.parametrize(
    ("clocks", "top"),
    [
        ([(300.0, None), (900.0, None), (600.0, None)], 1),
        ([(900.0, 2133.0), (600.0, 3199.0), (800.0, 3199.0)], 2),
        ([(500.0, 665.0)], 0),
    ],
)
def test_top_is_the_highest_core_clock_at_the_highest_memory_clock(
    clocks: list[tuple[float, float | None]], top: int
) -> None:
    """A board without DVFS leaves no memory bandwidth unused, wherever its table lists the point."""
    points = [EdgePoint(core_mhz=core, memory_mhz=memory, wait_w=1.0) for core, memory in clocks]
    assert top_point(points) == top
