"""Partitioning alone, with the service level kept."""

from __future__ import annotations

from hypothesis import given

from joulecut_core.problems import Problem
from joulecut_planner.baselines import cuts
from joulecut_planner.choices.selection import pick
from tests.planner.baselines.brute_force import PROPERTY, at_top, offered
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_cuts_equal_the_contract_s_pick_at_top_clocks(problem: Problem) -> None:
    """The latency cut is the fastest, the energy cut the cheapest of what keeps the service level."""
    top = at_top(problem, offered(problem))
    assert cuts.latency_cut(problem).choice == pick(problem, top, least=lambda cost: cost.latency_s)[0]
    assert cuts.energy_cut(problem).choice == pick(problem, top)[0]
