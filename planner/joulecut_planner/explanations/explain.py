"""How an explanation is worked out; every figure in it is exact."""

from __future__ import annotations

import sys

from joulecut_core.plans import OPTIMAL, Breakdown, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import ACCURACY, LATENCY, RATE, limit
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.choices.variations import with_deadline
from joulecut_planner.exact.solver import solve
from joulecut_planner.explanations.alternatives import alternatives
from joulecut_planner.explanations.explanation import DeadlinePrice, DeadlineStep, Explanation, Slack, UplinkRange
from joulecut_planner.fronts.pareto import front_of
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import PolicyRow

_SECONDS = ("t_edge", "encode_s", "t_up", "rtt_s", "decode_s", "t_server", "t_down")
_JOULES = ("edge_busy_j", "edge_wait_j", "encode_j", "radio_j", "server_busy_j", "decode_j", "server_idle_j")

_UPLINK_FACTOR = 16.0
"""Break points are looked for from this part of the uplink to this multiple of it."""


def explain(problem: Problem) -> Explanation:
    """The plan of a problem and why it is the plan.

    Raises ProblemError where the problem's numbers overflow, here or at the uplinks looked at.
    """
    plan = solve(problem)
    choice = None if plan.cut is None else choice_of(problem, plan)
    others = alternatives(problem, choice, plan) if choice is not None and plan.status == OPTIMAL else ()
    return Explanation(
        plan=plan,
        shares={} if plan.breakdown is None else _shares(plan.breakdown),
        slacks=() if choice is None else _slacks(problem, choice, plan),
        deadline_price=_deadline_price(problem, plan),
        alternatives=others,
        uplink=_uplink_range(problem),
    )


def _shares(breakdown: Breakdown) -> dict[str, float]:
    shares: dict[str, float] = {}
    for names in (_SECONDS, _JOULES):
        values = {name: float(getattr(breakdown, name)) for name in names}
        total = sum(values.values())
        shares |= {name: value / total if total else 0.0 for name, value in values.items()}
    return shares


def _slacks(problem: Problem, choice: Choice, plan: Plan) -> tuple[Slack, ...]:
    cost, slo = price(problem, choice), problem.slo
    slacks = []
    if slo.latency_s is not None:
        slacks.append(_slack(plan, LATENCY, cost.latency_bound_s, slo.latency_s))
    if slo.rate_hz is not None:
        where = cost.breakdown
        stages = {
            "edge part and encode": where.t_edge + where.encode_s,
            "uplink": where.t_up,
            "downlink": where.t_down,
            "server part and decode": where.t_server + where.decode_s,
        }
        slowest = max(stages, key=lambda name: stages[name])
        slacks.append(_slack(plan, RATE, cost.slowest_stage_s, 1.0 / slo.rate_hz, slowest))
    slacks.append(_slack(plan, ACCURACY, cost.accuracy_loss, problem.max_accuracy_loss))
    return tuple(slacks)


def _slack(plan: Plan, constraint: str, used: float, bound: float, stage: str | None = None) -> Slack:
    binds = constraint in plan.binding
    return Slack(constraint=constraint, used=used, bound=bound, left=bound - used, binds=binds, stage=stage)


def _deadline_price(problem: Problem, plan: Plan) -> DeadlinePrice:
    deadline_s = problem.slo.latency_s
    if deadline_s is None:
        return _no_price("no deadline is set")
    if plan.status != OPTIMAL or plan.latency_bound_s is None or plan.energy_j is None:
        return _no_price("no choice keeps the constraints")
    steps = front_of(with_deadline(problem, None)).steps
    pairs = list(zip(steps.bound_s.tolist(), steps.energy_j.tolist(), strict=True))
    later = next((pair for pair in pairs if pair[0] > limit(deadline_s)), None)
    if later is None:
        return _no_price("the cheapest choice of all is in time: a later deadline saves nothing")
    earlier = next((pair for pair in reversed(pairs) if pair[0] < plan.latency_bound_s), None)
    own = (plan.latency_bound_s, plan.energy_j)
    return DeadlinePrice(later=_step(own, later), earlier=None if earlier is None else _step(own, earlier), reason=None)


def _step(own: tuple[float, float], other: tuple[float, float]) -> DeadlineStep:
    joules, milliseconds = abs(other[1] - own[1]), 1e3 * abs(other[0] - own[0])
    return DeadlineStep(latency_bound_s=other[0], energy_j=other[1], price_j_per_ms=joules / milliseconds)


def _no_price(reason: str) -> DeadlinePrice:
    return DeadlinePrice(later=None, earlier=None, reason=reason)


def _uplink_range(problem: Problem) -> UplinkRange:
    uplink_bps = problem.link.uplink_bps
    lowest_bps = max(uplink_bps / _UPLINK_FACTOR, sys.float_info.min)
    highest_bps = min(uplink_bps * _UPLINK_FACTOR, sys.float_info.max)
    table = break_points(problem, lowest_bps, highest_bps)
    stays = table.at(uplink_bps)
    place = table.rows.index(stays)
    slower, faster = table.rows[:place][::-1], table.rows[place + 1 :]
    return UplinkRange(
        lowest_bps=lowest_bps,
        highest_bps=highest_bps,
        stays=stays,
        slower=slower[0] if slower else None,
        faster=faster[0] if faster else None,
        slower_cut=next((row for row in slower if _is_elsewhere(row, stays)), None),
        faster_cut=next((row for row in faster if _is_elsewhere(row, stays)), None),
    )


def _is_elsewhere(row: PolicyRow, stays: PolicyRow) -> bool:
    return (row.status, row.cut) != (stays.status, stays.cut)
