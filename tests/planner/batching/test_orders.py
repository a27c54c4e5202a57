"""The search for many edges: every batch takes those it saves most for, and nothing it says is too good."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from joulecut_planner.batching import BatchingProblem, ServerClock
from joulecut_planner.batching.bounds import floors
from joulecut_planner.batching.options import case_of
from joulecut_planner.batching.oracle import least_energy_j
from joulecut_planner.batching.orders import _Gain, best_in_order
from joulecut_planner.batching.runs import timed_schedule
from joulecut_planner.batching.subsets import best_of_subsets
from joulecut_planner.choices.grids import Array
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import examples

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(
    saved=arrays(np.float64, (5, 6), elements=st.one_of(st.just(-np.inf), st.floats(-2.0, 5.0))),
    capacity=arrays(np.int64, 6, elements=st.sampled_from([1, 2, 4])),
)
def test_a_slots_gain_is_its_largest_savings(saved: Array, capacity: Array) -> None:
    """Adding edges one by one gives the sum of the largest positive savings that fit, at every step."""
    gain = _Gain(capacity.astype(np.int64), np.full(6, -1.0))
    for count in range(1, 6):
        gain.add(saved[count - 1])
        for slot in range(6):
            largest = sorted(np.maximum(saved[:count, slot], 0.0), reverse=True)[: int(capacity[slot])]
            assert gain.total_j[slot] == pytest.approx(sum(largest) - 1.0)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(min_edges=2, max_edges=3), turn=st.integers(0, 5))
def test_any_order_gives_a_schedule_that_is_not_too_good(problem: BatchingProblem, turn: int) -> None:
    """What an order finds keeps every constraint and costs at least the optimum; one edge alone is solved exactly."""
    case = case_of(problem)
    points = [0]
    order = list(np.random.default_rng(turn).permutation(case.edges))
    floor_j = floors(case, points)
    found = best_in_order(case, points, order, floor_j, np.inf)
    exact = best_of_subsets(case, points, floor_j, np.inf)
    if found is None:
        return
    assert exact is not None
    energy_j, least_j = (_energy_j(problem, case.home_j, runs) for runs in (found, exact))
    assert np.isfinite(energy_j) or not np.isfinite(case.home_j).all()
    assert energy_j >= least_j * (1 - 1e-9) - 1e-15


def test_the_right_order_is_as_good_as_every_order() -> None:
    """Where batches of alike edges are best and the order keeps these together, nothing is lost to the exact search."""
    near, far = edge_problem(latency_s=0.0275, home_w=40.0), edge_problem(latency_s=0.036, home_w=40.0)
    problem = batching_problem([near, far, near, far], clock=ServerClock.PER_BATCH)
    case = case_of(problem)
    floor_j = floors(case, [0, 1])
    least_j = least_energy_j(problem)
    together = best_in_order(case, [0, 1], [0, 2, 1, 3], floor_j, np.inf)
    assert together is not None
    assert _energy_j(problem, case.home_j, together) == pytest.approx(least_j)


def test_no_batch_takes_more_than_its_tables() -> None:
    """Where everybody gains, a slot takes as many as fit and leaves the rest to another."""
    problem = batching_problem([edge_problem(rate_hz=5.0)] * 7)
    case = case_of(problem)
    found = best_in_order(case, [0], range(7), floors(case, [0]), np.inf)
    assert found is not None
    assert timed_schedule(problem, found) is not None
    assert sorted(len(run.members) for run in found) == [3, 4]


def test_a_ceiling_below_the_optimum_finds_nothing() -> None:
    """The ceiling is what a schedule has to beat: both searches say so when nothing does."""
    problem = batching_problem([edge_problem()] * 3)
    case = case_of(problem)
    floor_j, least_j = floors(case, [0]), least_energy_j(problem)
    assert best_in_order(case, [0], [0, 1, 2], floor_j, least_j * 0.99) is None
    assert best_of_subsets(case, [0], floor_j, least_j * 0.99) is None


def _energy_j(problem: BatchingProblem, home_j: Array, runs: object) -> float:
    placed = timed_schedule(problem, runs)  # type: ignore[arg-type]
    assert placed is not None
    offloaded = {member.edge for each in placed for member in each.run.members}
    return float(
        sum(cost.energy_j for each in placed for cost in each.prices)
        + sum(home_j[edge] for edge in range(len(home_j)) if edge not in offloaded)
    )
