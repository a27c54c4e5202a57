"""The contract's plan of one edge in a fleet: a choice at a share of the uplink, with the wait for the server."""

from __future__ import annotations

import math
from dataclasses import replace

from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Shared
from joulecut_core.plans import OPTIMAL, Plan, PowerScopes
from joulecut_core.problems import Problem, Table
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.choices.constraints import TOLERANCE, binding, violated
from joulecut_planner.choices.pricing import Choice, Crossing, Part, Price, crossing_of, price_parts
from joulecut_planner.fleet.stages import most_bps_of, rate_hz_of

_NUDGE = 2.0**-51
"""The first step, relative, by which a share grows until rounding leaves the deadline kept."""


def firm_bps(problem: Problem, shared: Shared, choice: Choice, least_bps: float) -> float:
    """The least share at which an offloading choice keeps its bounds without their tolerance, as far as it can.

    `least_bps` is the share at which it just keeps them with it.
    """
    sent_bits = 8.0 * problem.cuts[choice.cut].wires[choice.wire].uplink_bytes
    if sent_bits == 0.0:
        return least_bps
    longest_s = min(sent_bits / least_bps, 1.0 / rate_hz_of(problem))
    if problem.slo.latency_s is not None:
        longest_s = min(longest_s, sent_bits / least_bps - TOLERANCE * problem.slo.latency_s)
    most_bps = most_bps_of(problem, shared)
    return most_bps if longest_s * most_bps <= sent_bits else max(sent_bits / longest_s, least_bps)


def priced_at(problem: Problem, shared: Shared, choice: Choice, share_bps: float) -> Price:
    """The cost of a choice at a share of the uplink, the wait for the server in its latency."""
    variant, cut, point = problem.variants[choice.variant], problem.cuts[choice.cut], choice.edge_point
    edge = Part(
        time_s=variant.edge.time_s[choice.cut][point],
        std_s=_spread(variant.edge.time_std_s, choice.cut, point),
        busy_w=variant.edge.busy_w[choice.cut][point],
        idle_w=problem.edge.points[point].wait_w,
    )
    if choice.server_point is None:
        return price_parts(problem, edge, Part(), Crossing(), accuracy_loss=variant.accuracy_loss)
    point, wire = choice.server_point, cut.wires[choice.wire]
    server = Part(
        time_s=variant.server.time_s[choice.cut][point],
        std_s=_spread(variant.server.time_std_s, choice.cut, point),
        busy_w=variant.server.busy_w[choice.cut][point],
        idle_w=problem.server.points[point].idle_w,
    )
    crossing = crossing_of(wire, replace(problem.link, uplink_bps=share_bps))
    cost = price_parts(problem, edge, server, crossing, accuracy_loss=variant.accuracy_loss + wire.accuracy_loss)
    return replace(
        cost,
        latency_s=cost.latency_s + shared.server_wait_s,
        latency_bound_s=cost.latency_bound_s + shared.server_wait_s,
    )


def plan_at(
    problem: Problem, shared: Shared, choice: Choice, share_bps: float, *, evaluated: int, solve_s: float
) -> tuple[Plan, float]:
    """The plan of a choice at a share, and the share: a few roundings more where that is what the deadline takes.

    Raises ProblemError where the problem's numbers overflow.
    """
    cost = priced_at(problem, shared, choice, share_bps)
    step, most_bps = _NUDGE, most_bps_of(problem, shared)
    while choice.server_point is not None and share_bps < most_bps and violated(problem, cost):
        share_bps = min(share_bps * (1.0 + step), most_bps)
        step *= 2.0
        cost = priced_at(problem, shared, choice, share_bps)
    if not (math.isfinite(cost.latency_bound_s) and math.isfinite(cost.energy_j)):
        raise ProblemError(
            f"cuts[{choice.cut}]: {cost.latency_bound_s} s and {cost.energy_j} J; "
            "expected times and energies that stay finite: check the units of times, watts and bandwidths"
        )
    cut, offloaded = problem.cuts[choice.cut], choice.server_point is not None
    plan = Plan(
        status=OPTIMAL,
        cut=choice.cut,
        cut_name=cut.name,
        codec=cut.wires[choice.wire].codec,
        variant=problem.variants[choice.variant].name,
        edge_point=choice.edge_point,
        server_point=choice.server_point,
        edge_clock=clock_of(problem.edge.points[choice.edge_point]),
        server_clock=clock_of(problem.server.points[choice.server_point or 0]) if offloaded else None,
        latency_s=cost.latency_s,
        latency_bound_s=cost.latency_bound_s,
        energy_j=cost.energy_j,
        edge_energy_j=cost.edge_energy_j,
        server_energy_j=cost.server_energy_j,
        breakdown=cost.breakdown,
        power_scopes=PowerScopes(edge=problem.edge.power_scope, server=problem.server.power_scope),
        binding=binding(problem, cost),
        evaluated=evaluated,
        solve_s=solve_s,
    )
    return plan, share_bps if offloaded else 0.0


def _spread(table: Table | None, cut: int, point: int) -> float:
    return 0.0 if table is None else table[cut][point]
