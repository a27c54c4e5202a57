"""The arrays that the search looks at say what a run really costs, and leave out nothing that could be better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.problems import Edge, EdgePoint, SideTables
from joulecut_planner.batching import BatchingProblem
from joulecut_planner.batching.options import case_of
from joulecut_planner.batching.oracle import _offers
from joulecut_planner.batching.runs import Member, Run, ready_s, timed
from joulecut_planner.batching.slots import run_of, slots_from, slots_of, step_in
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import examples

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(max_edges=3))
def test_slots_cost_what_runs_cost(problem: BatchingProblem) -> None:
    """A lone edge in a slot costs what the run costs when the server is free at the slot's start."""
    case, tables = case_of(problem), problem.tables()
    slots = slots_of(case, list(range(len(problem.server_points))))
    assert np.all(np.diff(slots.end_s) >= 0)
    for slot in range(0, slots.start_s.size, 7):
        for edge in np.flatnonzero(np.isfinite(slots.cost_j[:, slot])).tolist():
            run = run_of(case, step_in(slots, slot, [edge]))
            placed = timed(problem, tables, run, float(slots.start_s[slot]))
            assert placed is not None
            assert placed.end_s == pytest.approx(float(slots.end_s[slot]))
            expected_j = slots.cost_j[edge, slot] + slots.batch_j[slot]
            assert placed.prices[0].energy_j == pytest.approx(expected_j, rel=1e-9, abs=1e-12)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(max_edges=1, max_points=3), free_s=st.floats(0.0, 0.06))
def test_no_option_is_better_than_the_slots_say(problem: BatchingProblem, free_s: float) -> None:
    """Options that were left out as dominated cost no less, at any time at which the server may come free."""
    case, tables = case_of(problem), problem.tables()
    points = list(range(len(problem.server_points)))
    ready, now = slots_of(case, points), slots_from(case, points, free_s)
    for cut in range(problem.last_cut):
        for offer in _offers(problem, 0, cut):
            for point in points:
                run = Run(cut=cut, server_point=point, size=0, members=(Member(**_fields(offer)),))
                placed = timed(problem, tables, run, free_s)
                if placed is None:
                    continue
                assert placed.start_s == max(free_s, ready_s(problem, cut, offer))
                costs_j = [
                    (slots.cost_j[0] + slots.batch_j)[
                        (slots.cut == cut)
                        & (slots.server_point == point)
                        & (slots.size == 0)
                        & (slots.start_s >= free_s)
                        & (slots.end_s <= placed.end_s * (1 + 1e-12))
                    ]
                    for slots in (ready, now)
                ]
                assert np.concatenate(costs_j).min() <= placed.prices[0].energy_j * (1 + 1e-9) + 1e-12


def test_a_low_waiting_draw_is_kept_for_late_starts() -> None:
    """By hand: cheap to compute but dear to wait at, 5 W; worth it at once, beaten by 1 W when the server is late."""
    own = edge_problem(latency_s=None)
    (variant,) = own.variants
    points = tuple(EdgePoint(core_mhz=600.0, memory_mhz=None, wait_w=wait_w) for wait_w in (5.0, 1.0))
    heads = SideTables(time_s=((0.0, 0.0), (0.02, 0.02), (0.04, 0.04)), busy_w=((0.0, 0.0), (2.0, 5.0), (20.0, 20.0)))
    two = replace(own, edge=Edge(points=points), variants=(replace(variant, edge=heads),))
    case = case_of(batching_problem([two]))
    assert case.options[0][1].edge_point.tolist() == [0, 1]
    for free_s, expected_j in ((0.03, 0.02 * 2 + 0.015 * 5), (0.13, 0.02 * 5 + 0.115 * 1)):
        slots = slots_from(case, [0], free_s)
        at_middle = slots.cost_j[0][(slots.cut == 1) & (slots.size == 0)]
        assert at_middle == pytest.approx([expected_j])


def _fields(member: Member) -> dict[str, int]:
    return {"edge": member.edge, "wire": member.wire, "edge_point": member.edge_point}
