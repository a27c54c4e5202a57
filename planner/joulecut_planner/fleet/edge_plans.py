"""The contract's plan of one edge in a fleet: a choice at a share of the uplink, with the wait for the server."""

from __future__ import annotations

import math
from dataclasses import replace

from joulecut_core.fleets import Shared
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import check_finite, plan_of
from joulecut_planner.choices.constraints import TOLERANCE, binding, violated
from joulecut_planner.choices.pricing import Choice, Price, price
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
    # Bits over an age are so few a second that there is no such number.
    carried_s = sent_bits / least_bps if least_bps > 0.0 else math.inf
    longest_s = min(carried_s, 1.0 / rate_hz_of(problem))
    if problem.slo.latency_s is not None:
        longest_s = min(longest_s, carried_s - TOLERANCE * problem.slo.latency_s)
    most_bps = most_bps_of(problem, shared)
    return most_bps if longest_s * most_bps <= sent_bits else max(sent_bits / longest_s, least_bps)


def priced_at(problem: Problem, shared: Shared, choice: Choice, share_bps: float) -> Price:
    """The cost of a choice at a share of the uplink, the wait for the server in its latency."""
    if choice.server_point is None:
        return price(problem, choice)
    cost = price(problem, choice, link=replace(problem.link, uplink_bps=share_bps))
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
    check_finite(choice, cost)
    plan = plan_of(
        problem,
        choice,
        cost,
        status=OPTIMAL,
        binding=binding(problem, cost),
        evaluated=evaluated,
        solve_s=solve_s,
    )
    return plan, 0.0 if choice.server_point is None else share_bps
