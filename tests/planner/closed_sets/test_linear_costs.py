"""J and T as linear sums: the same numbers as the contract's own price of every choice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.closed_sets import DagProblem
from joulecut_planner.closed_sets.cut_problem import cut_problem, membership, raw_bytes
from joulecut_planner.closed_sets.enumeration import closed_sets
from joulecut_planner.closed_sets.linear_costs import CostModel
from tests.planner.closed_sets.drawn_graphs import dag_problems
from tests.thoroughness import examples


@settings(max_examples=examples(60), deadline=None)
@given(problem=dag_problems(max_blocks=5, max_points=2))
def test_linear_costs_are_the_contracts(problem: DagProblem) -> None:
    """With and without a rate, for every offloaded set, wire and pair of clocks."""
    masks = closed_sets(problem.graph, most=100)
    assert masks is not None
    cuts, model = cut_problem(problem, masks), CostModel(problem)
    for c, mask in enumerate(masks[:-1]):
        inside = membership((mask,), len(problem.graph.blocks))
        sizes = raw_bytes(problem.graph, inside)
        for w in range(len(problem.wires)):
            for j in range(len(problem.server.points)):
                energy, latency = model.energy(w, j), model.latency(w, j)
                for i in range(len(problem.edge.points)):
                    cost = price(cuts, Choice(cut=c, wire=w, variant=0, edge_point=i, server_point=j))
                    scale_j = abs(cost.edge_energy_j) + abs(cost.server_energy_j) + 1.0
                    assert energy.at(i).of(inside, sizes)[0] == pytest.approx(cost.energy_j, abs=1e-11 * scale_j)
                    assert latency.at(i).of(inside, sizes)[0] == pytest.approx(cost.latency_s, rel=1e-11)
