"""A varied problem is the one that would have been made with the other link or deadline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import ProblemError
from joulecut_planner.choices.variations import Downlink, with_deadline, with_uplink
from tests.planner.drawn_problems import drawn_problem


def test_it_equals_the_problem_made_anew() -> None:
    """Only what is varied differs; the tables are the very same objects, and the original stays as it is."""
    problem = drawn_problem(1, cuts=3, edge_points=2, server_points=2)
    link, before = problem.link, replace(problem)
    assert with_uplink(problem, 5e6) == replace(problem, link=replace(link, uplink_bps=5e6))
    doubled = replace(link, uplink_bps=2 * link.uplink_bps, downlink_bps=2 * link.downlink_bps)
    assert with_uplink(problem, 2 * link.uplink_bps, Downlink.PROPORTIONAL) == replace(problem, link=doubled)
    for latency_s in (None, 0.5):
        varied = with_deadline(problem, latency_s)
        assert varied == replace(problem, slo=replace(problem.slo, latency_s=latency_s))
        assert varied.variants is problem.variants
    assert problem == before


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_numbers_are_refused(wrong: float) -> None:
    """What a problem refuses, a variation refuses."""
    problem = drawn_problem(1, cuts=3, edge_points=2, server_points=2)
    with pytest.raises(ProblemError, match=r"uplink_bps: .*expected a finite number above 0"):
        with_uplink(problem, wrong)
    with pytest.raises(ProblemError, match=r"latency_s: .*expected a finite number above 0"):
        with_deadline(problem, wrong)
