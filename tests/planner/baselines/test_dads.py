"""DADS on a chain: least delay under light load, the fastest slowest stage under heavy load."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from joulecut_core.problems import Problem, Slo
from joulecut_planner.baselines import dads
from joulecut_planner.choices.pricing import price
from tests.planner.baselines.brute_force import PROPERTY, at_top, blind_least, offered
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_both_modes_equal_their_brute_force(problem: Problem) -> None:
    """The minimum cut of a chain is its best prefix; the bottleneck is the slowest of the four stages."""
    top = at_top(problem, offered(problem))
    light = blind_least(problem, top, lambda cost: cost.latency_s)
    heavy = blind_least(problem, top, lambda cost: cost.slowest_stage_s)
    assert dads.light(problem).choice == light
    assert dads.heavy(problem).choice == heavy
    rate_hz = problem.slo.rate_hz
    if light is not None and rate_hz is not None and price(problem, light).slowest_stage_s >= 1.0 / rate_hz:
        assert dads.dads(problem).choice == heavy
    else:
        assert dads.dads(problem).choice == light


def test_dads_turns_to_throughput_when_frames_come_too_fast() -> None:
    """The same pair gets the light cut at a low rate, and the heavy one where that cut's bottleneck is too slow."""
    problem = drawn_problem(0, cuts=30, edge_points=12, server_points=6)
    light, heavy = dads.light(problem).choice, dads.heavy(problem).choice
    assert light is not None
    assert light != heavy
    bottleneck_s = price(problem, light).slowest_stage_s
    calm, busy = (replace(problem, slo=Slo(rate_hz=factor / bottleneck_s)) for factor in (0.5, 1.1))
    assert dads.dads(calm).choice == light
    assert dads.dads(busy).choice == heavy
