"""The fast solver answers what pricing every choice answers, and keeps the contract's rules of ties and nearness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_core.problems import EdgePoint, Objective, Problem, SideTables, Slo, Table
from joulecut_planner.exact.oracle import solve_exhaustively
from joulecut_planner.exact.solver import solve
from joulecut_planner.policies import Policy, plan_choices
from joulecut_planner.problem_file import parse_problem
from tests.planner.adversarial_problems import adversarial_problems
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples


def answer(plan: Plan) -> Plan:
    """The plan without how it was found."""
    return replace(plan, evaluated=0, solve_s=0.0)


def small_problem() -> Problem:
    """The small problem without a service level and with the plain sum of energies."""
    problem = parse_problem(small_document())
    return replace(problem, slo=Slo(), objective=Objective(), max_accuracy_loss=0.0)


def with_edge_tables(problem: Problem, time_s: Table, busy_w: Table) -> Problem:
    """The problem with other edge parts, without spread."""
    variant = replace(problem.variants[0], edge=SideTables(time_s=time_s, busy_w=busy_w))
    return replace(problem, variants=(variant,))


@settings(max_examples=examples(200), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_equals_the_oracle(problem: Problem) -> None:
    """On small and degenerate problems of every kind, the very same plan, to the last bit."""
    assert answer(solve(problem)) == answer(solve_exhaustively(problem))


@settings(max_examples=examples(200), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems())
def test_equals_the_oracle_where_it_is_hard(problem: Problem) -> None:
    """Bounds met within the tolerance, energies that nearly tie, terms that cancel, other magnitudes: the same plan."""
    assert answer(solve(problem)) == answer(solve_exhaustively(problem))


@pytest.mark.parametrize(
    "slo",
    [
        None,
        Slo(),
        Slo(latency_s=0.03),
        Slo(latency_s=0.03, quantile=0.95, margin="gaussian"),
        Slo(rate_hz=20.0),
        Slo(rate_hz=60.0, latency_s=0.05),
        Slo(latency_s=0.004),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_oracle_on_realistic_tables(seed: int, slo: Slo | None) -> None:
    """Where bounds really prune, nothing that matters is pruned."""
    problem = drawn_problem(seed, cuts=5, edge_points=7, server_points=9, slo=slo)
    assert answer(solve(problem)) == answer(solve_exhaustively(problem))


@pytest.mark.parametrize("quantile", [None, 0.95])
@pytest.mark.parametrize("seed", range(6))
def test_a_deadline_met_exactly_is_met(seed: int, quantile: float | None) -> None:
    """The slowest choice that a deadline allows is not lost to rounding or to a bound that is a little too tight."""
    problem = drawn_problem(
        seed, cuts=4, edge_points=6, server_points=6, slo=Slo(latency_s=0.05, quantile=quantile, rate_hz=5.0)
    )
    bound_s = solve(problem).latency_bound_s
    assert bound_s is not None
    exact = replace(problem, slo=replace(problem.slo, latency_s=bound_s))
    assert answer(solve(exact)) == answer(solve_exhaustively(exact))


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_weights_of_zero(weights: tuple[float, float]) -> None:
    """With a side that does not count, many choices tie, and the fastest of them wins."""
    problem = drawn_problem(7, cuts=5, edge_points=6, server_points=6, slo=Slo(latency_s=0.06, rate_hz=10.0))
    problem = replace(problem, objective=Objective(edge_weight=weights[0], server_weight=weights[1]))
    assert answer(solve(problem)) == answer(solve_exhaustively(problem))


@pytest.mark.parametrize(
    "slo",
    [
        None,
        Slo(latency_s=0.02, quantile=0.99, rate_hz=10.0),
        Slo(latency_s=0.5, quantile=0.99, rate_hz=10.0),
        Slo(latency_s=0.04),
        Slo(rate_hz=30.0),
        Slo(),
    ],
)
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_a_large_problem_is_priced_in_a_fraction(slo: Slo | None, weights: tuple[float, float]) -> None:
    """161 cuts, 2 codecs, 56 x 110 clocks: less than a hundredth is priced, whatever the service level, ties or not."""
    problem = drawn_problem(3, cuts=161, edge_points=56, server_points=110, slo=slo)
    plan = solve(replace(problem, objective=Objective(edge_weight=weights[0], server_weight=weights[1])))
    assert plan.status == OPTIMAL
    assert 0 < plan.evaluated < 0.01 * 161 * 2 * 56 * 110


def test_one_group_first_where_many_pairs_are_left() -> None:
    """Where bounds led to pairs that the spread makes late, one group lowers what the others are held against."""
    slo = Slo(latency_s=0.02, quantile=0.99, rate_hz=10.0)
    plan = solve(drawn_problem(5, cuts=161, edge_points=56, server_points=110, slo=slo))
    assert plan.evaluated < 0.001 * 161 * 2 * 56 * 110


def test_few_are_priced_where_only_some_wires_keep_the_rate() -> None:
    """The cheapest pair of a cut need not keep the rate with each of its codecs; what does is found at once."""
    problem = drawn_problem(3, cuts=161, edge_points=56, server_points=110, slo=Slo(rate_hz=30.0))
    plan = solve(problem)
    assert plan.status == OPTIMAL
    assert plan.evaluated < 0.002 * 161 * 2 * 56 * 110


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), policy=st.sampled_from([each for each in Policy if each is not Policy.GOVERNOR]))
def test_no_baseline_wins(problem: Problem, policy: Policy) -> None:
    """A policy that keeps the service level never takes less energy; one that keeps it proves that a plan does too."""
    plan, other = solve(problem), plan_choices(policy, problem)
    if other.status == OPTIMAL:
        assert plan.status == OPTIMAL
        assert plan.energy_j is not None
        assert other.energy_j is not None
        assert plan.energy_j <= other.energy_j * (1 + 1e-9)


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems())
def test_an_optimal_plan_keeps_every_constraint(problem: Problem) -> None:
    """Recomputed from the contract, with its tolerance; and only such a plan says that it is optimal."""
    plan, slo = solve(problem), problem.slo
    if plan.status != OPTIMAL:
        return
    assert plan.cut is not None
    assert plan.breakdown is not None
    assert plan.latency_bound_s is not None
    cut, spent = problem.cuts[plan.cut], plan.breakdown
    assert cut.allowed
    loss = min(v.accuracy_loss for v in problem.variants if v.name == plan.variant)
    loss += min(w.accuracy_loss for w in cut.wires if w.codec == plan.codec)
    assert loss <= problem.max_accuracy_loss * (1 + 1e-9)
    assert slo.latency_s is None or plan.latency_bound_s <= slo.latency_s * (1 + 1e-9)
    stages_s = spent.t_edge + spent.encode_s, spent.t_up, spent.t_down, spent.t_server + spent.decode_s
    assert slo.rate_hz is None or max(stages_s) <= (1 + 1e-9) / slo.rate_hz


def test_ties_are_settled_with_what_was_dropped_for_being_slow() -> None:
    """A slow choice of slightly less J is no plan itself, but decides how far from it a tie may be.

    All on the server is bounded below every other, yet feasible only at a high cost; the middle cut
    has the least J and is slow; of the two clocks at home one ties with it and the other, faster, just
    does not.
    """
    problem = small_problem()
    point = problem.edge.points[0]
    server_point = replace(problem.server.points[0], idle_w=0.0)
    wire = replace(problem.cuts[1].wires[0], uplink_bytes=0.0, downlink_bytes=0.0)
    problem = replace(
        problem,
        slo=Slo(latency_s=1.0, quantile=0.9, rate_hz=1.0),
        link=replace(problem.link, rtt_s=0.0, latency_std_s=0.0),
        edge=replace(problem.edge, points=(replace(point, wait_w=0.0),) * 2),
        server=replace(problem.server, points=(server_point,) * 2),
        cuts=(*(replace(cut, wires=(wire,)) for cut in problem.cuts[:2]), problem.cuts[2]),
        variants=(
            replace(
                problem.variants[0],
                edge=SideTables(
                    time_s=((0.0, 0.0), (0.0, 0.0), (0.5, 0.25)),
                    busy_w=((0.0, 0.0), (0.0, 0.0), (2.0, 4.0 * (1 + 8e-10))),
                ),
                server=SideTables(
                    time_s=((0.1, 0.1), (0.7, 0.7), (0.0, 0.0)),
                    busy_w=((10.0 * (1 - 3.5e-10), 100.0), ((1 - 3e-10) / 0.7,) * 2, (0.0, 0.0)),
                    time_std_s=((10.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
                ),
            ),
        ),
    )
    plan = solve(problem)
    assert (plan.cut, plan.edge_point) == (2, 0)
    assert answer(plan) == answer(solve_exhaustively(problem))


def test_equal_energies_go_to_the_faster() -> None:
    """Within one in a billion of the least J the lowest T_q wins, not the first."""
    problem = with_edge_tables(
        small_problem(), ((0.0, 0.0), (1.0, 1.0), (0.02, 0.01)), ((0.0, 0.0), (9.0, 9.0), (4.0, 8.0 * (1 + 4e-10)))
    )
    problem = replace(problem, objective=Objective(server_weight=1e9))
    assert solve(problem).edge_point == 1
    slower = with_edge_tables(
        problem, ((0.0, 0.0), (1.0, 1.0), (0.02, 0.01)), ((0.0, 0.0), (9.0, 9.0), (4.0, 8.0 * (1 + 4e-9)))
    )
    assert solve(slower).edge_point == 0


def test_full_ties_go_to_the_lowest_indices() -> None:
    """Equal J and equal T_q: the first wire, the first variant, the first points."""
    problem = small_problem()
    same_edge = (replace(problem.edge.points[0], core_mhz=1.0), problem.edge.points[0])
    cuts = (replace(problem.cuts[0], wires=problem.cuts[0].wires[:1] * 2), *problem.cuts[1:])
    row = SideTables(time_s=((0.0, 0.0), (0.1, 0.1), (1.0, 1.0)), busy_w=((5.0, 5.0),) * 3)
    variants = (replace(problem.variants[0], edge=row), replace(problem.variants[0], name="again", edge=row))
    plan = solve(replace(problem, edge=replace(problem.edge, points=same_edge), cuts=cuts, variants=variants))
    assert (plan.cut, plan.variant, plan.edge_point, plan.server_point) == (0, "eager-fp32", 0, 0)


@pytest.mark.parametrize(
    ("slo", "binding"),
    [
        (Slo(latency_s=0.001), ("latency",)),
        (Slo(rate_hz=1000.0), ("rate",)),
        (Slo(latency_s=0.001, rate_hz=1000.0), ("latency", "rate")),
    ],
)
def test_infeasible_describes_the_nearest(slo: Slo, binding: tuple[str, ...]) -> None:
    """The fastest choice is shown with its full cost and what it violates."""
    plan = solve(replace(small_problem(), slo=slo))
    assert plan.status == INFEASIBLE
    assert plan.binding == binding
    assert (plan.cut, plan.edge_point, plan.server_point) == (2, 1, None)
    assert plan.latency_s == 0.022
    assert plan.breakdown is not None


def test_nearest_ties_go_to_the_cheaper() -> None:
    """Equally fast choices: less energy, then lower indices."""
    problem = with_edge_tables(
        replace(small_problem(), slo=Slo(latency_s=0.001)),
        ((0.0, 0.0), (1.0, 1.0), (0.01, 0.01)),
        ((0.0, 0.0), (9.0, 9.0), (8.0, 4.0)),
    )
    assert solve(problem).edge_point == 1


def test_nothing_within_the_accuracy_budget() -> None:
    """Where no choice keeps the budget the plan is empty and says accuracy."""
    problem = small_problem()
    problem = replace(problem, variants=(replace(problem.variants[0], accuracy_loss=0.5),))
    plan = solve(problem)
    assert (plan.status, plan.binding, plan.cut, plan.breakdown) == (INFEASIBLE, ("accuracy",), None, None)


def test_forbidden_cuts_are_never_taken() -> None:
    """Privacy and memory come before joules."""
    problem = replace(small_problem(), cuts=tuple(replace(cut, allowed=False) for cut in small_problem().cuts))
    assert solve(problem).cut is None
    only_middle = (problem.cuts[0], replace(problem.cuts[1], allowed=True), problem.cuts[2])
    assert solve(replace(problem, cuts=only_middle)).cut == 1


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), factor=st.floats(1.0, 100.0))
def test_more_room_never_costs_more(problem: Problem, factor: float) -> None:
    """A faster link, a shorter round trip, a later deadline or a larger budget never raises J."""
    plan = solve(problem)
    assume(plan.status == OPTIMAL)
    assert plan.energy_j is not None
    link, slo = problem.link, problem.slo
    easier = [
        replace(problem, link=replace(link, uplink_bps=link.uplink_bps * factor)),
        replace(problem, link=replace(link, downlink_bps=link.downlink_bps * factor)),
        replace(problem, link=replace(link, rtt_s=link.rtt_s / factor)),
        replace(problem, max_accuracy_loss=problem.max_accuracy_loss * factor),
    ]
    if slo.latency_s is not None:
        easier.append(replace(problem, slo=replace(slo, latency_s=slo.latency_s * factor)))
    for other in easier:
        better = solve(other)
        assert better.status == OPTIMAL
        assert better.energy_j is not None
        assert better.energy_j <= plan.energy_j * (1 + 2e-9) + 1e-15


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_no_choice_beats_the_plan(problem: Problem, seed: int) -> None:
    """Restricting an optimum's problem to any one edge clock never finds less energy."""
    plan = solve(problem)
    assume(plan.status == OPTIMAL)
    assert plan.energy_j is not None
    kept = int(np.random.default_rng(seed).integers(len(problem.edge.points)))

    def column(table: Table) -> Table:
        return tuple((row[kept],) for row in table)

    restricted = replace(
        problem,
        edge=replace(problem.edge, points=(problem.edge.points[kept],)),
        variants=tuple(
            replace(
                variant,
                edge=SideTables(
                    time_s=column(variant.edge.time_s),
                    busy_w=column(variant.edge.busy_w),
                    time_std_s=None if variant.edge.time_std_s is None else column(variant.edge.time_std_s),
                ),
            )
            for variant in problem.variants
        ),
    )
    other = solve(restricted)
    if other.status == OPTIMAL:
        assert other.energy_j is not None
        assert other.energy_j >= plan.energy_j * (1 - 2e-9) - 1e-15


