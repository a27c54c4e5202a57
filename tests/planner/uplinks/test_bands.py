"""Few bands of uplinks: every plan keeps its terms in all of its band, and costs no more than it has to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings

from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner import parse_problem, solve
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import price
from joulecut_planner.choices.variations import with_uplink
from joulecut_planner.uplinks.bands import plan_bands, widest
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import PolicyRow
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

LOWEST_BPS, HIGHEST_BPS = 1e6, 1e8


@given(problem=problems())
@settings(deadline=None, suppress_health_check=SLOW_DRAWS, max_examples=examples(40))
def test_bands_are_the_table_where_there_are_few(problem: Problem) -> None:
    """With room for all of them the plan at each uplink is the exact one."""
    assume(solve(problem).cut is not None)
    bands = plan_bands(problem, LOWEST_BPS, HIGHEST_BPS, most=1000)
    rows = break_points(problem, LOWEST_BPS, HIGHEST_BPS).rows
    assert [band.lowest_bps for band in bands] == pytest.approx([row.from_bps for row in rows], rel=1e-9)
    for band, row in zip(bands, rows, strict=True):
        assert band.plan.status == row.status
        if row.status == OPTIMAL:
            assert (band.plan.cut, band.plan.codec, band.plan.edge_clock) == (row.cut, row.codec, row.edge_clock)
            assert band.plan.energy_j == pytest.approx(row.energy_j, rel=1e-6)


def test_of_wires_that_share_a_name_the_rows_own_is_run() -> None:
    """A row names its wire; where two have that name, the plan is the one whose figures the row has."""
    problem = replace(parse_problem(small_document()), objective=Objective(server_weight=0.0))
    chosen = plan_bands(problem, LOWEST_BPS, HIGHEST_BPS)[-1].plan
    assert chosen.cut is not None
    assert chosen.server_point is not None
    cuts = list(problem.cuts)
    (wire,) = (wire for wire in cuts[chosen.cut].wires if wire.codec == chosen.codec)
    dear = replace(wire, encode_s=wire.encode_s + 1.0)
    cuts[chosen.cut] = replace(cuts[chosen.cut], wires=(dear, *cuts[chosen.cut].wires))
    twins = replace(problem, cuts=tuple(cuts))
    for band, expected in zip(
        plan_bands(twins, LOWEST_BPS, HIGHEST_BPS), plan_bands(problem, LOWEST_BPS, HIGHEST_BPS), strict=True
    ):
        assert (band.plan.status, band.plan.cut, band.plan.codec) == (
            expected.plan.status,
            expected.plan.cut,
            expected.plan.codec,
        )
        assert band.plan.energy_j == pytest.approx(expected.plan.energy_j)


@pytest.mark.parametrize("most", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_merged_bands_keep_their_terms_throughout(seed: int, most: int) -> None:
    """A band given to its neighbour is run by a plan that is in time there too, never by one that misses."""
    problem = drawn_problem(
        seed, cuts=12, edge_points=6, server_points=6, slo=Slo(latency_s=0.04, quantile=0.99, rate_hz=10.0)
    )
    every = plan_bands(problem, LOWEST_BPS, HIGHEST_BPS, most=1000)
    assert len(every) > most
    bands = plan_bands(problem, LOWEST_BPS, HIGHEST_BPS, most=most)
    assert len(bands) == most
    assert bands[0].lowest_bps == LOWEST_BPS
    ends_bps = [band.lowest_bps for band in bands[1:]] + [HIGHEST_BPS]
    for band, end_bps in zip(bands, ends_bps, strict=True):
        if band.plan.status == INFEASIBLE:
            assert solve(with_uplink(problem, np.nextafter(end_bps, 0.0))).status == INFEASIBLE
            continue
        choice = choice_of(with_uplink(problem, band.lowest_bps), band.plan)
        for uplink_bps in np.geomspace(band.lowest_bps, end_bps, 7).tolist():
            there = with_uplink(problem, uplink_bps)
            assert violated(there, price(there, choice)) == ()


def test_the_widest_of_very_many_rows() -> None:
    """An edge's tables decide how many there are: a server that looks through all for each is busy for minutes."""
    draw = np.random.default_rng(3)
    ends_bps = np.cumprod(1.0 + draw.uniform(1e-6, 1e-3, 50_000))
    none = PolicyRow(from_bps=0.5, to_bps=1.0, status=INFEASIBLE)
    some = break_points(parse_problem(small_document()), HIGHEST_BPS, HIGHEST_BPS).rows[0]
    rows = [none, *(replace(some, from_bps=low, to_bps=high) for low, high in pairwise(ends_bps.tolist()))]
    kept = widest(rows, 16)
    assert kept[:2] == rows[:2]
    assert len(kept) == 16
    thinnest = min(row.to_bps / row.from_bps for row in kept[2:])
    assert sum(row.to_bps / row.from_bps >= thinnest for row in rows[2:]) == 14
    assert kept == sorted(kept, key=lambda row: row.from_bps)


def test_plans_of_bands_can_be_found_again() -> None:
    """Whoever has problem and band has the choice's indices, by which it is priced at other uplinks."""
    problem = drawn_problem(1, cuts=8, edge_points=4, server_points=4, slo=Slo(latency_s=0.05))
    for band in plan_bands(problem, LOWEST_BPS, HIGHEST_BPS):
        there = with_uplink(problem, band.lowest_bps)
        assert choice_of(there, replace(band.plan)).cut == band.plan.cut
