"""What else could have been chosen: the best choice that differs from the plan in one respect."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.choices.selection import pick
from joulecut_planner.exact.solver import solve


class Aspect(str, Enum):
    """What an alternative does differently."""

    CUT = "cut"
    """Any other cut; everything else is free."""
    CODEC = "codec"
    """The same cut over another wire; clocks and variant are free."""
    EDGE_CLOCK = "edge-clock"
    """The plan at another operating point of the edge alone."""
    SERVER_CLOCK = "server-clock"
    """The plan at another operating point of the server alone."""
    VARIANT = "variant"
    """Any other variant; everything else is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The best feasible choice that differs in `aspect`, and what it costs more (less where negative) than the plan.

    `reason` says why there is none where `plan` is None; the differences, joules of J and seconds of
    T_q, are None then too.
    """

    aspect: Aspect
    plan: Plan | None
    energy_difference_j: float | None
    latency_bound_difference_s: float | None
    reason: str | None


def alternatives(problem: Problem, choice: Choice, plan: Plan) -> tuple[Alternative, ...]:
    """The best alternative in every aspect to an optimal `plan`, which is `choice`; each solved exactly."""
    return (
        _than(plan, Aspect.CUT, solve(_without_cut(problem, choice.cut)), "no other cut keeps the constraints"),
        _other_codec(problem, choice, plan),
        _other_edge_clock(problem, choice, plan),
        _other_server_clock(problem, choice, plan),
        _other_variant(problem, choice, plan),
    )


def _than(plan: Plan, aspect: Aspect, other: Plan | None, reason: str) -> Alternative:
    if other is None or other.status != OPTIMAL:
        return Alternative(
            aspect=aspect, plan=None, energy_difference_j=None, latency_bound_difference_s=None, reason=reason
        )
    return Alternative(
        aspect=aspect,
        plan=other,
        energy_difference_j=(other.energy_j or 0.0) - (plan.energy_j or 0.0),
        latency_bound_difference_s=(other.latency_bound_s or 0.0) - (plan.latency_bound_s or 0.0),
        reason=None,
    )


def _without_cut(problem: Problem, forbidden: int) -> Problem:
    cuts = tuple(replace(cut, allowed=cut.allowed and c != forbidden) for c, cut in enumerate(problem.cuts))
    return replace(problem, cuts=cuts)


def _other_codec(problem: Problem, choice: Choice, plan: Plan) -> Alternative:
    wires = problem.cuts[choice.cut].wires
    if len(wires) == 1:
        return _than(plan, Aspect.CODEC, None, "the cut has no other codec")
    cuts = tuple(
        replace(cut, wires=wires[: choice.wire] + wires[choice.wire + 1 :])
        if c == choice.cut
        else replace(cut, allowed=False)
        for c, cut in enumerate(problem.cuts)
    )
    return _than(
        plan, Aspect.CODEC, solve(replace(problem, cuts=cuts)), "no other codec of the cut keeps the constraints"
    )


def _other_edge_clock(problem: Problem, choice: Choice, plan: Plan) -> Alternative:
    others = (replace(choice, edge_point=i) for i in range(len(problem.edge.points)) if i != choice.edge_point)
    return _than(plan, Aspect.EDGE_CLOCK, _best(problem, others), "no other clock of the edge keeps the constraints")


def _other_server_clock(problem: Problem, choice: Choice, plan: Plan) -> Alternative:
    if choice.server_point is None:
        return _than(plan, Aspect.SERVER_CLOCK, None, "the server has no part in the plan")
    others = (replace(choice, server_point=j) for j in range(len(problem.server.points)) if j != choice.server_point)
    return _than(
        plan, Aspect.SERVER_CLOCK, _best(problem, others), "no other clock of the server keeps the constraints"
    )


def _other_variant(problem: Problem, choice: Choice, plan: Plan) -> Alternative:
    variants = problem.variants[: choice.variant] + problem.variants[choice.variant + 1 :]
    if not variants:
        return _than(plan, Aspect.VARIANT, None, "there is no other variant")
    other = solve(replace(problem, variants=variants))
    return _than(plan, Aspect.VARIANT, other, "no other variant keeps the constraints")


def _best(problem: Problem, candidates: Iterable[Choice]) -> Plan:
    started_s = time.perf_counter()
    best, evaluated = pick(problem, candidates)
    return plan_for(problem, best, evaluated=evaluated, solve_s=time.perf_counter() - started_s)
