"""Groups come in the contract's order, can be taken out, and know which of them follow a choice."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import Groups, groups_of
from joulecut_planner.exact.oracle import choices
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.thoroughness import examples


def triples(groups: Groups) -> list[tuple[int, int, int]]:
    """Cut, wire and variant of each group."""
    return list(zip(groups.cut.tolist(), groups.wire.tolist(), groups.variant.tolist(), strict=True))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_order(problem: Problem) -> None:
    """Sorted by cut, wire, variant; those that follow a choice are those with greater indices."""
    groups = groups_of(problem, grids_of(problem), keep_rate=False)
    assert triples(groups) == sorted(triples(groups))
    for choice in choices(problem):
        own = choice.cut, choice.wire, choice.variant
        assert groups.follow(choice).tolist() == [each > own for each in triples(groups)]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_some_of_the_groups(problem: Problem) -> None:
    """Taken out, a group keeps everything it was."""
    groups = groups_of(problem, grids_of(problem), keep_rate=False)
    kept = np.arange(0, len(groups), 2)
    some = groups.only(kept)
    assert triples(some) == triples(groups)[::2]
    np.testing.assert_array_equal(some.between_s, groups.between_s[kept])
    np.testing.assert_array_equal(some.carried_j, groups.carried_j[kept])
    assert [some.crossing_at(index) for index in range(len(some))] == [groups.crossing_at(int(each)) for each in kept]
