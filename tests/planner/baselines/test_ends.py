"""Everything on one side: what may be tuned is tuned exactly, what may not stays at its top clocks."""

from __future__ import annotations

from hypothesis import given

from joulecut_core.problems import Problem
from joulecut_planner.baselines import ends
from joulecut_planner.choices.selection import pick
from tests.planner.baselines.brute_force import PROPERTY, at_top, offered
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_ends_equal_the_contract_s_pick_among_their_own_choices(problem: Problem) -> None:
    """Each of the four is the cheapest of its few choices that keeps the service level, else the nearest."""
    last, top_edge = len(problem.cuts) - 1, len(problem.edge.points) - 1
    every = offered(problem)
    own = {
        ends.all_edge: [choice for choice in at_top(problem, every) if choice.cut == last],
        ends.all_server: [choice for choice in at_top(problem, every) if choice.cut == 0],
        ends.edge_clock: [choice for choice in every if choice.cut == last],
        ends.server_clock: [choice for choice in every if choice.cut == 0 and choice.edge_point == top_edge],
    }
    for rule, among in own.items():
        decision = rule(problem)
        assert decision.choice == pick(problem, among)[0]
        assert decision.evaluated == len(among)
