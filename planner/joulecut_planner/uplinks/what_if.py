"""The plans over a grid of uplinks and deadlines in one call, each the one that `solve` gives.

Neighbouring uplinks share the search: between two that are solved only few choices can be the plan
(`joulecut_planner.uplinks.uplink_span`), and those are priced at each uplink in between. Many deadlines at one
uplink are read off one front instead.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joulecut_core.argument_types import expect_member, expect_type
from joulecut_core.plans import Plan
from joulecut_core.problem_rules import POSITIVE, check_number
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.variations import Downlink, with_deadline, with_uplink
from joulecut_planner.exact.solver import solve
from joulecut_planner.fronts.pareto import front_of
from joulecut_planner.given_problem import expect_problem
from joulecut_planner.uplinks.uplink_span import UplinkSpans
from joulecut_planner.uplinks.uplink_sweep import Answer, answers_at

_WORTH_A_FRONT = 16
"""Deadlines from which on one front is less work than a search for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """`plans[u][d]` is the plan at `uplinks_bps[u]` under the deadline `latencies_s[d]`, None for none.

    In each plan `evaluated` counts the choices priced at this point of the grid, and `solve_s` is its
    share of the seconds that the whole grid took.
    """

    uplinks_bps: tuple[float, ...]
    latencies_s: tuple[float | None, ...]
    plans: tuple[tuple[Plan, ...], ...]


def what_if(
    problem: Problem,
    *,
    uplinks_bps: Sequence[float] | None = None,
    latencies_s: Sequence[float | None] | None = None,
    downlink: Downlink = Downlink.FIXED,
) -> WhatIf:
    """The plan at each uplink (bits per second) under each deadline (seconds); the problem's own where left out.

    Exact: equal to `solve` at every point. Raises ProblemError, naming the position, where a number is
    not finite and above 0, or where the problem's numbers overflow; TypeError for what is no Problem, no Downlink or no
    list.
    """
    expect_problem(problem)
    expect_member("downlink", downlink, Downlink)
    started_s = time.perf_counter()
    uplinks = _numbers("uplinks_bps", [problem.link.uplink_bps] if uplinks_bps is None else uplinks_bps)
    latencies = _deadlines("latencies_s", [problem.slo.latency_s] if latencies_s is None else latencies_s)
    falling, deadlines = sorted(set(uplinks), reverse=True), tuple(dict.fromkeys(latencies))
    answers: dict[tuple[float, float | None], Answer] = {}
    if len(deadlines) >= max(_WORTH_A_FRONT, len(falling)):
        for uplink_bps in falling:
            read = _along_a_front(with_uplink(problem, uplink_bps, downlink), deadlines)
            answers |= {(uplink_bps, deadline): answer for deadline, answer in zip(deadlines, read, strict=True)}
    else:
        for deadline in deadlines:
            swept = answers_at(UplinkSpans(with_deadline(problem, deadline), downlink), falling)
            answers |= {(uplink_bps, deadline): answer for uplink_bps, answer in zip(falling, swept, strict=True)}
    share_s = (time.perf_counter() - started_s) / max(len(answers), 1)
    plans = {
        point: plan_for(answer.problem, answer.choice, evaluated=answer.evaluated, solve_s=share_s)
        for point, answer in answers.items()
    }
    return WhatIf(
        uplinks_bps=uplinks,
        latencies_s=latencies,
        plans=tuple(tuple(plans[uplink_bps, deadline] for deadline in latencies) for uplink_bps in uplinks),
    )


def _numbers(name: str, values: Sequence[float]) -> tuple[float, ...]:
    expect_type(name, values, Iterable, f"write {name}=[...]")
    return tuple(_number(f"{name}[{index}]", value) for index, value in enumerate(values))


def _deadlines(name: str, values: Sequence[float | None]) -> tuple[float | None, ...]:
    expect_type(name, values, Iterable, f"write {name}=[...]")
    return tuple(None if value is None else _number(f"{name}[{index}]", value) for index, value in enumerate(values))


def _number(path: str, value: float) -> float:
    check_number(path, value, POSITIVE)
    return float(value)


def _along_a_front(problem: Problem, deadlines: Sequence[float | None]) -> list[Answer]:
    front = front_of(with_deadline(problem, None), tolerance=TOLERANCE)
    answers: list[Answer] = []
    nearest: Answer | None = None
    for deadline in deadlines:
        under = with_deadline(problem, deadline)
        choice = front.cheapest_within(deadline)
        if choice is not None:
            answers.append(Answer(under, choice, front.evaluated))
            continue
        if nearest is None:
            plan = solve(under)
            nearest = Answer(under, None if plan.cut is None else choice_of(under, plan), plan.evaluated)
        # The nearest choice knows no deadline: it is the same under all that nothing meets.
        answers.append(Answer(under, nearest.choice, nearest.evaluated))
    return answers
