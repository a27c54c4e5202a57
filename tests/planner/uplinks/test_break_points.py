"""Between two neighbouring break points one choice is the plan, and at each of them it changes."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.pricing import Choice, Price, price
from joulecut_planner.choices.variations import Downlink, with_uplink
from joulecut_planner.exact.solver import solve
from joulecut_planner.problem_file import parse_problem
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import PolicyRow
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import HOME_WIRE, problems
from tests.planner.small_document import small_document
from tests.thoroughness import THOROUGH, examples

UPLINKS = st.lists(st.floats(4.0, 10.0).map(lambda exponent: 10.0**exponent), max_size=8)
SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def tells(row: PolicyRow) -> tuple[object, ...]:
    """The choice in a row."""
    return (row.status, row.cut, row.codec, row.variant, row.edge_point, row.server_point)


def planned(problem: Problem, uplink_bps: float, downlink: Downlink = Downlink.FIXED) -> tuple[object, ...]:
    """The choice that solving at one uplink gives."""
    plan = solve(with_uplink(problem, uplink_bps, downlink))
    if plan.status == INFEASIBLE:
        return (INFEASIBLE, None, None, None, None, None)
    return (plan.status, plan.cut, plan.codec, plan.variant, plan.edge_point, plan.server_point)


def costs_of(problem: Problem, row: PolicyRow) -> list[Price]:
    """What the choice in a row costs; several where wires or variants share a name."""
    assert row.cut is not None
    assert row.edge_point is not None
    return [
        price(problem, Choice(cut=row.cut, wire=w, variant=v, edge_point=row.edge_point, server_point=row.server_point))
        for w, wire in enumerate(problem.cuts[row.cut].wires)
        for v, variant in enumerate(problem.variants)
        if (wire.codec, variant.name) == (row.codec, row.variant)
    ]


def is_the_plan(problem: Problem, row: PolicyRow) -> bool:
    """Whether solving gives the row's choice, or one that costs the same but for rounding."""
    plan = solve(problem)
    if INFEASIBLE in (plan.status, row.status):
        return plan.status == row.status
    assert plan.energy_j is not None
    assert plan.latency_bound_s is not None
    return any(
        not violated(problem, cost)
        and cost.energy_j <= plan.energy_j * (1 + 2e-9) + 1e-15
        and cost.latency_bound_s <= plan.latency_bound_s * (1 + 1e-12)
        for cost in costs_of(problem, row)
    )


def middle(row: PolicyRow) -> float:
    """An uplink inside a row."""
    return math.sqrt(row.from_bps * row.to_bps)


@pytest.mark.parametrize("downlink", list(Downlink))
@pytest.mark.parametrize(
    "slo",
    [
        Slo(latency_s=0.035, quantile=0.95, rate_hz=10.0),
        Slo(latency_s=0.03),
        Slo(rate_hz=15.0),
        Slo(),
        Slo(latency_s=0.02, quantile=0.99, margin="gaussian"),
    ],
)
@pytest.mark.parametrize("seed", range(2 if THOROUGH else 1))
def test_the_plan_changes_at_break_points_and_nowhere_else(seed: int, slo: Slo, downlink: Downlink) -> None:
    """Just left and right of each break point, in every row's middle and at random uplinks, solving agrees."""
    problem = drawn_problem(seed, cuts=10, edge_points=12, server_points=10, slo=slo)
    table = break_points(problem, 1e5, 1e9, downlink)
    assert (table.lowest_bps, table.highest_bps, table.downlink) == (1e5, 1e9, downlink)
    for row in table.rows:
        width = row.to_bps - row.from_bps
        for uplink_bps in (row.from_bps + 1e-4 * width, middle(row), row.to_bps - 1e-4 * width):
            assert planned(problem, uplink_bps, downlink) == tells(row)
    for before, after in pairwise(table.rows):
        assert tells(before) != tells(after)
    rng = np.random.default_rng(seed)
    for uplink_bps in 10.0 ** rng.uniform(5, 9, 60 if THOROUGH else 20):
        assert planned(problem, float(uplink_bps), downlink) == tells(table.at(float(uplink_bps)))


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), uplinks_bps=UPLINKS, downlink=st.sampled_from(list(Downlink)))
def test_any_row_holds_the_plan(problem: Problem, uplinks_bps: list[float], downlink: Downlink) -> None:
    """On small and degenerate problems of every kind, what a row says is what solving gives, up to rounding."""
    table = break_points(problem, 1e4, 1e10, downlink)
    uplinks_bps = uplinks_bps + [middle(row) for row in table.rows]
    for uplink_bps in uplinks_bps:
        row = table.at(uplink_bps)
        is_inside = row.from_bps * (1 + 1e-7) < uplink_bps < row.to_bps * (1 - 1e-7)
        assert not is_inside or is_the_plan(with_uplink(problem, uplink_bps, downlink), row)


