"""A policy table cut down to what an edge can hold: few bands of uplinks, each with the whole plan it runs there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.choices.variations import Downlink, with_uplink
from joulecut_planner.exact.solver import solve
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import PolicyRow

MOST_BANDS = 16
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkBand:
    """The plan for uplinks from `lowest_bps` up to the next band, priced at `lowest_bps`, where it is dearest."""

    lowest_bps: float
    plan: Plan


def plan_bands(
    problem: Problem, lowest_bps: float, highest_bps: float, *, most: int = MOST_BANDS
) -> tuple[UplinkBand, ...]:
    """Plans by rising uplink over a range, in bits per second; every one keeps the terms in all of its band.

    Below the first uplink that anything is feasible at, the plan is infeasible: the nearest one. Where there are more
    than `most`, the thinnest bands are given to the neighbour below, whose plan keeps the terms on faster links too.
    Raises ProblemError where the range is empty or not above 0.
    """
    rows = break_points(problem, lowest_bps, highest_bps, Downlink.FIXED).rows
    return tuple(_band(problem, row) for row in widest(rows, most))


def widest(rows: Sequence[PolicyRow], most: int) -> list[PolicyRow]:
    """At most so many of a table's rows, in their order: the thinnest are left out, but never the first to be feasible.

    Nothing may be given to an infeasible band, nor to nobody.
    """
    first = 1 if rows[0].status != INFEASIBLE else 2
    by_width = sorted(range(first, len(rows)), key=lambda index: rows[index].to_bps / rows[index].from_bps)
    left_out = set(by_width[: max(0, len(rows) - most)])
    return [row for index, row in enumerate(rows) if index not in left_out]


def _band(problem: Problem, row: PolicyRow) -> UplinkBand:
    found = [_priced(problem, choice, row.from_bps) for choice in _choices(problem, row)]
    if not found:
        nearest = solve(with_uplink(problem, row.from_bps, Downlink.FIXED))
        return UplinkBand(lowest_bps=row.from_bps, plan=nearest)
    return min(found, key=lambda band: _distance(band.plan, row))


def _priced(problem: Problem, choice: Choice, lowest_bps: float) -> UplinkBand:
    # Where a choice begins to keep its terms, the last bit of the break point may still be on the wrong side.
    for uplink_bps in (lowest_bps, lowest_bps * (1.0 + _ROUNDING)):
        there = with_uplink(problem, uplink_bps, Downlink.FIXED)
        band = UplinkBand(lowest_bps=uplink_bps, plan=plan_for(there, choice, evaluated=0, solve_s=0.0))
        if band.plan.status == OPTIMAL:
            break
    return band


def _distance(plan: Plan, row: PolicyRow) -> tuple[bool, float, float]:
    """How far a plan is from a row's figures; wires and variants may share a name, and one of them is the row's."""
    if None in (plan.energy_j, row.energy_j, plan.latency_bound_s, row.latency_bound_s):
        return True, 0.0, 0.0
    return (
        plan.status != row.status,
        abs((plan.energy_j or 0.0) - (row.energy_j or 0.0)),
        abs((plan.latency_bound_s or 0.0) - (row.latency_bound_s or 0.0)),
    )


def _choices(problem: Problem, row: PolicyRow) -> Iterator[Choice]:
    """Those that a row's names may mean, in the contract's order of ties; none where nothing is feasible."""
    if row.cut is None or row.edge_point is None:
        return
    for w, wire in enumerate(problem.cuts[row.cut].wires):
        for v, variant in enumerate(problem.variants):
            if (wire.codec, variant.name) == (row.codec, row.variant):
                yield Choice(cut=row.cut, wire=w, variant=v, edge_point=row.edge_point, server_point=row.server_point)
