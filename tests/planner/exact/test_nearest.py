"""Where nothing is feasible the fastest choice is found by its parts, with the contract's ties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.plans import INFEASIBLE, Plan
from joulecut_core.problems import Problem, SideTables, Slo, Table
from joulecut_planner.exact.oracle import solve_exhaustively
from joulecut_planner.exact.solver import solve
from tests.planner.adversarial_problems import adversarial_problems
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.thoroughness import examples


def answer(plan: Plan) -> Plan:
    """The plan without how it was found."""
    return replace(plan, evaluated=0, solve_s=0.0)


def hurried(problem: Problem) -> Problem:
    """The same problem with a deadline that only choices without any duration meet."""
    return replace(problem, slo=replace(problem.slo, latency_s=1e-290))


def flat(problem: Problem, *, busy_w: float | None = None) -> Problem:
    """All points and cuts alike in time, and in draw where `busy_w` is given: every offloaded choice is as fast."""

    def alike(table: Table, idle_cut: int) -> Table:
        return tuple(tuple((0.0 if cut == idle_cut else 0.01) for _ in row) for cut, row in enumerate(table))

    def drawing(tables: SideTables) -> Table:
        return tables.busy_w if busy_w is None else tuple((busy_w,) * len(row) for row in tables.busy_w)

    variant, last = problem.variants[0], len(problem.cuts) - 1
    wires = problem.cuts[0].wires[:1] * 2
    return replace(
        problem,
        cuts=(*(replace(cut, wires=wires) for cut in problem.cuts[:-1]), problem.cuts[-1]),
        variants=(
            replace(
                variant,
                edge=SideTables(time_s=alike(variant.edge.time_s, 0), busy_w=drawing(variant.edge)),
                server=SideTables(time_s=alike(variant.server.time_s, last), busy_w=drawing(variant.server)),
            ),
        ),
    )


@settings(max_examples=examples(50), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_equals_the_oracle(problem: Problem) -> None:
    """Ties in T_q are common here; the plan is the same to the last bit."""
    assert answer(solve(hurried(problem))) == answer(solve_exhaustively(hurried(problem)))


@settings(max_examples=examples(50), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems())
def test_equals_the_oracle_where_it_is_hard(problem: Problem) -> None:
    """The same where energies nearly tie, and at other magnitudes."""
    assert answer(solve(hurried(problem))) == answer(solve_exhaustively(hurried(problem)))


@pytest.mark.parametrize("busy_w", [None, 0.0, 7.0])
@pytest.mark.parametrize("rate_hz", [None, 5.0])
def test_everything_as_fast(busy_w: float | None, rate_hz: float | None) -> None:
    """Equal T_q everywhere: the least J, and the lowest indices where J is equal too."""
    problem = hurried(flat(drawn_problem(2, cuts=5, edge_points=4, server_points=5), busy_w=busy_w))
    problem = replace(problem, slo=replace(problem.slo, rate_hz=rate_hz, quantile=0.9))
    assert answer(solve(problem)) == answer(solve_exhaustively(problem))


def test_a_large_problem_is_priced_in_a_fraction() -> None:
    """161 cuts, 2 codecs, 56 x 110 clocks: the nearest too takes a few hundred of the two million choices."""
    problem = drawn_problem(3, cuts=161, edge_points=56, server_points=110, slo=Slo(latency_s=0.002, quantile=0.99))
    plan = solve(problem)
    assert plan.status == INFEASIBLE
    assert 0 < plan.evaluated < 0.001 * 161 * 2 * 56 * 110
