"""Problems made to mislead a solver: values at a bound's tolerance, energies that nearly tie, terms that cancel."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from joulecut_core.problems import Problem, SideTables, Slo, Table, Variant
from joulecut_planner.choices.pricing import Price, price
from joulecut_planner.exact.oracle import choices
from tests.planner.problem_strategies import problems

NUDGES = st.sampled_from([0.0, 1e-9, -1e-9, 0.999e-9, 1.001e-9, 1e-12, -1e-12, 3e-16, 2e-9, 1e-6])
"""Relative distances around the contract's tolerance."""

SCALES = st.sampled_from([1.0, 1.0, 1e-9, 1e-3, 1e4, 1e9])


@st.composite
def adversarial_problems(draw: st.DrawFn) -> Problem:
    """A small problem, scaled, its energies drawn together, its bounds put upon one of its choices."""
    problem = draw(problems())
    problem = scaled(problem, seconds=draw(SCALES), watts=draw(SCALES))
    if draw(st.booleans()):
        problem = _alike(draw, problem)
    if draw(st.booleans()):
        problem = _long_period(draw, problem)
    every = list(choices(problem))
    for _ in range(draw(st.integers(0, 2))):
        cost = price(problem, draw(st.sampled_from(every)))
        problem = _at_bound(problem, cost, draw(st.sampled_from(["deadline", "rate", "accuracy"])), draw(NUDGES))
    return problem


def scaled(problem: Problem, *, seconds: float, watts: float) -> Problem:
    """The same problem in other units of time and power; its plan is the same choice but for rounding."""
    slo, link = problem.slo, problem.link
    return replace(
        problem,
        slo=replace(
            slo,
            latency_s=None if slo.latency_s is None else slo.latency_s * seconds,
            rate_hz=None if slo.rate_hz is None else slo.rate_hz / seconds,
        ),
        link=replace(
            link,
            uplink_bps=link.uplink_bps / seconds,
            downlink_bps=link.downlink_bps / seconds,
            rtt_s=link.rtt_s * seconds,
            latency_std_s=link.latency_std_s * seconds,
            uplink_w=link.uplink_w * watts,
            downlink_w=link.downlink_w * watts,
        ),
        edge=replace(
            problem.edge, points=tuple(replace(point, wait_w=point.wait_w * watts) for point in problem.edge.points)
        ),
        server=replace(
            problem.server, points=tuple(replace(point, idle_w=point.idle_w * watts) for point in problem.server.points)
        ),
        cuts=tuple(
            replace(
                cut,
                wires=tuple(
                    replace(
                        wire,
                        encode_s=wire.encode_s * seconds,
                        decode_s=wire.decode_s * seconds,
                        encode_w=wire.encode_w * watts,
                        decode_w=wire.decode_w * watts,
                    )
                    for wire in cut.wires
                ),
            )
            for cut in problem.cuts
        ),
        variants=tuple(
            replace(
                variant,
                edge=_scaled_tables(variant.edge, seconds, watts),
                server=_scaled_tables(variant.server, seconds, watts),
            )
            for variant in problem.variants
        ),
    )


def _scaled_tables(tables: SideTables, seconds: float, watts: float) -> SideTables:
    return SideTables(
        time_s=_times(tables.time_s, seconds),
        busy_w=_times(tables.busy_w, watts),
        time_std_s=None if tables.time_std_s is None else _times(tables.time_std_s, seconds),
    )


def _times(table: Table, factor: float) -> Table:
    return tuple(tuple(value * factor for value in row) for row in table)


def _alike(draw: st.DrawFn, problem: Problem) -> Problem:
    """All points draw one power, busy or not, but for a few parts in ten billion: everything nearly ties."""
    nearly = st.sampled_from([0.0, 0.0, 3e-10, 6e-10, 9e-10, -4e-10, 1.2e-9])
    power_w = draw(st.sampled_from([0.0, 1.0, 40.0]))

    def watts() -> float:
        return power_w * (1.0 + draw(nearly))

    def alike(tables: SideTables) -> SideTables:
        return replace(tables, busy_w=tuple(tuple(watts() for _ in row) for row in tables.busy_w))

    def variant(each: Variant) -> Variant:
        return replace(each, edge=alike(each.edge), server=alike(each.server))

    return replace(
        problem,
        edge=replace(problem.edge, points=tuple(replace(point, wait_w=watts()) for point in problem.edge.points)),
        server=replace(problem.server, points=tuple(replace(point, idle_w=watts()) for point in problem.server.points)),
        variants=tuple(variant(each) for each in problem.variants),
    )


def _long_period(draw: st.DrawFn, problem: Problem) -> Problem:
    """One request in a long while: waiting is all that costs, and what computing costs is lost in its rounding."""
    rates = st.sampled_from([1e-9, 1e-6, 1e-3, 0.1])
    return replace(problem, slo=replace(problem.slo, rate_hz=draw(rates)))


def _at_bound(problem: Problem, cost: Price, kind: str, nudge: float) -> Problem:
    """The bound that one choice keeps or misses by `nudge` of it."""
    slo: Slo = problem.slo
    if kind == "accuracy":
        return replace(problem, max_accuracy_loss=cost.accuracy_loss / (1.0 + nudge))
    if kind == "deadline":
        bound_s = cost.latency_bound_s / (1.0 + nudge)
        return replace(problem, slo=replace(slo, latency_s=bound_s)) if _usable(bound_s) else problem
    period_s = cost.slowest_stage_s / (1.0 + nudge)
    return replace(problem, slo=replace(slo, rate_hz=1.0 / period_s)) if _usable(period_s) else problem


def _usable(seconds: float) -> bool:
    return seconds > 1e-300 and math.isfinite(1.0 / seconds)
