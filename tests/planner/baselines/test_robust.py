"""Robust partitioning: the closed form against a fine grid of clocks, and what the method fixes stays fixed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner.baselines import BASELINES
from joulecut_planner.baselines.robust import RelaxedPlan, relaxed_plan, robust
from joulecut_planner.choices.pricing import Choice, crossing_of
from tests.planner.baselines.brute_force import PROPERTY, at_top, offered
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems


def device_at(problem: Problem, choice: Choice, lower: int, upper: int, share: float) -> tuple[float, float]:
    """E_edge and mean + Cantelli's margin between two edge points, from the contract's terms written out."""
    tables, q = problem.variants[choice.variant].edge, problem.slo.quantile

    def between(values: tuple[float, ...]) -> float:
        return values[lower] + share * (values[upper] - values[lower])

    time_s, busy_w = between(tables.time_s[choice.cut]), between(tables.busy_w[choice.cut])
    std_s = 0.0 if tables.time_std_s is None else between(tables.time_std_s[choice.cut])
    wait_w = between(tuple(point.wait_w for point in problem.edge.points))
    rest_s, variance_s2, carried_j = 0.0, 0.0, 0.0
    if choice.server_point is not None:
        server, link = problem.variants[choice.variant].server, problem.link
        wire = crossing_of(problem.cuts[choice.cut].wires[choice.wire], link)
        stages_s = (wire.encode_s, wire.t_up, wire.rtt_s, wire.decode_s, wire.t_down)
        rest_s = float(sum(stages_s)) + server.time_s[choice.cut][choice.server_point]
        spread_s = 0.0 if server.time_std_s is None else server.time_std_s[choice.cut][choice.server_point]
        variance_s2 = spread_s**2 + link.latency_std_s**2
        carried_j = float(wire.encode_w * wire.encode_s + wire.uplink_w * wire.t_up + wire.downlink_w * wire.t_down)
    horizon_s = time_s + rest_s if problem.slo.rate_hz is None else 1.0 / problem.slo.rate_hz
    energy_j = wait_w * horizon_s + (busy_w - wait_w) * time_s + carried_j
    z = 0.0 if q is None else math.sqrt(q / (1.0 - q))
    return energy_j, time_s + rest_s + z * math.sqrt(std_s**2 + variance_s2)


def neighbours(problem: Problem) -> list[tuple[int, int]]:
    """Every point with the next faster one at its memory clock, if there is one, else with itself."""
    pairs = []
    for index, point in enumerate(problem.edge.points):
        faster = [
            (other.core_mhz, k)
            for k, other in enumerate(problem.edge.points)
            if other.memory_mhz == point.memory_mhz and other.core_mhz > point.core_mhz
        ]
        pairs.append((index, min(faster)[1] if faster else index))
    return pairs


def grid_least_j(problem: Problem, steps: int = 40) -> float:
    """The least E_edge over a fine grid of clocks that meet the deadline; infinite where none does."""
    latest_s = math.inf if problem.slo.latency_s is None else problem.slo.latency_s
    least_j = math.inf
    for choice in at_top(problem, offered(problem)):
        for lower, upper in neighbours(problem):
            for step in range(steps + 1):
                energy_j, bound_s = device_at(problem, choice, lower, upper, step / steps)
                if bound_s <= latest_s:
                    least_j = min(least_j, energy_j)
    return least_j


def check_own_terms(problem: Problem, plan: RelaxedPlan) -> None:
    """The relaxed plan's energy and bound are those of its own clock."""
    energy_j, bound_s = device_at(problem, plan.choice, plan.lower, plan.upper, plan.share)
    assert plan.edge_energy_j == pytest.approx(energy_j, rel=1e-9, abs=1e-12)
    assert plan.bound_s == pytest.approx(bound_s, rel=1e-9, abs=1e-12)


@PROPERTY
@given(problem=problems(max_cuts=3, max_points=3))
def test_no_clock_of_a_fine_grid_is_cheaper(problem: Problem) -> None:
    """The relaxed plan meets the deadline, and no sampled clock that does costs less; none does where it says so."""
    plan, least_j = relaxed_plan(problem), grid_least_j(problem)
    if plan is None:
        assert not offered(problem)
        return
    check_own_terms(problem, plan)
    if plan.timely:
        assert problem.slo.latency_s is None or plan.bound_s <= problem.slo.latency_s * (1.0 + 2e-7)
        assert plan.edge_energy_j <= least_j + 1e-6 * abs(least_j) + 1e-12
    else:
        assert least_j == math.inf