@pytest.mark.parametrize("at_home", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_begins_at_the_very_uplink_where_something_is_feasible(seed: int, at_home: bool) -> None:
    """The first feasible row begins where solving is feasible and an ulp slower is not; the edge is too slow."""
    slo = Slo(latency_s=0.022, quantile=0.99, rate_hz=12.0) if seed % 2 else Slo(latency_s=0.02)
    problem = drawn_problem(seed, cuts=10, edge_points=6, server_points=8, slo=slo)
    problem = replace(problem, cuts=(*problem.cuts[:-1], replace(problem.cuts[-1], allowed=at_home)))
    rows = break_points(problem, 1e4, 1e11).rows
    assert [row.status for row in rows[:2]] == [INFEASIBLE, OPTIMAL]
    begins = rows[1].from_bps
    assert solve(with_uplink(problem, begins)).status == OPTIMAL
    assert solve(with_uplink(problem, math.nextafter(begins, 0.0))).status == INFEASIBLE


def between_two() -> Problem:
    """Cut 0 sends 100 kbit; cut 1 sends 50 kbit and costs 2 mJ more, and has 5 ms left to send it in.

    A radio of 1 W makes cut 1 the cheaper one where 50 kbit take more than 2 ms.
    """
    side = Wire(codec="raw", uplink_bytes=12_500.0, downlink_bytes=0.0)
    return Problem(
        slo=Slo(latency_s=0.2, rate_hz=1.0),
        link=Link(uplink_bps=1e7, downlink_bps=1e9, rtt_s=0.0, uplink_w=1.0),
        edge=Edge(points=(EdgePoint(core_mhz=600.0, memory_mhz=None, wait_w=0.0),)),
        server=Server(points=(ServerPoint(core_mhz=1000.0, memory_mhz=None),)),
        cuts=(
            ProblemCut(name="input", wires=(side,)),
            ProblemCut(name="middle", wires=(replace(side, uplink_bytes=6_250.0),)),
            ProblemCut(name="output", wires=(HOME_WIRE,), allowed=False),
        ),
        variants=(
            Variant(
                name="fp32",
                edge=SideTables(time_s=((0.0,), (0.195,), (0.3,)), busy_w=((0.0,), (0.002 / 0.195,), (1.0,))),
                server=SideTables(time_s=((0.0,), (0.0,), (0.0,)), busy_w=((0.0,), (0.0,), (0.0,))),
            ),
        ),
    )


def test_the_same_plan_at_both_ends_is_not_the_plan_in_between() -> None:
    """A choice that is better in between, and too late at the slow end, has a row of its own."""
    table = break_points(between_two(), 1e6, 1e8)
    assert [row.cut for row in table.rows] == [0, 1, 0]
    assert [row.from_bps for row in table.rows] == pytest.approx([1e6, 1e7, 2.5e7], rel=1e-6)


def test_a_row_tells_what_it_costs_where_it_costs_most() -> None:
    """J and T_q of a row are those at its slow end."""
    problem = between_two()
    for row in break_points(problem, 1e6, 1e8).rows:
        plan = solve(with_uplink(problem, row.from_bps * (1 + 1e-12)))
        assert row.energy_j == pytest.approx(plan.energy_j, rel=1e-9)
        assert row.latency_bound_s == pytest.approx(plan.latency_bound_s, rel=1e-9)


def test_infeasible_uplinks_are_a_row() -> None:
    """Below the uplink that the deadline needs, to the last bit, the table says that nothing is feasible."""
    problem = between_two()
    table = break_points(problem, 1e4, 1e8)
    assert [row.status for row in table.rows] == [INFEASIBLE, OPTIMAL, OPTIMAL, OPTIMAL]
    border_bps = table.rows[0].to_bps
    assert border_bps == pytest.approx(5e5)
    assert solve(with_uplink(problem, border_bps)).status == OPTIMAL
    assert solve(with_uplink(problem, float(np.nextafter(border_bps, 0.0)))).status == INFEASIBLE
    nowhere = break_points(problem, 1e4, 1e5)
    assert [(row.status, row.from_bps, row.to_bps) for row in nowhere.rows] == [(INFEASIBLE, 1e4, 1e5)]


def test_equal_energies_change_hands_by_speed() -> None:
    """Where joules do not count the fastest choice is the plan, so the table follows T_q alone."""
    problem = drawn_problem(7, cuts=6, edge_points=5, server_points=5, slo=Slo(latency_s=0.2))
    problem = replace(problem, objective=Objective(edge_weight=0.0, server_weight=0.0))
    table = break_points(problem, 1e5, 1e10)
    assert len(table.rows) > 2
    for row in table.rows:
        assert planned(problem, middle(row)) == tells(row)


def test_one_uplink_is_one_row() -> None:
    """A range of no width still tells its plan."""
    problem = between_two()
    table = break_points(problem, 2e7, 2e7)
    assert [(row.cut, row.from_bps, row.to_bps) for row in table.rows] == [(1, 2e7, 2e7)]
    assert table.at(2e7) is table.rows[0]


def test_wrong_ranges_are_refused() -> None:
    """A range that is upside down or not above 0 is named."""
    with pytest.raises(ProblemError, match=r"lowest_bps: 20.0; expected at most highest_bps, which is 10.0"):
        break_points(between_two(), 20.0, 10.0)
    with pytest.raises(ProblemError, match=r"lowest_bps: 0\.0"):
        break_points(between_two(), 0.0, 10.0)


def overflowing() -> dict[str, Any]:
    """A problem with one choice that has no joules: waiting and the waiting saved while computing both overflow."""
    document = small_document()
    del document["slo"]["latency_s"], document["slo"]["rate_hz"]
    document["edge"]["points"][1]["wait_w"] = 3e306
    document["cuts"][0]["wires"][1]["encode_s"] = 3e297
    document["variants"][0]["edge"]["time_s"][1][1] = 7e147
    return document


@pytest.mark.parametrize("downlink", Downlink)
def test_a_choice_whose_joules_overflow_is_nobodys_plan(downlink: Downlink) -> None:
    """The others are planned, as they are at a single uplink."""
    problem = parse_problem(overflowing())
    table = break_points(problem, 1e6, 1e8, downlink)
    for row in table.rows:
        at = with_uplink(problem, math.sqrt(row.from_bps * row.to_bps), downlink)
        assert (row.status, row.cut, row.edge_point) == (OPTIMAL, solve(at).cut, solve(at).edge_point)