def test_evaluated_counts_choices_priced() -> None:
    """At least the plan itself was priced, and no choice is counted that does not exist."""
    plan = solve(small_problem())
    assert 0 < plan.evaluated <= 2 * (1 + 3)
    assert plan.solve_s > 0


def test_numbers_that_overflow_are_refused() -> None:
    """A plan never carries an infinity: the problem's units are wrong then."""
    problem = small_problem()
    points = (EdgePoint(core_mhz=1.0, memory_mhz=None, wait_w=1e308),) * 2
    tables = SideTables(time_s=((0.0, 0.0), (1e308, 1e308), (1e308, 1e308)), busy_w=((1e308, 1e308),) * 3)
    variant = replace(problem.variants[0], edge=tables)
    cuts = (replace(problem.cuts[0], allowed=False), *problem.cuts[1:])
    overflowing = replace(problem, edge=replace(problem.edge, points=points), variants=(variant,), cuts=cuts)
    with pytest.raises(ProblemError, match="stay finite"):
        solve(overflowing)


def test_a_new_link_reuses_what_was_seen() -> None:
    """Replanning on another bandwidth gives what a fresh problem would give."""
    problem = drawn_problem(5, cuts=6, edge_points=5, server_points=5)
    solve(problem)
    moved = replace(problem, link=replace(problem.link, uplink_bps=problem.link.uplink_bps / 50))
    fresh = replace(
        drawn_problem(5, cuts=6, edge_points=5, server_points=5),
        link=replace(problem.link, uplink_bps=problem.link.uplink_bps / 50),
    )
    assert answer(solve(moved)) == answer(solve(fresh)) == answer(solve_exhaustively(moved))
