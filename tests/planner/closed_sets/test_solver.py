"""The planner over closed sets: equal to brute force, never behind prefixes or DADS, honest beyond the limit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Edge, EdgePoint, Link, Server, ServerPoint, Slo
from joulecut_planner.closed_sets import BlockTables, DagProblem, WireRule, best_prefix, solve_dag
from tests.planner.closed_sets.brute_force import every_choice
from tests.planner.closed_sets.drawn_graphs import dag_problems
from tests.planner.closed_sets.integer_program import least_offloaded_j
from tests.thoroughness import examples

CLOSE = 1e-9


def fork(*, uplink_bps: float = 1e8, latency_s: float | None = None) -> DagProblem:
    """A wide input, two branches that each shrink it, a join: only "both shrunk, not joined" sends little.

    The captured order runs branch 0 to its end before branch 1, so no prefix is that set.
    """
    names = ("shrink0", "widen0", "shrink1", "widen1", "join")
    graph = BlockGraph(
        network="fork",
        blocks=tuple(GraphBlock(name=name, operations=()) for name in names),
        tensors=(
            GraphTensor(name="x", producer=INPUT, consumers=(0, 2), size_bytes=500_000),
            GraphTensor(name="s0", producer=0, consumers=(1,), size_bytes=20_000),
            GraphTensor(name="w0", producer=1, consumers=(4,), size_bytes=500_000),
            GraphTensor(name="s1", producer=2, consumers=(3,), size_bytes=20_000),
            GraphTensor(name="w1", producer=3, consumers=(4,), size_bytes=500_000),
            GraphTensor(name="y", producer=4, consumers=(), size_bytes=4_000, leaves=True),
        ),
    )
    edge_s = (0.001, 0.05, 0.001, 0.05, 0.05)
    return DagProblem(
        graph=graph,
        edge=Edge(points=(EdgePoint(core_mhz=600.0, memory_mhz=None, wait_w=3.0),)),
        server=Server(points=(ServerPoint(core_mhz=1500.0, memory_mhz=None),)),
        edge_blocks=BlockTables(time_s=tuple((t,) for t in edge_s), busy_w=((8.0,),) * 5),
        server_blocks=BlockTables(time_s=tuple((t / 20,) for t in edge_s), busy_w=((60.0,),) * 5),
        link=Link(uplink_bps=uplink_bps, downlink_bps=1e9, rtt_s=0.001, uplink_w=1.0),
        wires=(WireRule(codec="raw"),),
        slo=Slo(latency_s=latency_s),
    )


@settings(max_examples=examples(100), deadline=None)
@given(problem=dag_problems())
def test_equal_to_brute_force(problem: DagProblem) -> None:
    """The plan has the least J of all closed subsets, wires and clocks, or says that none is feasible."""
    choices = list(every_choice(problem))
    plan = solve_dag(problem)
    feasible = [choice for choice in choices if choice.feasible]
    assert plan.exhaustive
    assert (plan.best.plan.status == OPTIMAL) == bool(feasible)
    if feasible:
        least_j = min(choice.energy_j for choice in feasible)
        assert plan.best.plan.energy_j == pytest.approx(least_j, rel=CLOSE, abs=1e-15)
        assert plan.gap == 0.0
    elif choices:
        assert plan.best.plan.latency_bound_s == pytest.approx(min(choice.bound_s for choice in choices), rel=CLOSE)
        assert plan.gap is None


@settings(max_examples=examples(50), deadline=None)
@given(problem=dag_problems())
def test_never_behind_prefixes_or_dads(problem: DagProblem) -> None:
    """What a planner of a line finds, and what DADS chooses where it keeps the SLO, cost at least as much."""
    plan = solve_dag(problem)
    for saving, other in ((plan.saving_over_prefix, plan.prefix), (plan.saving_over_dads, plan.dads)):
        if other.plan.status == OPTIMAL:
            assert saving is not None
            assert saving >= -CLOSE


@settings(max_examples=examples(100), deadline=None)
@given(problem=dag_problems())
def test_beyond_the_limit(problem: DagProblem) -> None:
    """With nothing listed: the plan is feasible, behind neither prefix nor DADS, and the bound is below the optimum."""
    plan = solve_dag(problem, most_sets=1)
    assert not plan.exhaustive
    feasible = [choice.energy_j for choice in every_choice(problem) if choice.feasible]
    if plan.best.plan.status == OPTIMAL:
        assert plan.best.plan.energy_j is not None
        assert plan.lower_bound_j is not None
        assert plan.gap is not None
        least_j = min(feasible)
        assert plan.best.plan.energy_j >= least_j * (1 - CLOSE) - 1e-15
        assert plan.lower_bound_j <= least_j * (1 + CLOSE) + 1e-15
        assert plan.gap >= 0.0
        for other in (plan.prefix.plan, plan.dads.plan):
            if other.status == OPTIMAL and other.energy_j is not None:
                assert plan.best.plan.energy_j <= other.energy_j * (1 + CLOSE)
    elif feasible:
        # Missed, which only a rate can cause; the bound must still admit what is there.
        assert problem.slo.rate_hz is not None
        assert plan.lower_bound_j is not None
        assert plan.lower_bound_j <= min(feasible) * (1 + CLOSE) + 1e-15


@settings(max_examples=examples(50), deadline=None)
@given(problem=dag_problems())
def test_without_deadline_and_rate_the_minimum_cut_is_exact(problem: DagProblem) -> None:
    """Nothing is relaxed then, so the search beyond the limit proves its plan optimal."""
    problem = replace(problem, slo=Slo())
    plan = solve_dag(problem, most_sets=1)
    least_j = min(choice.energy_j for choice in every_choice(problem))
    assert plan.best.plan.energy_j == pytest.approx(least_j, rel=CLOSE, abs=1e-15)


@settings(max_examples=examples(40), deadline=None)
@given(problem=dag_problems())
def test_few_cuts_give_a_wider_but_true_bound(problem: DagProblem) -> None:
    """A search that is stopped at once still proves what it says."""
    plan = solve_dag(problem, most_sets=1, most_cuts=1)
    feasible = [choice.energy_j for choice in every_choice(problem) if choice.feasible]
    if feasible and plan.lower_bound_j is not None:
        assert plan.lower_bound_j <= min(feasible) * (1 + CLOSE) + 1e-15


@pytest.mark.parametrize("most_sets", [10_000, 1])
def test_a_set_that_is_no_prefix(most_sets: int) -> None:
    """Two narrow tensors of parallel branches cross where every prefix sends a wide one; the saving is reported."""
    plan = solve_dag(fork(), most_sets=most_sets)
    assert plan.best.blocks == frozenset({0, 2})
    assert plan.best.plan.cut_name == "shrink0 + shrink1"
    assert plan.crossing == ("s0", "s1")
    assert plan.dads.blocks == frozenset({0, 2})
    saving = plan.saving_over_prefix
    assert saving is not None
    assert saving > 0.2
    prefix_j = best_prefix(fork()).plan.energy_j
    assert prefix_j is not None
    assert plan.best.plan.energy_j == pytest.approx((1 - saving) * prefix_j)


def test_a_bad_link_keeps_all_at_home() -> None:
    """Where nothing is worth sending no set beats the last prefix."""
    plan = solve_dag(fork(uplink_bps=1e4))
    assert plan.best.plan.cut_name == "output"
    assert plan.best.blocks == fork().graph.everything
    assert plan.crossing == ()
    assert plan.saving_over_prefix == 0.0


def test_infeasible() -> None:
    """A deadline that nothing keeps: the nearest choice, and no claim about joules."""
    plan = solve_dag(fork(latency_s=1e-4))
    assert plan.best.plan.status == INFEASIBLE
    assert plan.lower_bound_j is None
    assert plan.gap is None
    assert plan.saving_over_prefix is None


def towers_problem(*, uplink_bps: float, latency_s: float) -> DagProblem:
    """Fifteen towers of three blocks side by side: 4^15 closed sets."""
    towers, depth = 15, 3
    count = towers * depth + 1
    chain = [
        GraphTensor(
            name=f"t{tower}.{level}",
            producer=tower * depth + level,
            consumers=(tower * depth + level + 1 if level < depth - 1 else count - 1,),
            size_bytes=2000 * (1 + (7 * tower + 3 * level) % 11),
        )
        for tower in range(towers)
        for level in range(depth)
    ]
    graph = BlockGraph(
        network="towers",
        blocks=tuple(GraphBlock(name=f"b{index}", operations=()) for index in range(count)),
        tensors=(
            GraphTensor(name="x", producer=INPUT, consumers=tuple(range(0, count - 1, depth)), size_bytes=150_000),
            *chain,
            GraphTensor(name="y", producer=count - 1, consumers=(), size_bytes=4000, leaves=True),
        ),
    )
    clocks = (0.5, 0.75, 1.0)
    edge_s = tuple(tuple(0.001 * (1 + (5 * b) % 7) / clock for clock in clocks) for b in range(count))
    server_s = tuple(tuple(0.0002 * (1 + (3 * b) % 5) / clock for clock in clocks) for b in range(count))
    return DagProblem(
        graph=graph,
        edge=Edge(points=tuple(EdgePoint(core_mhz=600 * c, memory_mhz=None, wait_w=2 + c) for c in clocks)),
        server=Server(points=tuple(ServerPoint(core_mhz=1500 * c, memory_mhz=None) for c in clocks)),
        edge_blocks=BlockTables(time_s=edge_s, busy_w=(tuple(3 + 6 * c**3 for c in clocks),) * count),
        server_blocks=BlockTables(time_s=server_s, busy_w=(tuple(40 + 90 * c**3 for c in clocks),) * count),
        link=Link(uplink_bps=uplink_bps, downlink_bps=1e9, rtt_s=0.002, uplink_w=1.0),
        wires=(WireRule(codec="raw"),),
        slo=Slo(latency_s=latency_s),
    )


@pytest.mark.parametrize(("uplink_bps", "latency_s"), [(2e7, 0.12), (1.5e7, 0.14), (1e7, 0.16)])
def test_more_sets_than_can_be_listed(uplink_bps: float, latency_s: float) -> None:
    """The plan and its bound lie on either side of an integer program's optimum, the plan close to it."""
    problem = towers_problem(uplink_bps=uplink_bps, latency_s=latency_s)
    plan = solve_dag(problem)
    assert not plan.exhaustive
    assert plan.best.plan.energy_j is not None
    assert plan.lower_bound_j is not None
    least_j = least_offloaded_j(problem)
    assert plan.lower_bound_j <= least_j * (1 + CLOSE)
    assert least_j * (1 - CLOSE) <= plan.best.plan.energy_j <= least_j * 1.01
    assert plan.gap is not None
    assert plan.gap < 0.15
    assert plan.saving_over_prefix is not None
    assert plan.saving_over_prefix >= 0.0


def test_wrong_tables_are_named() -> None:
    """A table that does not fit the graph, or a negative rule, says where."""
    problem = fork()
    with pytest.raises(ProblemError, match=r"^edge_blocks\.time_s: .*expected 5 rows"):
        replace(problem, edge_blocks=replace(problem.edge_blocks, time_s=((0.1,),)))
    with pytest.raises(ProblemError, match=r"^server_blocks\.busy_w\[0\]\[0\]: nan"):
        replace(problem, server_blocks=replace(problem.server_blocks, busy_w=((math.nan,),) * 5))
    with pytest.raises(ProblemError, match=r"^edge_blocks\.busy_w\[0\]: .*expected 1 numbers"):
        replace(problem, edge_blocks=replace(problem.edge_blocks, busy_w=((1.0, 2.0),) * 5))
    with pytest.raises(ProblemError, match=r"^wires\[0\]\.share: -1"):
        replace(problem, wires=(WireRule(codec="raw", share=-1.0),))
    with pytest.raises(ProblemError, match=r"^wires: empty"):
        replace(problem, wires=())
    with pytest.raises(ProblemError, match=r"^link\.uplink_bps: 0"):
        solve_dag(replace(problem, link=replace(problem.link, uplink_bps=0.0)))