@PROPERTY
@given(problem=problems(max_cuts=3, max_points=3))
def test_the_clock_is_rounded_up_and_the_server_stays_at_the_top(problem: Problem) -> None:
    """What it fixes: the server's top clock; what it cannot set: a clock between two real ones."""
    plan, choice = relaxed_plan(problem), robust(problem).choice
    if plan is None or choice is None:
        assert (plan, choice) == (None, None)
        return
    assert choice == plan.choice
    assert choice.edge_point == (plan.lower if plan.share <= 1e-9 else plan.upper)
    assert choice.server_point in (None, len(problem.server.points) - 1)
    assert problem.cuts[choice.cut].allowed


@PROPERTY
@given(problem=problems(max_cuts=3, max_points=4), memory_mhz=st.lists(st.sampled_from([665.0, 2133.0]), min_size=4))
def test_memory_clocks_are_never_mixed(problem: Problem, memory_mhz: list[float]) -> None:
    """Between two memory clocks there is nothing to interpolate; within one its points count in the order of clocks."""
    points = tuple(
        replace(point, memory_mhz=memory, core_mhz=1000.0 - point.core_mhz)
        for point, memory in zip(problem.edge.points, memory_mhz, strict=False)
    )
    mixed = replace(problem, edge=replace(problem.edge, points=points))
    plan, least_j = relaxed_plan(mixed), grid_least_j(mixed, steps=10)
    if plan is None:
        return
    assert (plan.lower, plan.upper) in {*neighbours(mixed), (plan.upper, plan.upper)}
    check_own_terms(mixed, plan)
    if plan.timely:
        assert plan.edge_energy_j <= least_j + 1e-6 * abs(least_j) + 1e-12
    else:
        assert least_j == math.inf


def test_the_deadline_is_met_exactly_between_two_clocks() -> None:
    """Where slower is cheaper the continuous clock uses the whole deadline, and the real one above keeps it."""
    problem = drawn_problem(1, cuts=30, edge_points=12, server_points=6)
    plan = relaxed_plan(
        replace(
            problem, link=replace(problem.link, uplink_bps=3e6), slo=Slo(latency_s=0.06, quantile=0.95, rate_hz=10.0)
        )
    )
    assert plan is not None
    assert 0.0 < plan.share < 1.0
    assert plan.bound_s == pytest.approx(0.06, rel=1e-9)


def test_only_the_device_s_joules_count() -> None:
    """The server's weight moves the joint plan and never this one."""
    problem = drawn_problem(4, cuts=30, edge_points=8, server_points=8)
    weights = [Objective(server_weight=weight) for weight in (0.0, 1.0, 10.0)]
    assert len({robust(replace(problem, objective=objective)).choice for objective in weights}) == 1


def test_its_margin_is_cantelli_s_whatever_the_problem_s() -> None:
    """With a Gaussian service level it is more careful than it needs to be, and pays for it."""
    problem = drawn_problem(0, cuts=30, edge_points=12, server_points=6)
    cantelli = replace(
        problem,
        objective=Objective(server_weight=0.0),
        link=replace(problem.link, uplink_bps=3e7),
        slo=replace(problem.slo, latency_s=0.02),
    )
    gaussian = replace(cantelli, slo=replace(cantelli.slo, margin="gaussian"))
    assert robust(gaussian).choice == robust(cantelli).choice
    careful, joint = BASELINES["robust"].plan(gaussian), BASELINES["joint"].plan(gaussian)
    assert careful.latency_bound_s is not None
    assert joint.energy_j is not None
    assert careful.energy_j is not None
    assert careful.energy_j > 1.2 * joint.energy_j


def test_without_spread_it_needs_no_margin() -> None:
    """With nothing uncertain the bound is the mean, for any quantile."""
    problem = drawn_problem(1, cuts=10, edge_points=5, server_points=4)
    variant = problem.variants[0]
    certain = replace(
        problem,
        link=replace(problem.link, latency_std_s=0.0),
        variants=(
            replace(
                variant,
                edge=replace(variant.edge, time_std_s=None),
                server=replace(variant.server, time_std_s=None),
            ),
        ),
    )
    plans = [relaxed_plan(replace(certain, slo=replace(certain.slo, quantile=q))) for q in (None, 0.9, 0.999)]
    assert plans[0] is not None
    for plan in plans[1:]:
        assert plan is not None
        assert plan.choice == plans[0].choice
        np.testing.assert_allclose(plan.edge_energy_j, plans[0].edge_energy_j, rtol=1e-6)
