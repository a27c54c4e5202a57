"""J-DOB with nobody to share a batch with: the paper's schedule for one user, priced by the problem's own tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.problems import Problem, Slo
from joulecut_planner.baselines import BASELINES
from joulecut_planner.batching import BatchingEdge, BatchingProblem, ServerClock, j_dob
from joulecut_planner.choices.pricing import price
from tests.planner.baselines.brute_force import at_top, blind_least, offered
from tests.planner.drawn_problems import drawn_problem

DEADLINES_S = (0.02, 0.04, 0.2, None)


def drawn(seed: int, latency_s: float | None) -> Problem:
    """A small pair without rate and quantile, which is all that J-DOB knows."""
    return drawn_problem(seed, cuts=8, edge_points=4, server_points=5, slo=Slo(latency_s=latency_s))


@pytest.mark.parametrize("latency_s", DEADLINES_S)
@pytest.mark.parametrize("seed", range(4))
def test_is_the_batching_policy_for_one_edge(seed: int, latency_s: float | None) -> None:
    """The very choice, at the very joules, that the policy for many edges makes of a fleet of one."""
    problem = drawn(seed, latency_s)
    fleet = BatchingProblem(
        edges=(BatchingEdge(name="only", problem=problem),), batches=(), server_clock=ServerClock.PER_BATCH
    )
    schedule, plan = j_dob(fleet), BASELINES["j-dob"].plan(problem)
    if not schedule.edges:
        assert plan.cut == blind_least(problem, at_top(problem, offered(problem)), lambda cost: cost.latency_s).cut  # type: ignore[union-attr]
        return
    (only,) = schedule.edges
    assert (plan.cut, plan.codec, plan.edge_point) == (only.cut, only.codec, only.edge_point)
    assert plan.energy_j == pytest.approx(only.energy_j, rel=1e-12)


def test_sees_neither_rate_nor_spread() -> None:
    """A rate, or a quantile, changes what its choice costs and whether it holds, never the choice."""
    alone = drawn(1, 0.04)
    asked = replace(alone, slo=Slo(latency_s=0.04, quantile=0.999, rate_hz=12.0))
    assert BASELINES["j-dob"].choose(asked) == BASELINES["j-dob"].choose(alone)


def test_decides_between_variants_by_joules() -> None:
    """Of two engines it takes the frugal one, wherever that stands in the list."""
    problem = drawn(2, 0.2)
    (variant,) = problem.variants

    def drawing(share: float, name: str) -> Problem:
        sides = (
            replace(side, busy_w=tuple(tuple(share * watts for watts in row) for row in side.busy_w))
            for side in (variant.edge, variant.server)
        )
        edge, server = sides
        return replace(problem, variants=(replace(variant, name=name, edge=edge, server=server),))

    frugal, greedy = drawing(0.5, "frugal"), drawing(1.5, "greedy")
    both = replace(problem, variants=greedy.variants + frugal.variants)
    choice = BASELINES["j-dob"].choose(both)
    assert choice is not None
    assert both.variants[choice.variant].name == "frugal"
    assert price(both, choice).energy_j == BASELINES["j-dob"].plan(frugal).energy_j


def test_serves_even_where_it_finds_no_schedule() -> None:
    """A deadline that nothing meets leaves the fastest choice at top clocks, told as infeasible."""
    problem = drawn(3, 1e-6)
    choice = BASELINES["j-dob"].choose(problem)
    assert choice == blind_least(problem, at_top(problem, offered(problem)), lambda cost: cost.latency_s)
    assert BASELINES["j-dob"].plan(problem).binding == ("latency",)
